"""Uploading a file: a URL, the bytes, then the completion (docs.slack.dev/messaging/working-with-files)."""

import secrets

from bot.console.workspace.api_chat import writable
from bot.console.workspace.calls import ApiError, Arguments, Method
from bot.console.workspace.state import BOT_USER, JSON, File, Message, State


def upload_url(state: State, given: Arguments) -> JSON:
    name, size = given.required("filename"), given.number("length", 0)
    if size <= 0:
        raise ApiError("invalid_arguments", ["must be more than 0 [json-pointer:/length]"])
    # The app may remember a file for longer than this workspace lives: its ID must never name another one.
    file = File(f"F{secrets.token_hex(5).upper()}", name, size)
    state.files[file.id] = file
    return {"ok": True, "upload_url": f"{state.base_url}/upload/{file.id}", "file_id": file.id}


def complete(state: State, given: Arguments) -> JSON:
    """Each upload once: of a completed one the ticket is gone. Slack processes the file after it has answered."""
    items = given.structure("files")
    if not isinstance(items, list) or not items:
        raise ApiError("invalid_arguments", ["missing required field: files"])
    files: list[tuple[File, str]] = []
    for item in items:
        file = state.files.get(str(item.get("id")))
        if file is None or file.content is None or file.ready:
            raise ApiError("file_not_found")
        files.append((file, str(item.get("title") or file.name)))
    completed = []
    for file, title in files:
        file.title, file.ready = title, state.now() + state.processing
        completed.append(file)
    names = [*given.text("channels").split(","), given.text("channel_id")]
    for channel in [writable(state, name) for name in names if name]:
        for file in completed:
            file.channels.append(channel.id)
        shared = tuple(file.id for file in completed)
        text = given.text("initial_comment")
        thread = given.text("thread_ts")
        state.post(Message(channel.id, state.new_ts(), BOT_USER, text, thread_ts=thread, files=shared))
    return {"ok": True, "files": [{"id": file.id, "title": file.title, "name": file.name} for file in completed]}


METHODS = (
    Method("files.getUploadURLExternal", upload_url, "filename length alt_txt snippet_type", "files:write"),
    Method(
        "files.completeUploadExternal",
        complete,
        "files channel_id channels initial_comment thread_ts blocks",
        "files:write",
    ),
)
