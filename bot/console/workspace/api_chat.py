"""The chat methods of the Web API (docs.slack.dev/reference/methods?filter=chat)."""

from dataclasses import replace
from typing import Any

from bot.console.workspace import limits
from bot.console.workspace.blocks import checked_blocks
from bot.console.workspace.calls import ApiError, Arguments, Method
from bot.console.workspace.schema import length
from bot.console.workspace.state import APP_ID, BOT_ID, BOT_USER, JSON, TEAM_ID, Channel, Message, State


def post_message(state: State, given: Arguments) -> JSON:
    channel = writable(state, given.required("channel", "channel_not_found"))
    message = content(state, given, Message(channel.id, "", BOT_USER, ""))
    thread = given.text("thread_ts")
    if thread and (channel.id, thread) not in state.messages:
        raise ApiError("thread_not_found")
    message = state.post(replace(message, ts=state.new_ts(), thread_ts=thread))
    return {"ok": True, "channel": channel.id, "ts": message.ts, "message": message_json(message)}


def post_ephemeral(state: State, given: Arguments) -> JSON:
    channel = writable(state, given.required("channel", "channel_not_found"))
    user = given.required("user", "user_not_in_channel")
    if user not in channel.members:
        raise ApiError("user_not_in_channel")
    message = content(state, given, Message(channel.id, "", BOT_USER, ""))
    message = replace(message, ts=state.new_ts(), thread_ts=given.text("thread_ts"), ephemeral_to=user)
    return {"ok": True, "message_ts": state.post(message).ts}


def update(state: State, given: Arguments) -> JSON:
    old = _own(state, given, "cant_update_message")
    message = content(state, given, old)
    if given.structure("metadata") == {}:
        message = replace(message, metadata=None)
    # Slack marks a message as edited for its readers only when its text alone was replaced.
    message = state.post(message if message.blocks else replace(message, edited=state.new_ts()))
    answer = message_json(message)
    return {"ok": True, "channel": message.channel, "ts": message.ts, "text": message.text, "message": answer}


def delete(state: State, given: Arguments) -> JSON:
    message = _own(state, given, "cant_delete_message")
    state.delete(message)
    return {"ok": True, "channel": message.channel, "ts": message.ts}


def permalink(state: State, given: Arguments) -> JSON:
    """Of any message in a channel that the app is in; what only one user sees has none."""
    channel, ts = given.required("channel", "channel_not_found"), given.required("message_ts", "message_not_found")
    known = state.channels.get(channel)
    if known is None or BOT_USER not in known.members:
        raise ApiError("channel_not_found")
    message = state.messages.get((channel, ts))
    if message is None or message.ephemeral_to:
        raise ApiError("message_not_found")
    address = f"{state.base_url}/archives/{channel}/p{ts.replace('.', '')}"
    thread = f"?thread_ts={message.thread_ts}&cid={channel}" if message.thread_ts else ""
    return {"ok": True, "channel": channel, "permalink": f"{address}{thread}"}


def content(state: State, given: Arguments, old: Message) -> Message:
    """`old` with the text, blocks and metadata of a call; text without blocks removes the old blocks.

    Raises ApiError `no_text`, `msg_too_long`, `invalid_blocks`, `msg_blocks_too_long`, `invalid_metadata_format`.
    """
    blocks, attachments = given.structure("blocks", "invalid_blocks_format"), given.structure("attachments")
    text = given.text("text")
    if not (text or blocks or attachments) and (not old.text or given.has("text")):
        raise ApiError("no_text")
    if length(text) > limits.MESSAGE_TEXT:
        raise ApiError("msg_too_long")
    if blocks is not None:
        old = replace(old, blocks=checked_blocks(state, blocks))
    elif given.has("text"):
        old = replace(old, blocks=())
    if attachments is not None:
        old = replace(old, attachments=tuple(attachments))
    if given.has("text"):
        old = replace(old, text=text)
    return replace(old, metadata=_metadata(given) or old.metadata)


def writable(state: State, name: str) -> Channel:
    """The channel the app may post in; a user's ID means the direct messages with that user.

    Raises ApiError `channel_not_found`, `is_archived`, `not_in_channel`.
    """
    if name in state.users:
        return state.im(name)
    channel = state.channels.get(name)
    if channel is None or (channel.is_private and BOT_USER not in channel.members):
        raise ApiError("channel_not_found")
    if channel.is_archived:
        raise ApiError("is_archived")
    if BOT_USER not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def message_json(message: Message, *, with_metadata: bool = True) -> JSON:
    """A message as history, `chat.*` answers and block actions show it."""
    answer: JSON = {"type": "message", "user": message.user, "text": message.text, "ts": message.ts}
    if message.user == BOT_USER:
        answer |= {"bot_id": BOT_ID, "app_id": APP_ID, "team": TEAM_ID}
    if message.blocks:
        answer["blocks"] = list(message.blocks)
    if message.attachments:
        answer["attachments"] = list(message.attachments)
    if message.thread_ts:
        answer["thread_ts"] = message.thread_ts
    if message.files:
        answer["files"] = [{"id": name} for name in message.files]
    if message.edited:
        answer["edited"] = {"user": message.user, "ts": message.edited}
    if message.metadata and with_metadata:
        answer["metadata"] = message.metadata
    return answer


def _own(state: State, given: Arguments, otherwise: str) -> Message:
    """The app's own message that a call names; what only one user sees is not found, as in Slack."""
    channel, ts = given.required("channel", "channel_not_found"), given.required("ts", "message_not_found")
    if channel not in state.channels:
        raise ApiError("channel_not_found")
    message = state.messages.get((channel, ts))
    if message is None or message.ephemeral_to:
        raise ApiError("message_not_found")
    if message.user != BOT_USER:
        raise ApiError(otherwise)
    return message


def _metadata(given: Arguments) -> Any:
    metadata = given.structure("metadata", "invalid_metadata_format")
    if not metadata:
        return None
    good = isinstance(metadata, dict) and set(metadata) == {"event_type", "event_payload"}
    if not good or not isinstance(metadata["event_type"], str) or not isinstance(metadata["event_payload"], dict):
        raise ApiError("invalid_metadata_format")
    return metadata


_WORDS = "channel text blocks attachments metadata as_user link_names parse"
METHODS = (
    Method(
        "chat.postMessage",
        post_message,
        f"{_WORDS} thread_ts reply_broadcast unfurl_links unfurl_media mrkdwn username icon_emoji icon_url",
        "chat:write",
    ),
    Method(
        "chat.postEphemeral",
        post_ephemeral,
        f"{_WORDS} user thread_ts username icon_emoji icon_url",
        "chat:write",
    ),
    Method("chat.update", update, f"{_WORDS} ts reply_broadcast file_ids", "chat:write"),
    Method("chat.delete", delete, "channel ts as_user", "chat:write"),
    Method("chat.getPermalink", permalink, "channel message_ts"),
)
