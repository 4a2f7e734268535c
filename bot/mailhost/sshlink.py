"""The agent of another machine, through ssh: a session of the kept connection for each request.

What runs there is the forced command of the bot's key in authorized_keys(5) (sshd(8)): `sudo -n …/maildesk-agent`.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import cast

import asyncssh

from bot.errors import AgentFault
from bot.hostsettings import HostSettings
from bot.mailhost.link import MAX_LINE, BrokenOff, Event, event_in, judge_silence
from bot.mailhost.sshconnection import Connection

PIECE = 64 * 1024
"""Bytes that are read at once."""


class SSHLink:
    """An agent behind an ssh connection, which is made by the first request and kept."""

    def __init__(self, settings: HostSettings) -> None:
        self.host = settings.name
        self._address = settings.address
        self._connection = Connection(settings)

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        """As CommandLink.ask(). Raises BrokenOff when the connection was cut after something was asked."""
        async with self._connection.session() as (stdin, stdout, stderr):
            feeder = asyncio.create_task(_feed(stdin, request))
            complaints = asyncio.create_task(_complaints(stderr))
            heard = False
            try:
                async for line in self._lines(stdout):
                    heard = True
                    yield event_in(line, self.host)
                await stdout.channel.wait_closed()
                if not heard:
                    channel = cast(asyncssh.SSHClientChannel[bytes], stdout.channel)
                    judge_silence(self.host, channel.get_returncode(), await complaints)
            except (asyncssh.Error, OSError) as error:
                raise BrokenOff(f"the connection to {self._address} was cut ({error})") from None
            finally:
                for task in (feeder, complaints):
                    task.cancel()
                await asyncio.gather(feeder, complaints, return_exceptions=True)

    async def close(self) -> None:
        await self._connection.close()

    async def _lines(self, stdout: asyncssh.SSHReader[bytes]) -> AsyncIterator[bytes]:
        rest = b""
        while piece := await stdout.read(PIECE):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                yield line
            if len(rest) > MAX_LINE:
                raise AgentFault(self.host, "the agent's answer has a line that is too long to be one.")
        if rest:
            yield rest


async def _feed(stdin: asyncssh.SSHWriter[bytes], request: bytes) -> None:
    with contextlib.suppress(asyncssh.Error, OSError):
        stdin.write(request)
        await stdin.drain()
        stdin.write_eof()


async def _complaints(stderr: asyncssh.SSHReader[bytes]) -> str:
    """What was said on standard error, its first 64 KiB."""
    said = b""
    with contextlib.suppress(asyncssh.Error, OSError):
        while piece := await stderr.read(PIECE):
            said = (said + piece)[:PIECE]
    return said.decode("utf-8", "replace").strip()
