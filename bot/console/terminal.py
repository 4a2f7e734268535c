"""The terminal front end: type commands, press numbered buttons, fill modals; readable when piped."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TextIO

from rich.console import Console

from bot.console.lines import Lines, PipedLines, TerminalLines
from bot.console.screen import Screen
from bot.console.session import Session
from bot.console.workspace import Workspace

PIPED_WIDTH = 100


async def run(
    workspace: Workspace,
    *,
    users: Sequence[str],
    channel: str,
    idle: Callable[[], Awaitable[None]],
    stdin: TextIO | None = None,
    stdout: TextIO | None = None,
    command: str = "/mail",
    later: Callable[[timedelta], Awaitable[None]] | None = None,
) -> None:
    """Talks with a person until the input ends, `:quit` or Ctrl-C.

    The person is the first of `users` (their Slack IDs; `:as` may change to another of them) in `channel`.
    `idle` returns when the app has finished what it was asked; `later` lets time go on for it, where it can. When
    stdin or stdout is not a terminal, every line is echoed and its answer printed, plain and 100 columns wide, before
    the next is read.
    """
    stdin, stdout = stdin or sys.stdin, stdout or sys.stdout
    live = stdin.isatty() and stdout.isatty()
    console = Console(
        file=stdout,
        width=None if live else PIPED_WIDTH,
        force_terminal=live,
        color_system="auto" if live else None,
        no_color=None if live else True,
        markup=False,
        emoji=False,
        highlight=False,
    )
    lines: Lines = TerminalLines() if live else PipedLines(stdin)
    screen = Screen(workspace, console)
    session = Session(workspace, users, channel, idle, screen, lines, command, live=live, later=later)
    try:
        # Whoever read our output may have gone (`| head`): then nobody is left to talk to.
        with suppress(BrokenPipeError):
            if await _interrupted(session.talk()) and live:
                console.print("\nStopping; what is under way gets a moment to end.")
    finally:
        lines.close()
        screen.close()
        if live:
            console.print()


async def _interrupted(talk: Awaitable[None]) -> bool:
    """Waits for the talk, or ends it at Ctrl-C; whether that was pressed."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(talk)
    interrupted = False

    def interrupt() -> None:
        nonlocal interrupted
        interrupted = True
        task.cancel()

    # Only a main thread hears signals; elsewhere (in tests) there is nothing to hear.
    with suppress(ValueError, RuntimeError, NotImplementedError):
        loop.add_signal_handler(signal.SIGINT, interrupt)
    try:
        await task
    except asyncio.CancelledError:
        if not interrupted:
            raise
    finally:
        with suppress(ValueError, RuntimeError, NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)
    return interrupted
