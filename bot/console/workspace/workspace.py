"""A local Slack on loopback: Web API, response URLs, Socket Mode, and the people who use it."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from bot.console.workspace.calls import Call
from bot.console.workspace.faults import Faults
from bot.console.workspace.people import People
from bot.console.workspace.reading import NotThere, text_of
from bot.console.workspace.server import Server
from bot.console.workspace.sockets import Sockets
from bot.console.workspace.state import (
    BOT_ID,
    BOT_USER,
    TEAM_ID,
    Channel,
    File,
    Message,
    State,
    User,
    Usergroup,
    View,
)

T = TypeVar("T")


def _utc() -> datetime:
    return datetime.now(UTC)


class Workspace:
    """One Slack workspace with one app, until `stop`. Times are aware and come from `now`; sizes are characters.

    `ack_seconds` is how long it waits for an acknowledgement. `escape_links` sends typed addresses and links as
    Slack does for a command with `should_escape` (`<mailto:a@b.c|a@b.c>`), not mentions alone.
    """

    bot_user = BOT_USER
    bot_id = BOT_ID
    team_id = TEAM_ID

    def __init__(
        self,
        now: Callable[[], datetime] = _utc,
        *,
        name: str = "workspace",
        ack_seconds: float = 3.0,
        escape_links: bool = False,
    ) -> None:
        self.state = State(now)
        self.state.team_name = name
        self.faults = Faults()
        self.sockets = Sockets(ack_seconds, self.state.touch)
        self._server = Server(self.state, self.sockets, self.faults)
        people = People(self.state, self.sockets, escape_links=escape_links)
        self.command, self.say, self.press = people.command, people.say, people.press
        self.submit, self.close, self.open_home = people.submit, people.close, people.open_home
        self._add(User(BOT_USER, "maildesk", "Maildesk", is_bot=True))

    async def start(self) -> None:
        self.state.base_url = await self._server.start()

    async def stop(self) -> None:
        await self._server.stop()

    async def __aenter__(self) -> "Workspace":
        await self.start()
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    @property
    def api_url(self) -> str:
        """What `SLACK_API_URL` and slack_sdk's `base_url` must be; it ends in a slash."""
        return f"{self.state.base_url}/api/"

    @property
    def bot_token(self) -> str:
        return self._server.bot_token

    @property
    def app_token(self) -> str:
        return self._server.app_token

    @property
    def calls(self) -> Sequence[Call]:
        """The calls that were made, oldest first (the last 10,000)."""
        return tuple(self._server.calls)

    @property
    def scopes(self) -> set[str]:
        """The scopes that the app was installed with; take one away to see `missing_scope`."""
        return self.state.scopes

    def add_user(
        self,
        id: str,
        name: str,
        *,
        real_name: str = "",
        is_bot: bool = False,
        is_restricted: bool = False,
        team_id: str = TEAM_ID,
    ) -> User:
        return self._add(User(id, name, real_name, is_bot, is_restricted, team_id))

    def add_channel(
        self, id: str, name: str, members: Iterable[str] = (), *, bot: bool = True, is_private: bool = False
    ) -> Channel:
        """A channel; `bot` says whether the app is a member. Called again it sets the members anew."""
        everyone = frozenset(members) | ({BOT_USER} if bot else frozenset())
        self.state.channels[id] = Channel(id, name, everyone, is_private)
        self.state.touch()
        return self.state.channels[id]

    def add_usergroup(self, id: str, handle: str, users: Iterable[str]) -> Usergroup:
        self.state.usergroups[id] = Usergroup(id, handle, tuple(users))
        return self.state.usergroups[id]

    def messages(self, channel: str, user: str | None = None) -> list[Message]:
        """The channel's messages in order, replies in threads among them; with `user` also what only they see."""
        seen = ("",) if user is None else ("", user)
        return [message for message in self.state.in_channel(channel) if message.ephemeral_to in seen]

    def last(self, channel: str, user: str | None = None) -> Message:
        """The newest message. Raises NotThere if there is none."""
        found = self.messages(channel, user)
        if not found:
            raise NotThere(f"there is no message in {channel}")
        return found[-1]

    def revisions(self, message: Message) -> list[Message]:
        """Every revision of a message, the oldest first."""
        return list(self.state.revisions[(message.channel, message.ts)])

    def im(self, user: str) -> Channel:
        """The app's direct messages with a user."""
        return self.state.im(user)

    def views(self, user: str) -> list[View]:
        """The user's open modals, the one on top last."""
        return list(self.state.stacks.get(user, ()))

    def home(self, user: str) -> View | None:
        """The Home tab that the app has published for the user."""
        return self.state.homes.get(user)

    def file(self, id: str) -> File:
        return self.state.files[id]

    @property
    def files(self) -> list[File]:
        """All files whose upload was completed, the oldest first."""
        return [file for file in self.state.files.values() if file.ready]

    def process_files_for(self, seconds: float) -> None:
        """From now on a completed file can be shown by blocks only after so many seconds, as in Slack."""
        self.state.processing = timedelta(seconds=seconds)

    async def wait(self, condition: Callable[[], T], seconds: float = 5.0, what: str = "") -> T:
        """What `condition()` returns once it is true. Raises TimeoutError that tells what is there instead."""
        try:
            async with asyncio.timeout(seconds):
                while not (result := condition()):
                    # The condition may also be about something that is not the workspace's: look again soon.
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.state.changed(), 0.02)
                return result
        except TimeoutError:
            there = "\n".join(text_of(message)[:300] for message in [*self.state.messages.values()][-5:])
            raise TimeoutError(f"{what or 'the condition'} did not come about; the last messages:\n{there}") from None

    async def wait_message(self, channel: str, text: str, user: str | None = None, *, seconds: float = 5.0) -> Message:
        """The newest message (seen by `user`) whose visible words contain `text`, once there is one."""

        def found() -> Any:
            return next((m for m in reversed(self.messages(channel, user)) if text in text_of(m)), None)

        message: Message = await self.wait(found, seconds, f"a message with {text!r}")
        return message

    async def quiet(self, seconds: float = 0.03) -> None:
        """Returns when the app has made no call for so long, and none is under way."""
        begun = -1
        while begun != self._server.begun or self._server.under_way:
            begun = self._server.begun
            await asyncio.sleep(seconds)

    async def connected(self, seconds: float = 5.0) -> None:
        """Returns when the app has a Socket Mode connection. Raises TimeoutError."""
        await self.wait(lambda: self.sockets.connections > 0, seconds, "a Socket Mode connection")

    def _add(self, user: User) -> User:
        self.state.users[user.id] = user
        self.state.touch()
        return user
