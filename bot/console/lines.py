"""Where the lines come from: a person at a terminal (with readline), or a file or pipe."""

import asyncio
import io
import os
import stat
import sys
import threading
from functools import partial
from typing import Protocol, TextIO


class Lines(Protocol):
    async def read(self, prompt: str) -> str | None:
        """The next line without its end; None when there are no more."""
        ...

    def typed(self) -> str:
        """What stands behind the prompt and was not sent yet."""
        ...

    def close(self) -> None: ...


class PipedLines:
    """Lines of a file, a pipe or a StringIO. Never blocks the loop, and never reads ahead in another thread."""

    def __init__(self, source: TextIO) -> None:
        self._source = source
        self._pipe: asyncio.StreamReader | None = None
        self._transport: asyncio.ReadTransport | None = None
        self._opened = False

    async def read(self, prompt: str) -> str | None:  # noqa: ARG002 (nobody sees it)
        if not self._opened:
            self._opened = True
            await self._open()
        pipe = self._pipe
        line = self._source.readline() if pipe is None else (await pipe.readline()).decode(errors="replace")
        return line.rstrip("\r\n") if line else None

    def typed(self) -> str:
        return ""

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    async def _open(self) -> None:
        """What can keep us waiting is read through the loop; a file (or /dev/null, which epoll refuses) at once."""
        try:
            mode = os.fstat(self._source.fileno()).st_mode
        except io.UnsupportedOperation:
            return
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or self._source.isatty():
            loop, self._pipe = asyncio.get_running_loop(), asyncio.StreamReader(limit=2**20)
            protocol = asyncio.StreamReaderProtocol(self._pipe)
            self._transport, _ = await loop.connect_read_pipe(lambda: protocol, self._source)


class TerminalLines:
    """Lines typed at the terminal, with readline's editing and history, in a thread of their own."""

    def __init__(self) -> None:
        import readline
        import termios

        before = termios.tcgetattr(sys.stdin)
        self._buffer = readline.get_line_buffer
        self._restore = partial(termios.tcsetattr, sys.stdin, termios.TCSANOW, before)

    async def read(self, prompt: str) -> str | None:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | None] = loop.create_future()

        def deliver(line: str | None) -> None:
            if not answer.done():
                answer.set_result(line)

        def ask() -> None:
            try:
                line: str | None = input(prompt)
            except (EOFError, OSError):
                line = None
            # The loop may have ended while the thread waited; then nobody wants the line.
            if not loop.is_closed():
                loop.call_soon_threadsafe(deliver, line)

        # A daemon: the program must be able to end while it waits for a line.
        threading.Thread(target=ask, name="readline", daemon=True).start()
        return await answer

    def typed(self) -> str:
        return str(self._buffer())

    def close(self) -> None:
        """Gives the terminal back as it was: a thread that still waits in readline can't do so itself."""
        self._restore()
