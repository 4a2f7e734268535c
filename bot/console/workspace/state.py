"""What a local Slack remembers: people, channels, messages, views and files (docs.slack.dev/reference/objects)."""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

JSON = dict[str, Any]

APP_ID = "A0MAILDESK"
TEAM_ID = "T0WORKSPACE"
BOT_USER = "U0MAILDESK"
BOT_ID = "B0MAILDESK"
SLACKBOT = "USLACKBOT"
SCOPES = (
    "commands",
    "chat:write",
    "users:read",
    "usergroups:read",
    "files:write",
    "im:write",
    "channels:read",
    "groups:read",
    "channels:history",
    "groups:history",
)
TRIGGER_LIFE = timedelta(seconds=3)
REVISIONS = 200  # of one message are remembered


@dataclass(frozen=True, slots=True)
class User:
    """A member of the workspace; `is_restricted` is a guest."""

    id: str
    name: str
    real_name: str = ""
    is_bot: bool = False
    is_restricted: bool = False
    team_id: str = TEAM_ID
    deleted: bool = False


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel or, with `im_with`, the app's direct messages with that user."""

    id: str
    name: str
    members: frozenset[str]
    is_private: bool = False
    is_archived: bool = False
    im_with: str = ""


@dataclass(frozen=True, slots=True)
class Usergroup:
    """A user group (`@handle`) and its members."""

    id: str
    handle: str
    users: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it stood at one revision; `ephemeral_to` names the only user who sees it."""

    channel: str
    ts: str
    user: str
    text: str
    blocks: tuple[JSON, ...] = ()
    attachments: tuple[JSON, ...] = ()
    thread_ts: str = ""
    ephemeral_to: str = ""
    metadata: JSON | None = None
    files: tuple[str, ...] = ()
    edited: str = ""
    revision: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """A modal or a Home tab as it stood at one hash; `body` is what the app gave, with IDs filled in."""

    id: str
    user: str
    body: JSON
    hash: str
    root_view_id: str
    previous_view_id: str | None = None

    @property
    def callback_id(self) -> str:
        return str(self.body.get("callback_id") or "")

    @property
    def blocks(self) -> tuple[JSON, ...]:
        return tuple(self.body.get("blocks", ()))

    @property
    def private_metadata(self) -> str:
        return str(self.body.get("private_metadata") or "")


@dataclass(slots=True)
class Trigger:
    """A `trigger_id`: whose interaction it came from, until when it opens a modal, and from which view."""

    user: str
    expires: datetime
    view_id: str = ""
    used: bool = False


@dataclass(slots=True)
class Hook:
    """A `response_url`: where its messages go, and how often it was used (5 times within 30 minutes)."""

    user: str
    channel: str
    expires: datetime
    message_ts: str = ""
    uses: int = 0


@dataclass(slots=True)
class File:
    """An uploaded file; `content` is None until the bytes have come.

    `ready` is when Slack has processed it, so that blocks may show it; None before the upload is completed.
    """

    id: str
    name: str
    length: int
    title: str = ""
    content: bytes | None = None
    channels: list[str] = field(default_factory=list)
    ready: datetime | None = None

    @property
    def is_image(self) -> bool:
        """Whether it begins as a PNG, a JPEG or a GIF does; Slack looks at the bytes and not at the name."""
        return (self.content or b"").startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8"))


class State:
    """All of the workspace's memory. Values are frozen and replaced; `changed` wakes whoever waits."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.base_url = ""
        self.team_name = "workspace"
        self.scopes: set[str] = set(SCOPES)
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.usergroups: dict[str, Usergroup] = {}
        self.messages: dict[tuple[str, str], Message] = {}
        self.revisions: dict[tuple[str, str], deque[Message]] = {}
        self.stacks: dict[str, list[View]] = {}
        self.homes: dict[str, View] = {}
        self.triggers: dict[str, Trigger] = {}
        self.hooks: dict[str, Hook] = {}
        self.files: dict[str, File] = {}
        self.processing = timedelta()  # so long after its completion a file is ready
        self.picked: dict[str, dict[tuple[str, str], JSON]] = {}  # per message or view: what was chosen in it
        self._numbers = itertools.count(1)
        self._last_ts = 0
        self._sleepers: set[asyncio.Event] = set()

    def new_id(self, prefix: str) -> str:
        """A new ID such as `V00000007`."""
        return f"{prefix}{next(self._numbers):08d}"

    def new_ts(self) -> str:
        """A message time stamp, unique in the workspace and increasing whatever the clock does."""
        self._last_ts = max(int(self.now().astimezone(UTC).timestamp() * 1_000_000), self._last_ts + 1)
        return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def touch(self) -> None:
        """Wakes everybody who waits for a change."""
        for event in self._sleepers:
            event.set()

    async def changed(self) -> None:
        """Returns at the next change."""
        event = asyncio.Event()
        self._sleepers.add(event)
        try:
            await event.wait()
        finally:
            self._sleepers.discard(event)

    def post(self, message: Message) -> Message:
        """Keeps a message, new or as a further revision of the one with its channel and ts."""
        key = (message.channel, message.ts)
        history = self.revisions.setdefault(key, deque(maxlen=REVISIONS))
        message = replace(message, revision=history[-1].revision + 1 if history else 0)
        history.append(message)
        self.messages[key] = message
        self.touch()
        return message

    def delete(self, message: Message) -> None:
        self.messages.pop((message.channel, message.ts), None)
        self.touch()

    def in_channel(self, channel: str) -> Iterable[Message]:
        """The channel's messages in order, those for one user alone included."""
        return sorted((m for m in self.messages.values() if m.channel == channel), key=lambda m: _order(m.ts))

    def im(self, user: str) -> Channel:
        """The app's direct messages with a user, opened if they were not."""
        for channel in self.channels.values():
            if channel.im_with == user:
                return channel
        channel = Channel(self.new_id("D"), "directmessage", frozenset({user, BOT_USER}), True, im_with=user)
        self.channels[channel.id] = channel
        return channel

    def new_trigger(self, user: str, view_id: str = "") -> str:
        name = self.new_id("trigger.")
        self.triggers[name] = Trigger(user, self.now() + TRIGGER_LIFE, view_id)
        return name

    def view(self, view_id: str) -> View | None:
        """An open modal or a published Home by its ID."""
        stacked = (view for stack in self.stacks.values() for view in stack)
        return next((v for v in itertools.chain(stacked, self.homes.values()) if v.id == view_id), None)

    def replace_view(self, view: View) -> None:
        """Puts a new version of an open view in the place of the old one."""
        if view.body.get("type") == "home":
            self.homes[view.user] = view
        else:
            stack = self.stacks[view.user]
            stack[:] = [view if old.id == view.id else old for old in stack]
        self.touch()


def _order(ts: str) -> tuple[int, int]:
    seconds, _, micros = ts.partition(".")
    return int(seconds), int(micros)
