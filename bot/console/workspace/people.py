"""The people's side of the workspace: typing commands, pressing, filling modals, opening the Home tab."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bot.console.workspace import payloads
from bot.console.workspace.answers import STATELESS, check_filled, values
from bot.console.workspace.api_views import pushed, replaced, view_json
from bot.console.workspace.blocks import checked_view
from bot.console.workspace.calls import ApiError, Arguments
from bot.console.workspace.hooks import post_reply
from bot.console.workspace.reading import Control, NotThere, find_control
from bot.console.workspace.sockets import Receipt, Sockets
from bot.console.workspace.state import JSON, SLACKBOT, Channel, Message, State, User, View

_NAMED = re.compile(r"(?<![^\s,:;(])([@#])([\w.:-]+)")
_LINKED = re.compile(r"(?<![\w.+@<|/])(?:(https?://[^\s<>|]+)|([\w.+-]+@[\w-]+(?:\.[\w-]+)+))")


class ConfirmNeeded(Exception):
    """The control asks before it acts: press again with `confirmed=True` (or False, which does nothing)."""


class People:
    """What any member can do, as Slack's client lets them; mistakes of the caller raise NotThere."""

    def __init__(self, state: State, sockets: Sockets, *, escape_links: bool) -> None:
        self._state = state
        self._sockets = sockets
        self._escape_links = escape_links

    async def command(self, user: str, channel: str, typed: str) -> Receipt:
        """Types a slash command such as `/mail status`. What the app acknowledges it with is shown at once."""
        person, place = self._user(user), self._place(user, channel)
        word, _, text = typed.strip().partition(" ")
        if not word.startswith("/"):
            raise NotThere(f"{typed!r} is not a slash command")
        payload = payloads.slash_command(self._state, person, place, word, self._escaped(text.strip()))
        receipt = await self._sockets.send("slash_commands", payload, accepts_payload=True)
        if receipt.acked and receipt.payload:
            try:
                post_reply(self._state, user, channel, Arguments(receipt.payload))
            except ApiError as error:
                receipt = replace(receipt, error=f"invalid_command_response: {error}")
        if not receipt.acked:
            self._slackbot(user, channel, f'{word} failed with the error "{receipt.error}"')
        return receipt

    async def say(self, user: str, channel: str, text: str) -> Message:
        """Writes an ordinary message."""
        self._place(user, channel)
        return self._state.post(Message(channel, self._state.new_ts(), user, text))

    async def press(
        self,
        user: str,
        where: Message | View,
        what: Control | str,
        option: Any = None,
        *,
        confirmed: bool | None = None,
    ) -> Receipt | None:
        """Presses a button, or chooses `option` (value or label) of a select or menu; `what` is an action_id or label.

        `where` is pressed as it stood when it was handed out, so an old copy can be pressed. A control with a dialog
        raises ConfirmNeeded unless `confirmed` is given; with False nothing happens and None comes back.
        """
        person = self._user(user)
        control = find_control(where, what) if isinstance(what, str) else what
        if control.confirm is not None and confirmed is None:
            raise ConfirmNeeded(control.confirm["title"]["text"])
        if confirmed is False:
            return None
        answer = payloads.pressed(control, option)
        key = where.id if isinstance(where, View) else f"{where.channel}/{where.ts}"
        if control.type not in STATELESS:
            self._state.picked.setdefault(key, {})[(control.block_id, control.action_id)] = answer
        given = values(self._state, where, key, {})
        if isinstance(where, View):
            view = self._open_view(user, where)
            payload = payloads.view_action(self._state, person, view, control, answer, given)
        else:
            self._seen(user, where)
            payload = payloads.message_action(self._state, person, where, control, answer, given)
        return await self._sockets.send("interactive", payload, accepts_payload=False)

    async def submit(self, user: str, view: View, given: Mapping[str, Any] | None = None) -> Receipt:
        """Submits the view on top; `given` names fields by block_id, action_id or label.

        Raises NotFilled for what Slack's client would not send.
        """
        person, view = self._user(user), self._open_view(user, view)
        if self._state.stacks.get(user, [])[-1:] != [view]:
            raise NotThere("only the view on top can be submitted")
        answers = values(self._state, view, view.id, given or {})
        check_filled(view, answers)
        payload = payloads.view_submission(self._state, person, view, answers)
        receipt = await self._sockets.send("interactive", payload, accepts_payload=True)
        if not receipt.acked:
            return receipt
        try:
            self._respond(user, view, receipt)
        except ApiError as error:
            return replace(receipt, error=f"invalid_response: {error}")
        return receipt

    async def close(self, user: str, view: View | None = None, *, all_of_them: bool = False) -> Receipt | None:
        """Closes the view on top (or, with `all_of_them`, the stack); the receipt of the last `view_closed`, if any."""
        person, stack = self._user(user), self._state.stacks.get(user, [])
        if not stack or (view is not None and view.id != stack[-1].id):
            raise NotThere("that view is not on top")
        closing = list(reversed(stack)) if all_of_them else [stack[-1]]
        del stack[len(stack) - len(closing) :]
        self._state.touch()
        receipt = None
        for shut in closing:
            if shut.body.get("notify_on_close"):
                payload = payloads.view_closed(self._state, person, shut, is_cleared=all_of_them)
                receipt = await self._sockets.send("interactive", payload, accepts_payload=False)
        return receipt

    async def open_home(self, user: str) -> Receipt:
        """Opens the app's Home tab, which tells the app by the event `app_home_opened`."""
        self._user(user)
        home = self._state.homes.get(user)
        event: JSON = {
            "type": "app_home_opened",
            "user": user,
            "channel": self._state.im(user).id,
            "tab": "home",
            "event_ts": self._state.new_ts(),
        }
        if home is not None:
            event["view"] = view_json(home)
        payload = payloads.event(self._state, event)
        return await self._sockets.send("events_api", payload, accepts_payload=False)

    def _respond(self, user: str, view: View, receipt: Receipt) -> None:
        """Does what the app answered to a submission; without an answer the view closes."""
        stack, action = self._state.stacks[user], receipt.payload.get("response_action", "")
        if action in ("update", "push"):
            body = checked_view(self._state, receipt.payload.get("view"))
            if action == "update":
                replaced(self._state, view, body)
            else:
                pushed(self._state, user, body)
        elif action == "clear":
            stack.clear()
        elif action == "errors":
            unknown = set(receipt.errors) - {b["block_id"] for b in view.blocks if b["type"] == "input"}
            if unknown or not receipt.errors:
                raise ApiError("invalid_arguments", [f"no input block is named {name}" for name in unknown])
        elif action:
            raise ApiError("invalid_arguments", [f"unknown response_action: {action}"])
        else:
            # The app may have changed the stack meanwhile; what closes is the view that was submitted.
            stack[:] = [open_view for open_view in stack if open_view.id != view.id]
        self._state.touch()

    def _user(self, user: str) -> User:
        if user not in self._state.users:
            raise NotThere(f"there is no user {user!r}")
        return self._state.users[user]

    def _place(self, user: str, channel: str) -> Channel:
        place = self._state.channels.get(channel)
        if place is None or user not in place.members:
            raise NotThere(f"{user!r} is not in a channel {channel!r}")
        return place

    def _seen(self, user: str, shown: Message) -> None:
        self._place(user, shown.channel)
        if shown.ephemeral_to not in ("", user):
            raise NotThere(f"{user!r} does not see that message")
        if (shown.channel, shown.ts) not in self._state.messages:
            raise NotThere("that message has been deleted")

    def _open_view(self, user: str, view: View) -> View:
        now = self._state.view(view.id)
        if now is None or now.user != user:
            raise NotThere(f"that view is not open for {user!r}")
        return now

    def _escaped(self, text: str) -> str:
        """Typed mentions as `should_escape` sends them; links and addresses too, if the workspace is told so."""
        by_name = {user.name: user.id for user in self._state.users.values()}
        channels = {channel.name: channel.id for channel in self._state.channels.values()}

        def named(match: re.Match[str]) -> str:
            sign, name = match[1], match[2]
            known = by_name if sign == "@" else channels
            return f"<{sign}{known[name]}>" if name in known else match[0]

        if self._escape_links:
            text = _LINKED.sub(lambda m: f"<{m[1]}>" if m[1] else f"<mailto:{m[2]}|{m[2]}>", text)
        return _NAMED.sub(named, text)

    def _slackbot(self, user: str, channel: str, text: str) -> None:
        self._state.post(Message(channel, self._state.new_ts(), SLACKBOT, text, ephemeral_to=user))
