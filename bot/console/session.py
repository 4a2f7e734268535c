"""One person's conversation with the app at the terminal: commands, presses, windows, and what is shown when."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from rich.console import Group
from rich.live import Live

from bot.console.forms import Cancelled, Forms
from bot.console.lines import Lines
from bot.console.screen import Screen
from bot.console.workspace import Control, Message, NotThere, View, Workspace

_NUMBER = re.compile(r"(\d{1,6})(?:[. ](.+))?")
_MINUTES = re.compile(r"(\d{1,4})m?")
MOST_MINUTES = 1440
_LATER = ":later 20m           let 20 minutes go by on the bot's clock alone, which doctor calls wrong then\n"
_HELP = """\
status               a command; the /mail before it may be left out
5                    press the button, or open the list, that carries the number 5
5.2                  choose the second option of list 5
:press Flush         press the newest button whose label begins so (a list: ":press Message … = 2")
:messages            show the messages again, with their numbers
:home                open the app's Home tab
:as NAME             go on as somebody else ({users})
:close               close the window that is open
{later}:quit                end (so does the end of the input)
In a window or a list, :cancel leaves it. A line that begins with # is only a remark."""


class Session:
    """One person's conversation: who they are now, where, and what they type."""

    def __init__(
        self,
        workspace: Workspace,
        users: Sequence[str],
        channel: str,
        idle: Callable[[], Awaitable[None]],
        screen: Screen,
        lines: Lines,
        command: str,
        *,
        live: bool,
        later: Callable[[timedelta], Awaitable[None]] | None = None,
    ) -> None:
        """`later` lets time go on, where the time is the console's own."""
        self._workspace = workspace
        self._users = tuple(users)
        self._user = users[0]
        self._channel = channel
        self._idle = idle
        self._screen = screen
        self._lines = lines
        self._command = command
        self._live = live
        self._forms = Forms(workspace, screen, self._asked, command)
        self._deeds: dict[str, Callable[[str], Awaitable[None]]] = {
            "help": self._help,
            "as": self._as,
            "home": self._home,
            "messages": self._messages,
            "press": self._press_label,
            "close": self._close,
            "cancel": self._close,
        }
        self._let_time_pass = later
        if later:
            self._deeds["later"] = self._later

    async def talk(self) -> None:
        if self._live:
            name, place = self._name(self._user), self._name(self._channel)
            self._screen.say(f"You are {name} in #{place}. Type a command such as status, or :help, or :quit.")
        await self._settle()
        while (line := await self._line(self._prompt())) is not None:
            if line.strip() == ":quit":
                return
            try:
                await self._obey(line.strip())
            except NotThere as error:
                self._screen.say(str(error))
            except Cancelled:
                self._screen.say("Not done.")
                await self._shut()
            await self._settle()
            await self._windows()
        await self._shut()

    async def _obey(self, line: str) -> None:
        number = _NUMBER.fullmatch(line)
        if number:
            source, control = self._screen.find(int(number[1]))
            await self._press(source, control, (number[2] or "").strip())
        elif line.startswith(":"):
            word, _, rest = line[1:].partition(" ")
            deed = self._deeds.get(word)
            if deed is None:
                raise NotThere(f"There is no :{word}. :help says what there is.")
            await deed(rest.strip())
        else:
            await self._shut()
            await self._workspace.command(self._user, self._channel, self._completed(line))

    def _completed(self, line: str) -> str:
        """The line with the slash command in front, however much of it was typed."""
        word, _, rest = line.partition(" ")
        if word in (self._command, self._command.lstrip("/")):
            return f"{self._command} {rest}"
        if line.startswith("/"):
            raise NotThere(f"The only command here is {self._command}: {self._command} help says what it can do.")
        return f"{self._command} {line}"

    async def _press(self, source: Message | View, control: Control, option: str) -> None:
        """Presses a control, after its choice and its dialog."""
        value = await self._forms.option(control, option)
        confirmed = await self._forms.confirmed(control)
        receipt = await self._workspace.press(self._user, source, control, value, confirmed=confirmed)
        if receipt is None:
            self._screen.say("Not done.")
        elif receipt.error:
            self._screen.say(f"The app did not answer ({receipt.error}). Whether it acted is not known.", "yellow")

    async def _press_label(self, rest: str) -> None:
        label, _, option = rest.partition(" = ")
        source, control = self._screen.find_label(label.strip(), self._user)
        await self._press(source, control, option.strip())

    async def _help(self, _rest: str) -> None:
        later = _LATER if self._let_time_pass else ""
        self._screen.say(_HELP.format(users=", ".join(self._name(user) for user in self._users), later=later))

    async def _later(self, rest: str) -> None:
        minutes = _MINUTES.fullmatch(rest)
        if minutes is None or not 1 <= int(minutes[1]) <= MOST_MINUTES or self._let_time_pass is None:
            raise NotThere(f":later 20m lets 20 minutes go by, or any other number up to {MOST_MINUTES}.")
        await self._let_time_pass(timedelta(minutes=int(minutes[1])))

    async def _as(self, rest: str) -> None:
        for user in self._users:
            if rest in (user, self._name(user)):
                self._user = user
                self._screen.say(f"You are {self._name(user)} now.")
                return
        known = ", ".join(self._name(user) for user in self._users)
        raise NotThere(f"You can be: {known}.")

    async def _home(self, _rest: str) -> None:
        await self._workspace.open_home(self._user)
        await self._settle()
        home = self._workspace.home(self._user)
        if home is None:
            raise NotThere("The app shows nothing on its Home tab.")
        self._screen.show_view(home)

    async def _messages(self, _rest: str) -> None:
        everything = self._screen.everything(self._user)
        self._screen.show(everything[-20:], self._channel)
        if not everything:
            self._screen.say("There are no messages.")

    async def _close(self, _rest: str) -> None:
        if not self._workspace.views(self._user):
            raise NotThere("No window is open.")
        await self._shut()

    async def _shut(self) -> None:
        """Closes the windows that are open, if any."""
        if self._workspace.views(self._user):
            await self._workspace.close(self._user, all_of_them=True)
            self._screen.say("The window is closed.")

    async def _windows(self) -> None:
        """Shows the window on top whenever it is a new one, and has it filled if it asks for something."""
        seen: tuple[str, str] | None = None
        while views := self._workspace.views(self._user):
            view = views[-1]
            if seen == (view.id, view.hash):
                return
            seen = (view.id, view.hash)
            self._screen.show_view(view)
            if "submit" in view.body:
                try:
                    await self._forms.fill(self._user, view)
                except Cancelled:
                    await self._shut()
                await self._settle()

    async def _asked(self, prompt: str) -> str:
        line = await self._line(prompt, blank=True)
        if line is None:
            raise Cancelled
        return line

    async def _line(self, prompt: str, *, blank: bool = False) -> str | None:
        """The next line that is not a remark (nor blank, unless that is an answer); remarks are told on the way."""
        while (line := await self._read(prompt)) is not None:
            if line.lstrip().startswith("#"):
                self._screen.remark(line.strip())
            elif blank or line.strip():
                if not self._live:
                    self._screen.say(f"> {line}".rstrip())
                return line
        return None

    async def _read(self, prompt: str) -> str | None:
        """A line; at a terminal, what arrives meanwhile is shown above what is being typed."""
        reading = asyncio.ensure_future(self._lines.read(prompt))
        try:
            while self._live and not reading.done():
                news = asyncio.ensure_future(self._workspace.state.changed())
                await asyncio.wait({reading, news}, return_when=asyncio.FIRST_COMPLETED)
                news.cancel()
                if not reading.done():
                    await self._workspace.quiet(0.3)
                unseen = self._screen.unseen(self._user)
                if unseen and not reading.done():
                    self._screen.console.file.write("\r\x1b[K")
                    self._screen.show(unseen, self._channel)
                    self._screen.console.file.write(prompt + self._lines.typed())
                    self._screen.console.file.flush()
            return await reading
        finally:
            reading.cancel()

    async def _settle(self) -> None:
        """Waits until the app has finished, then shows what is new; at a terminal, progress is seen on the way."""
        if self._live:
            await self._watch()
        else:
            await self._finished()
        self._screen.show(self._screen.unseen(self._user), self._channel)

    async def _finished(self) -> None:
        # A listener that has acknowledged may be just about to start its work, so look again after a pause.
        await self._workspace.quiet()
        await self._idle()
        await self._workspace.quiet()

    async def _watch(self) -> None:
        finished = asyncio.ensure_future(self._finished())
        try:
            with Live(console=self._screen.console, transient=True, auto_refresh=False) as shown:
                while not finished.done():
                    news = asyncio.ensure_future(self._workspace.state.changed())
                    await asyncio.wait({finished, news}, return_when=asyncio.FIRST_COMPLETED)
                    news.cancel()
                    unseen = self._screen.unseen(self._user)
                    shown.update(Group(*(self._screen.drawn(m, self._channel) for m in unseen)), refresh=True)
                # As it ends, Live prints all that it holds, and can't wipe away what has scrolled off the terminal.
                shown.update(Group(), refresh=True)
            await finished
        finally:
            finished.cancel()

    def _prompt(self) -> str:
        views = self._workspace.views(self._user)
        place = views[-1].body["title"]["text"] if views else f"#{self._name(self._channel)}"
        return f"{self._name(self._user)} in {place}> "

    def _name(self, id: str) -> str:
        return self._screen.names().get(id, id)
