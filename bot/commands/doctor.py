"""`maildesk doctor`: what is missing in this installation, at a shell. 0: all is well; 1: warnings; 2: problems."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from bot import bootstrap
from bot.doctor import Level, Line, exit_status
from bot.doctor.lines import problem
from bot.errors import MaildeskError, SettingsError
from bot.services import Services
from bot.settings import load
from bot.text import presentable

Slack = Callable[[Services], Awaitable[Sequence[Line]]]
"""What Slack's side has to say (handlers/doctor.py)."""

LONGEST = 2000
"""Characters of one line; what it quotes may be long, and hostile."""


def main(host: str, slack: Slack) -> int:
    """Look at everything, or at one mail host, and print each line; the exit status."""
    try:
        lines = asyncio.run(_look(host, slack))
    except SettingsError as error:
        # Nothing can be looked at with settings that can't be read; each mistake is a line of its own.
        lines = [
            problem("settings", each, "Edit .env, or the file that it names; .env.example tells each setting")
            for each in error.problems
        ]
    except MaildeskError as error:
        print(error, file=sys.stderr)
        return Level.PROBLEM.value
    for line in lines:
        print(presentable(f"{line.level.label:8}{line.about}: {line.text}", LONGEST))
        if line.mend:
            print(presentable(f"{'':8}→ {line.mend}", LONGEST))
    return exit_status(lines)


async def _look(host: str, slack: Slack) -> list[Line]:
    services = bootstrap.services(load())
    try:
        return await services.doctor.look(host, partial(slack, services))
    finally:
        await services.hosts.close()
