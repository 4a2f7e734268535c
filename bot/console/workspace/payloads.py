"""The payloads of commands, presses, submissions and events (docs.slack.dev/reference/interaction-payloads)."""

from typing import Any

from bot.console.workspace.answers import answered
from bot.console.workspace.api_chat import message_json
from bot.console.workspace.api_views import view_json
from bot.console.workspace.hooks import new_hook
from bot.console.workspace.reading import Control
from bot.console.workspace.state import APP_ID, BOT_USER, JSON, TEAM_ID, Channel, Message, State, User, View

_KEPT = ("placeholder", "style", "confirm", "initial_option")
_DOMAIN = "workspace"
_VERIFICATION = "verification-token-of-the-local-workspace"


def slash_command(state: State, user: User, channel: Channel, command: str, text: str) -> JSON:
    return {
        "token": _VERIFICATION,
        "team_id": user.team_id,
        "team_domain": _DOMAIN,
        "channel_id": channel.id,
        "channel_name": "privategroup" if channel.is_private and not channel.im_with else channel.name,
        "user_id": user.id,
        "user_name": user.name,
        "command": command,
        "text": text,
        "api_app_id": APP_ID,
        "is_enterprise_install": "false",
        "response_url": new_hook(state, user.id, channel.id),
        "trigger_id": state.new_trigger(user.id),
    }


def message_action(
    state: State, user: User, shown: Message, control: Control, answer: JSON, values: dict[str, JSON]
) -> JSON:
    """A press in a message. An ephemeral one is not sent along: Slack does not keep it."""
    channel = state.channels[shown.channel]
    body = _interaction(state, "block_actions", user)
    body["container"] = {
        "type": "message",
        "message_ts": shown.ts,
        "channel_id": channel.id,
        "is_ephemeral": bool(shown.ephemeral_to),
    }
    if shown.thread_ts:
        body["container"]["thread_ts"] = shown.thread_ts
    body["channel"] = {"id": channel.id, "name": "directmessage" if channel.im_with else channel.name}
    if not shown.ephemeral_to:
        body["message"] = message_json(state.messages[(shown.channel, shown.ts)])
    body["state"] = {"values": values}
    body["response_url"] = new_hook(state, user.id, channel.id, shown.ts)
    body["actions"] = [_action(state, control, answer)]
    return body


def view_action(state: State, user: User, view: View, control: Control, answer: JSON, values: dict[str, JSON]) -> JSON:
    body = _interaction(state, "block_actions", user, view.id)
    body["container"] = {"type": "view", "view_id": view.id}
    body["view"] = {**view_json(view), "state": {"values": values}}
    body["actions"] = [_action(state, control, answer)]
    return body


def view_submission(state: State, user: User, view: View, values: dict[str, JSON]) -> JSON:
    body = _interaction(state, "view_submission", user, view.id)
    body["view"] = {**view_json(view), "state": {"values": values}}
    body["response_urls"] = []
    return body


def view_closed(state: State, user: User, view: View, *, is_cleared: bool) -> JSON:
    body = _interaction(state, "view_closed", user)
    del body["trigger_id"]
    return {**body, "view": view_json(view), "is_cleared": is_cleared}


def event(state: State, event: JSON) -> JSON:
    """An event of the Events API, in its envelope."""
    authorization = {
        "enterprise_id": None,
        "team_id": TEAM_ID,
        "user_id": BOT_USER,
        "is_bot": True,
        "is_enterprise_install": False,
    }
    return {
        "token": _VERIFICATION,
        "team_id": TEAM_ID,
        "api_app_id": APP_ID,
        "event": event,
        "type": "event_callback",
        "event_id": state.new_id("Ev"),
        "event_time": int(state.now().timestamp()),
        "authorizations": [authorization],
        "is_ext_shared_channel": False,
    }


def pressed(control: Control, option: Any) -> JSON:
    """What one press adds to `actions[0]` and, for all but buttons, to `state.values`."""
    if control.type != "button":
        return answered(control, option)
    value = control.element.get("value")
    return {"type": "button", "text": control.element["text"]} | ({} if value is None else {"value": value})


def _interaction(state: State, kind: str, user: User, view_id: str = "") -> JSON:
    return {
        "type": kind,
        "team": {"id": user.team_id, "domain": _DOMAIN},
        "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id},
        "api_app_id": APP_ID,
        "token": _VERIFICATION,
        "trigger_id": state.new_trigger(user.id, view_id),
        "enterprise": None,
        "is_enterprise_install": False,
    }


def _action(state: State, control: Control, answer: JSON) -> JSON:
    kept: JSON = {
        name: control.element[name] for name in ("placeholder", "style", "confirm") if name in control.element
    }
    names = {"action_id": control.action_id, "block_id": control.block_id}
    return {**names, **kept, **answer, "action_ts": state.new_ts()}
