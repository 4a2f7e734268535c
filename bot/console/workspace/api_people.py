"""The Web API's methods about the workspace, its channels, people and user groups."""

from collections.abc import Sequence
from typing import Any

from bot.console.workspace.api_chat import message_json
from bot.console.workspace.calls import ApiError, Arguments, Method, need
from bot.console.workspace.state import BOT_ID, BOT_USER, JSON, TEAM_ID, Channel, State, User


def auth_test(state: State, _given: Arguments) -> JSON:
    return {
        "ok": True,
        "url": f"{state.base_url}/",
        "team": state.team_name,
        "user": "maildesk",
        "team_id": TEAM_ID,
        "user_id": BOT_USER,
        "bot_id": BOT_ID,
        "is_enterprise_install": False,
    }


def team_info(state: State, _given: Arguments) -> JSON:
    return {"ok": True, "team": {"id": TEAM_ID, "name": state.team_name, "domain": "workspace"}}


def channel_info(state: State, given: Arguments) -> JSON:
    return {"ok": True, "channel": _channel_json(_channel(state, given))}


def channel_members(state: State, given: Arguments) -> JSON:
    members = sorted(_channel(state, given).members)
    return _page(given, "members", members, 100)


def channel_list(state: State, given: Arguments) -> JSON:
    kinds = given.text("types", "public_channel").replace(" ", "").split(",")
    if not set(kinds) <= {"public_channel", "private_channel", "mpim", "im"}:
        raise ApiError("invalid_types")
    for kind in kinds:
        need(f"{_SCOPE[kind]}:read", state.scopes)
    seen = [channel for channel in state.channels.values() if _kind(channel) in kinds and _visible(channel)]
    if given.flag("exclude_archived"):
        seen = [channel for channel in seen if not channel.is_archived]
    return _page(given, "channels", [_channel_json(channel) for channel in seen], 100)


def channel_open(state: State, given: Arguments) -> JSON:
    users = [user for user in given.text("users").split(",") if user]
    if given.has("channel"):
        return {"ok": True, "channel": {"id": _channel(state, given, "write").id}}
    if len(users) != 1:
        raise ApiError("users_list_not_supplied" if not users else "not_enough_users")
    if users[0] not in state.users:
        raise ApiError("user_not_found")
    return {"ok": True, "channel": {"id": state.im(users[0]).id}}


def history(state: State, given: Arguments) -> JSON:
    """Newest first; replies in threads and what only one user sees are not part of it."""
    messages = [m for m in state.in_channel(_read(state, given).id) if not m.ephemeral_to and not m.thread_ts]
    return _messages(given, list(reversed(_within(given, messages))))


def replies(state: State, given: Arguments) -> JSON:
    ts, channel = given.required("ts"), _read(state, given)
    thread = [m for m in state.in_channel(channel.id) if not m.ephemeral_to and ts in (m.ts, m.thread_ts)]
    if not thread:
        raise ApiError("thread_not_found")
    return _messages(given, _within(given, thread))


def user_info(state: State, given: Arguments) -> JSON:
    user = state.users.get(given.required("user", "user_not_found"))
    if user is None:
        raise ApiError("user_not_found")
    return {"ok": True, "user": _user_json(user)}


def user_list(state: State, given: Arguments) -> JSON:
    return _page(given, "members", [_user_json(user) for user in state.users.values()], 1000)


def usergroup_list(state: State, given: Arguments) -> JSON:
    groups: list[JSON] = []
    for group in state.usergroups.values():
        groups.append({"id": group.id, "team_id": TEAM_ID, "handle": group.handle, "name": group.handle})
        if given.flag("include_users"):
            groups[-1]["users"] = list(group.users)
    return {"ok": True, "usergroups": groups}


def usergroup_users(state: State, given: Arguments) -> JSON:
    group = state.usergroups.get(given.required("usergroup"))
    if group is None:
        raise ApiError("no_such_subteam")
    return {"ok": True, "users": list(group.users)}


def _channel(state: State, given: Arguments, deed: str = "read") -> Channel:
    """The channel that a call names, if the app's scopes let it do this (`read`, `history`) to its kind."""
    channel = state.channels.get(given.required("channel", "channel_not_found"))
    if channel is None or not _visible(channel):
        raise ApiError("channel_not_found")
    need(f"{_SCOPE[_kind(channel)]}:{deed}", state.scopes)
    return channel


def _read(state: State, given: Arguments) -> Channel:
    channel = _channel(state, given, "history")
    if BOT_USER not in channel.members:
        raise ApiError("not_in_channel")
    return channel


def _visible(channel: Channel) -> bool:
    """Whether the app can see the channel at all: private ones only from the inside."""
    return not channel.is_private or BOT_USER in channel.members


def _kind(channel: Channel) -> str:
    if channel.im_with:
        return "im"
    return "private_channel" if channel.is_private else "public_channel"


def _channel_json(channel: Channel) -> JSON:
    if channel.im_with:
        return {"id": channel.id, "is_im": True, "user": channel.im_with, "is_archived": False}
    return {
        "id": channel.id,
        "name": channel.name,
        "is_channel": not channel.is_private,
        "is_group": channel.is_private,
        "is_im": False,
        "is_private": channel.is_private,
        "is_archived": channel.is_archived,
        "is_member": BOT_USER in channel.members,
        "num_members": len(channel.members),
        "context_team_id": TEAM_ID,
    }


def _user_json(user: User) -> JSON:
    real = user.real_name or user.name
    return {
        "id": user.id,
        "team_id": user.team_id,
        "name": user.name,
        "real_name": real,
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "is_restricted": user.is_restricted,
        "is_ultra_restricted": False,
        "is_stranger": user.team_id != TEAM_ID,
        "is_app_user": False,
        "tz": "Etc/UTC",
        "tz_offset": 0,
        "profile": {"real_name": real, "display_name": user.name, "team": user.team_id},
    }


def _within(given: Arguments, messages: list[Any]) -> list[Any]:
    oldest, latest = float(given.text("oldest", "0")), float(given.text("latest", "inf") or "inf")
    if given.flag("inclusive"):
        return [m for m in messages if oldest <= float(m.ts) <= latest]
    return [m for m in messages if oldest < float(m.ts) < latest]


def _messages(given: Arguments, messages: Sequence[Any]) -> JSON:
    full = given.flag("include_all_metadata")
    return _page(given, "messages", [message_json(m, with_metadata=full) for m in messages], 100)


def _page(given: Arguments, name: str, items: Sequence[Any], usual: int) -> JSON:
    """One page of a list: `limit` items (at most 1,000) from `cursor` on, and the next cursor if there is more."""
    limit, cursor = given.number("limit", usual), given.text("cursor")
    if not 1 <= limit <= 1000:
        raise ApiError("invalid_limit")
    if cursor and not cursor.isdecimal():
        raise ApiError("invalid_cursor")
    start = int(cursor or 0)
    more = start + limit < len(items)
    following = str(start + limit) if more else ""
    answer: JSON = {"ok": True, name: list(items[start : start + limit])}
    if name == "messages":
        answer["has_more"] = more
    return {**answer, "response_metadata": {"next_cursor": following}}


_SCOPE = {"public_channel": "channels", "private_channel": "groups", "im": "im", "mpim": "mpim"}
_PAGED = "limit cursor"
_HISTORY = f"channel oldest latest inclusive include_all_metadata {_PAGED}"
METHODS = (
    Method("auth.test", auth_test),
    Method("team.info", team_info, "team", "team:read"),
    Method("conversations.info", channel_info, "channel include_locale include_num_members"),
    Method("conversations.members", channel_members, f"channel {_PAGED}"),
    Method("conversations.list", channel_list, f"types exclude_archived {_PAGED}"),
    Method("conversations.open", channel_open, "channel users return_im prevent_creation", "im:write"),
    Method("conversations.history", history, _HISTORY),
    Method("conversations.replies", replies, f"ts {_HISTORY}"),
    Method("users.info", user_info, "user include_locale", "users:read"),
    Method("users.list", user_list, f"include_locale {_PAGED}", "users:read"),
    Method(
        "usergroups.list",
        usergroup_list,
        "include_users include_count include_disabled",
        "usergroups:read",
    ),
    Method("usergroups.users.list", usergroup_users, "usergroup include_disabled", "usergroups:read"),
)
