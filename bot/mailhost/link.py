"""How the bot reaches an agent: a command that is started for each request, with the request on its standard input.

`local` runs the agent of this checkout as the bot's own child; `sudo` runs the installed one through sudo(8); `ssh`
is another machine's (sshlink.py).
"""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any

from bot.errors import AgentFault, HostUnreachable
from bot.mailhost.unheard import Unheard
from bot.settings import HostSettings

if TYPE_CHECKING:
    from bot.mailhost.sshlink import SSHLink

Event = dict[str, Any]

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one event; the largest is a page of a hundred messages with all their reasons."""


class BrokenOff(Exception):
    """Something was asked, and the way to the agent was cut before it answered; the text says how."""


class CommandLink:
    """An agent that a command on this machine starts."""

    def __init__(self, host: str, argv: tuple[str, ...]) -> None:
        self.host = host
        self._argv = argv
        self._unheard = Unheard()

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        """The agent's events as they come, until it ends; whether there was a last one is the caller's to judge.

        Raises HostUnreachable when the agent could not be started: then nothing was asked of it. Raises AgentFault
        for an answer that is no event.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=MAX_LINE,
                # A signal to the bot's process group must not reach an agent that is in the middle of a change.
                start_new_session=True,
            )
        except OSError as error:
            raise HostUnreachable(
                self.host, f"the agent can't be started: {self._argv[0]}: {error.strerror}. Nothing was asked of it."
            ) from None
        assert process.stdin and process.stdout and process.stderr
        feeder = asyncio.create_task(_feed(process.stdin, request))
        complaints = asyncio.create_task(_complaints(process.stderr))
        heard = False
        try:
            async for line in process.stdout:
                heard = True
                yield event_in(line, self.host)
            status = await process.wait()
            if not heard:
                judge_silence(self.host, status, await complaints)
        except ValueError:
            raise AgentFault(self.host, "the agent's answer has a line that is too long to be one.") from None
        finally:
            # Who stops listening does not stop a change: the agent sees a closed pipe and finishes what it began.
            for task in (feeder, complaints):
                task.cancel()
            self._unheard.leave(process)
            await asyncio.gather(feeder, complaints, return_exceptions=True)

    async def close(self) -> None:
        """Wait a moment for the agents that nobody listens to any more; none is ended."""
        await self._unheard.close()


def event_in(line: bytes, host: str) -> Event:
    """What stands in a line of an answer. Raises AgentFault for what is no event."""
    try:
        event = json.loads(line)
        if not isinstance(event, dict) or not isinstance(event.get("event"), str):
            raise ValueError
    except ValueError:
        shown = line[:120].decode("utf-8", "replace").strip()
        raise AgentFault(host, f"what answered there is no agent of ours: {shown!r}") from None
    return event


def judge_silence(host: str, status: int | None, complaint: str) -> None:
    """Tell an agent that never ran from one that broke off: sudo(8), the loader and the shell say why.

    `status` is None where that is not known. Raises HostUnreachable, or AgentFault, which has a changing verb's outcome
    unknown; returns where nothing more is known than that no answer came.
    """
    last = complaint.splitlines()[-1][:300] if complaint else ""
    # sudo(8) ends with 1 when it refuses. It warns too, as of a host's name that is not found, and goes on.
    refused = status == 1 and last.startswith(("sudo: ", "Sorry, user "))
    # What a shell can't find, or can't execute; the agent ends with neither.
    refused = refused or status in (126, 127)
    if refused or "No module named" in complaint or "can't open file" in complaint:
        raise HostUnreachable(
            host, f"the agent could not be started, so nothing was asked of it: {last or f'status {status}'}"
        )
    if status != 0 and last:
        ended = "the agent ended" if status is None else f"the agent ended with status {status}"
        raise AgentFault(host, f"{ended} and without an answer: {last}")


async def _complaints(stderr: asyncio.StreamReader) -> str:
    """What was said on standard error, its first 64 KiB."""
    said = b""
    while data := await stderr.read(64 * 1024):
        said = (said + data)[: 64 * 1024]
    return said.decode("utf-8", "replace").strip()


async def _feed(stdin: asyncio.StreamWriter, request: bytes) -> None:
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(request)
        await stdin.drain()
        stdin.close()


def link_to(settings: HostSettings) -> "CommandLink | SSHLink":
    """The link that the settings of a mail host ask for. Nothing is connected before its first request."""
    if settings.link == "ssh":
        # Who reaches no host by ssh is spared the time that it takes to import.
        from bot.mailhost.sshlink import SSHLink

        return SSHLink(settings)
    if settings.link == "sudo":
        return CommandLink(settings.name, ("sudo", "-n", settings.agent))
    ini = ("--ini", settings.ini) if settings.ini else ()
    return CommandLink(settings.name, (sys.executable, "-I", "-m", "bot.agent", *ini))
