"""The `response_url`: five messages within thirty minutes (docs.slack.dev/interactivity/handling-user-interaction)."""

from dataclasses import replace
from datetime import timedelta

from bot.console.workspace.api_chat import content
from bot.console.workspace.calls import ApiError, Arguments
from bot.console.workspace.state import BOT_USER, Hook, Message, State

USES = 5
LIFE = timedelta(minutes=30)
TAKES = frozenset(
    (
        *("text", "blocks", "attachments", "metadata", "thread_ts", "mrkdwn", "unfurl_links", "unfurl_media"),
        *("response_type", "replace_original", "delete_original"),
    )
)


def new_hook(state: State, user: str, channel: str, message_ts: str = "") -> str:
    """A new `response_url`; with `message_ts` it can replace or delete that message."""
    name = state.new_id("hook")
    state.hooks[name] = Hook(user, channel, state.now() + LIFE, message_ts)
    return f"{state.base_url}/respond/{name}"


def respond(state: State, name: str, given: Arguments) -> None:
    """Does what was posted to a `response_url`.

    Raises ApiError `expired_url`, `used_url`, `invalid_payload`, and those of `chat.postMessage`'s content.
    """
    hook = state.hooks.get(name)
    if hook is None or state.now() > hook.expires:
        raise ApiError("expired_url")
    if hook.uses >= USES:
        raise ApiError("used_url")
    if unknown := set(given.values) - TAKES:
        raise ApiError("invalid_payload", [f"invalid additional property: {key}" for key in sorted(unknown)])
    hook.uses += 1
    original = state.messages.get((hook.channel, hook.message_ts))
    if given.flag("delete_original"):
        if original is None:
            raise ApiError("message_not_found")
        state.delete(original)
    elif original is not None and given.flag("replace_original"):
        state.post(content(state, given, replace(original, blocks=(), text="")))
    else:
        post_reply(state, hook.user, hook.channel, given)


def post_reply(state: State, user: str, channel: str, given: Arguments) -> Message:
    """A message in answer to an interaction: to the user alone unless `response_type` is `in_channel`."""
    kind = given.text("response_type", "ephemeral")
    if kind not in ("ephemeral", "in_channel"):
        raise ApiError("invalid_payload", [f"unsupported type: {kind} [json-pointer:/response_type]"])
    message = content(state, given, Message(channel, "", BOT_USER, ""))
    alone = user if kind == "ephemeral" else ""
    return state.post(replace(message, ts=state.new_ts(), ephemeral_to=alone, thread_ts=given.text("thread_ts")))
