"""The views methods of the Web API (docs.slack.dev/reference/methods?filter=views)."""

from dataclasses import replace

from bot.console.workspace import limits
from bot.console.workspace.blocks import checked_view
from bot.console.workspace.calls import ApiError, Arguments, Method
from bot.console.workspace.state import APP_ID, BOT_ID, JSON, TEAM_ID, State, Trigger, View


def open_view(state: State, given: Arguments) -> JSON:
    body, trigger = _modal(state, given), _trigger(state, given)
    view = new_view(state, trigger.user, body)
    trigger.used = True
    state.stacks[trigger.user] = [view]
    state.touch()
    return {"ok": True, "view": view_json(view)}


def push(state: State, given: Arguments) -> JSON:
    body, trigger = _modal(state, given), _trigger(state, given)
    stack = state.stacks.get(trigger.user, [])
    if trigger.view_id not in [view.id for view in stack]:
        raise ApiError("not_found")
    view = pushed(state, trigger.user, body)
    trigger.used = True
    return {"ok": True, "view": view_json(view)}


def update(state: State, given: Arguments) -> JSON:
    body = checked_view(state, given.structure("view"))
    if given.has("external_id"):
        name = given.text("external_id")
        old = next((v for stack in state.stacks.values() for v in stack if v.body.get("external_id") == name), None)
    else:
        old = state.view(given.required("view_id"))
    if old is None:
        raise ApiError("not_found")
    if given.has("hash") and given.text("hash") != old.hash:
        raise ApiError("hash_conflict")
    return {"ok": True, "view": view_json(replaced(state, old, body))}


def publish(state: State, given: Arguments) -> JSON:
    user, body = given.required("user_id"), checked_view(state, given.structure("view"))
    if user not in state.users:
        raise ApiError("user_not_found")
    if body["type"] != "home":
        raise ApiError("invalid_arguments", ["unsupported type: modal [json-pointer:/view/type]"])
    old = state.homes.get(user)
    if old is not None and given.has("hash") and given.text("hash") != old.hash:
        raise ApiError("hash_conflict")
    view = replaced(state, old, body) if old else new_view(state, user, body)
    state.homes[user] = view
    state.touch()
    return {"ok": True, "view": view_json(view)}


def new_view(state: State, user: str, body: JSON, below: View | None = None) -> View:
    """A view that is not on any stack yet; `below` is the one that it will cover."""
    name = state.new_id("V")
    root = below.root_view_id if below else name
    return View(name, user, body, state.new_id("h"), root, below.id if below else None)


def pushed(state: State, user: str, body: JSON) -> View:
    """A new view on top of the user's stack. Raises ApiError `push_limit_reached` above three."""
    stack = state.stacks[user]
    if len(stack) >= limits.STACK:
        raise ApiError("push_limit_reached")
    stack.append(new_view(state, user, body, stack[-1]))
    state.touch()
    return stack[-1]


def replaced(state: State, old: View, body: JSON) -> View:
    """The same view with a new body and hash, put where the old one was."""
    view = replace(old, body=body, hash=state.new_id("h"))
    state.replace_view(view)
    return view


def view_json(view: View) -> JSON:
    """A view as answers and payloads show it."""
    defaults: JSON = {"title": None, "close": None, "submit": None, "private_metadata": "", "callback_id": ""}
    flags: JSON = {"external_id": "", "clear_on_close": False, "notify_on_close": False}
    return {
        **defaults,
        **flags,
        **view.body,
        "id": view.id,
        "team_id": TEAM_ID,
        "state": {"values": {}},
        "hash": view.hash,
        "root_view_id": view.root_view_id,
        "previous_view_id": view.previous_view_id,
        "app_id": APP_ID,
        "app_installed_team_id": TEAM_ID,
        "bot_id": BOT_ID,
    }


def _modal(state: State, given: Arguments) -> JSON:
    body = checked_view(state, given.structure("view"))
    if body["type"] != "modal":
        raise ApiError("invalid_arguments", ["unsupported type: home [json-pointer:/view/type]"])
    taken = [v.body.get("external_id") for stack in state.stacks.values() for v in stack]
    if body.get("external_id") and body["external_id"] in taken:
        raise ApiError("duplicate_external_id")
    return body


def _trigger(state: State, given: Arguments) -> Trigger:
    """The interaction that allows a modal: once, and within three seconds."""
    trigger = state.triggers.get(given.required("trigger_id"))
    if trigger is None:
        raise ApiError("invalid_trigger_id")
    if trigger.used:
        raise ApiError("exchanged_trigger_id")
    if state.now() > trigger.expires:
        raise ApiError("expired_trigger_id")
    return trigger


METHODS = (
    Method("views.open", open_view, "trigger_id view interactivity_pointer"),
    Method("views.push", push, "trigger_id view interactivity_pointer"),
    Method("views.update", update, "view view_id external_id hash"),
    Method("views.publish", publish, "view user_id hash"),
)
