"""What has been shown, under which numbers, and what is new since then."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.text import Text

from bot.console.mrkdwn import mrkdwn, safe
from bot.console.pictures import Pictures, drawing
from bot.console.render import Page, stacked
from bot.console.workspace import Control, Message, NotThere, View, Workspace, controls, text_of
from bot.console.workspace.state import BOT_USER, SLACKBOT

_DIM = Style(dim=True)


@dataclass(frozen=True, slots=True)
class Place:
    """A control by where it stands, whatever copy: the n-th with its action_id in one message or view."""

    container: tuple[str, str]
    action_id: str
    occurrence: int


class Screen:
    """Prints messages and views. A number belongs to a place, so it stays when the message is edited."""

    def __init__(self, workspace: Workspace, console: Console) -> None:
        self.console = console
        self._workspace = workspace
        self._numbers: dict[Place, int] = {}
        self._shown: dict[tuple[str, str], object] = {}
        self._below = ""  # the last line that was printed to a file
        self._pictures = Pictures()

    def close(self) -> None:
        """Removes what was put into files for a viewer."""
        self._pictures.close()

    def names(self) -> Mapping[str, str]:
        """What to call people, groups and channels."""
        state = self._workspace.state
        names = {user.id: user.name for user in state.users.values()}
        names |= {channel.id: channel.name for channel in state.channels.values()}
        return names | {group.id: group.handle for group in state.usergroups.values()}

    def unseen(self, user: str) -> list[Message]:
        """What the user would see and has not been shown, or has changed in words or controls since."""
        everything = self.everything(user)
        return [message for message in everything if self._shown.get(_key(message)) != _substance(message)]

    def everything(self, user: str) -> list[Message]:
        """All messages that the user sees, of all channels, in order."""
        channels = [channel.id for channel in self._workspace.state.channels.values() if user in channel.members]
        found = [message for channel in channels for message in self._workspace.messages(channel, user)]
        return sorted(found, key=lambda message: [int(part) for part in message.ts.split(".")])

    def show(self, messages: Iterable[Message], here: str) -> None:
        """Prints messages and remembers that they were seen."""
        for message in messages:
            self.print(self.drawn(message, here))
            self._shown[_key(message)] = _substance(message)

    def drawn(self, message: Message, here: str) -> RenderableType:
        page = self._page(message)
        parts = page.draw(message.blocks) if message.blocks else [mrkdwn(message.text, page.names)]
        for name in message.files:
            file = self._workspace.file(name)
            parts.append(Text(f"[file] {safe(file.title or file.name)}, {file.length:,} bytes", _DIM))
        return Group(self._heading(message, here), stacked(parts), Text())

    def show_view(self, view: View) -> None:
        """Prints a modal or a Home tab."""
        page = self._page(view)
        title = safe(view.body["title"]["text"]) if "title" in view.body else "Home"
        self.print(Group(Text(f"┌ {title}", Style(bold=True)), stacked(page.draw(view.blocks)), Text()))

    def say(self, text: str, style: str = "") -> None:
        """A line of the console's own."""
        self.print(Text(safe(text), style))

    def find(self, number: int) -> tuple[Message | View, Control]:
        """The control that carries this number, in the newest copy. Raises NotThere in words for the person."""
        place = next((place for place, given in self._numbers.items() if given == number), None)
        if place is None:
            raise NotThere(f"There is no button {number}. :messages shows the messages and their buttons again.")
        source = self._source(place.container)
        if source is not None:
            for found, control in _places(source):
                if found == place:
                    return source, control
        raise NotThere(f"Button {number} is gone: what it stood on has changed. :messages shows what there is now.")

    def find_label(self, label: str, user: str) -> tuple[Message | View, Control]:
        """The newest control that the user can see whose label is this, or else begins so.

        Raises NotThere in words for the person.
        """
        home = self._workspace.home(user)
        sources: Sequence[Message | View] = [*self._workspace.views(user)[-1:], *reversed(self.everything(user))]
        there = [(source, control) for source in [*sources, *([home] if home else [])] for control in controls(source)]
        wanted = label.casefold()
        for fits in (str.__eq__, str.startswith):
            for source, control in there:
                if wanted and fits(control.label.casefold(), wanted):
                    return source, control
        raise NotThere(f"Nothing is labelled {label!r}. :messages shows the messages and their buttons.")

    def remark(self, text: str) -> None:
        """A line of narration, set off from what is not narration."""
        if self._below and not self._below.startswith("#"):
            self.say("")
        self.say(text, "italic")
        self._below = text

    def print(self, drawn: RenderableType) -> None:
        """Prints; in a file without the blanks with which rich fills lines up."""
        if self.console.is_terminal:
            self.console.print(drawn)
            return
        with self.console.capture() as captured:
            self.console.print(drawn)
        lines = captured.get().splitlines()
        self._below = lines[-1].rstrip() if lines else self._below
        self.console.file.write("".join(f"{line.rstrip()}\n" for line in lines))
        self.console.file.flush()

    def _page(self, source: Message | View) -> Page:
        names = [block["slack_file"]["id"] for block in source.blocks if "id" in block.get("slack_file", {})]
        files = [self._workspace.file(name) for name in names]
        pictures = {file.id: (self._pictures.path(file), drawing(file.content or b"")) for file in files}
        return Page(self.names(), self._numbered(source), pictures)

    def _source(self, container: tuple[str, str]) -> Message | View | None:
        if container[0] == "view":
            return self._workspace.state.view(container[1])
        return self._workspace.state.messages.get(container)

    def _numbered(self, source: Message | View) -> dict[tuple[str, str], int]:
        numbers = {}
        for place, control in _places(source):
            if control.block["type"] != "input":
                number = self._numbers.setdefault(place, len(self._numbers) + 1)
                numbers[(control.block_id, control.action_id)] = number
        return numbers

    def _heading(self, message: Message, here: str) -> Text:
        names = self.names()
        who = "Maildesk" if message.user == BOT_USER else names.get(message.user, message.user)
        notes = []
        if message.ephemeral_to:
            notes.append(f"only {names.get(message.ephemeral_to, message.ephemeral_to)} sees this")
        if message.channel != here:
            channel = self._workspace.state.channels[message.channel]
            notes.append("a direct message" if channel.im_with else f"in #{channel.name}")
        if message.thread_ts:
            notes.append("in a thread")
        if self._shown.get(_key(message), _substance(message)) != _substance(message):
            notes.append("updated")
        heading = Text("Slackbot" if message.user == SLACKBOT else safe(who), Style(bold=True))
        return heading.append(f" ({', '.join(notes)})" if notes else "", Style(bold=False, dim=True))


def _places(source: Message | View) -> list[tuple[Place, Control]]:
    container = ("view", source.id) if isinstance(source, View) else _key(source)
    counts: dict[str, int] = {}
    found = []
    for control in controls(source):
        counts[control.action_id] = occurrence = counts.get(control.action_id, 0) + 1
        found.append((Place(container, control.action_id, occurrence), control))
    return found


def _key(message: Message) -> tuple[str, str]:
    return message.channel, message.ts


def _substance(message: Message) -> object:
    """What a reader would notice: words, pictures and controls, not IDs."""
    offered = [(control.label, [option.label for option in control.options]) for control in controls(message)]
    pictures = [block.get("slack_file") for block in message.blocks if block["type"] == "image"]
    return text_of(message), offered, message.files, pictures
