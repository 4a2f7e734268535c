"""A mail host whose agents take no start of Python: a process that has the agent imported forks for each request.

Each agent is a process of its own all the same, and runs the agent's own code from its entry on.

`python -m tests.slack.warm SOCKET INI` answers there, until it is told to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socketserver
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import bot.agent.__main__ as agent
from bot.agent import deletion, listing  # noqa: F401 - what is asked for most: so it is there already
from bot.mailhost.host import MailHost
from bot.mailhost.link import MAX_LINE, Event
from tests.agent.standin import REPOSITORY
from tests.postfix.hosts import agent_argv
from tests.postfix.instance import PrivatePostfix


class WarmLink:
    """A link to that process."""

    def __init__(self, host: str, path: Path) -> None:
        self.host = host
        self._path = path

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        reader, writer = await asyncio.open_unix_connection(self._path, limit=MAX_LINE)
        try:
            writer.write(request)
            writer.write_eof()
            async for line in reader:
                yield json.loads(line)
        finally:
            writer.close()

    async def close(self) -> None:
        pass


@contextlib.contextmanager
def warm_host(postfix: PrivatePostfix, folder: Path) -> Iterator[MailHost]:
    """As hosts.mail_host(); the process has its socket in this folder, and ends with the block."""
    path = folder / "agents"
    command = [sys.executable, "-m", "tests.slack.warm", str(path), agent_argv(postfix)[-1]]
    with subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE) as process:
        assert process.stdout
        try:
            assert process.stdout.readline() == b"ready\n"
            yield MailHost(WarmLink("mx1", path))
        finally:
            process.terminate()


class Agents(socketserver.ForkingMixIn, socketserver.UnixStreamServer):
    request_queue_size = 100


class OneRequest(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for number in (0, 1):
            os.dup2(self.request.fileno(), number)
        sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115 - for the rest of this process
        agent.main(["--ini", sys.argv[2]], installed=False)
        sys.stdout.flush()


def main() -> None:
    with Agents(sys.argv[1], OneRequest) as server:
        print("ready", flush=True)
        server.serve_forever(poll_interval=60)


if __name__ == "__main__":
    main()
