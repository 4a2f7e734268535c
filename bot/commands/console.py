"""`maildesk console`: the very app that Slack drives, at this terminal; with --demo, on a mail host made up for it."""

import asyncio
import contextlib
import io
import logging
import os
import pwd
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TextIO

import bot.demo
from bot import bootstrap
from bot.commands.serving import Serve, running
from bot.console import terminal
from bot.console.workspace import Workspace
from bot.demo.ahead import Ahead
from bot.demo.host import DemoHost
from bot.demo.outside import Outside
from bot.mailhost.hosts import MailHosts
from bot.scheduler import live_through
from bot.services import Services
from bot.settings import Settings, load

TOUR = Path(bot.demo.__file__).with_name("tour.txt")
CHANNEL = "C0MAILOPS"


def main(serve: Serve, *, demo: bool) -> int:
    # What goes wrong is said on the screen; a log line between the answers would only be in the way.
    logging.basicConfig(level="CRITICAL" if demo else "ERROR", format="%(levelname)s %(name)s: %(message)s")
    if demo:
        return _demo(serve)
    settings = load()
    person = f"login:{_login()}"
    if not any(person in people for people in (settings.viewers, settings.operators, settings.approvers)):
        print(
            f"You are {person} here, and no list of the settings names you, so you may only ask for help.\n"
            f"Add yourself to VIEWERS, OPERATORS or APPROVERS, for example: OPERATORS={person}",
            file=sys.stderr,
        )
    hosts = bootstrap.mail_hosts(settings.hosts())
    return asyncio.run(_at_the_terminal(serve, settings, hosts, [person], sys.stdin))


def _login() -> str:
    """Who logged in at this terminal, also behind sudo(8): the audit login ID, which no one but root can change."""
    with contextlib.suppress(OSError, ValueError, KeyError):
        return pwd.getpwuid(int(Path("/proc/self/loginuid").read_text())).pw_name
    return pwd.getpwuid(os.getuid()).pw_name


@contextlib.contextmanager
def _script() -> Iterator[TextIO]:
    """The terminal, or the lines that come down a pipe; where nobody says anything (`</dev/null`), the tour."""
    if sys.stdin.isatty():
        yield sys.stdin
    elif typed := sys.stdin.read():
        yield io.StringIO(typed)
    else:
        with TOUR.open(encoding="utf-8") as tour:
            yield tour


def _demo(serve: Serve) -> int:
    """A mail host that needs no Postfix, people of every role to be, and a tour where nobody sits at the terminal."""
    # A closed terminal or a kill ends it in order, so that the demo's folder and its queue managers go too.
    for number in (signal.SIGHUP, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))
    with (
        tempfile.TemporaryDirectory(prefix="maildesk-demo-") as folder,
        Outside(Path(folder)) as outside,
        DemoHost(Path(folder), road=outside.ways()) as demo,
    ):
        settings = bootstrap.demo_settings(Path(folder), demo, outside)
        hosts = bootstrap.mail_hosts(settings.hosts())
        people = [*settings.approvers, *settings.operators, *settings.viewers]
        with _script() as lines:
            return asyncio.run(_at_the_terminal(serve, settings, hosts, people, lines, outside, Ahead(demo.flood)))


async def _at_the_terminal(
    serve: Serve,
    settings: Settings,
    hosts: MailHosts,
    people: Sequence[str],
    lines: TextIO,
    outside: Outside | None = None,
    ahead: Ahead | None = None,
) -> int:
    """Drive the very app that Slack drives, through a local workspace with tokens made at random for this start."""
    async with Workspace() as workspace:
        for person in people:
            workspace.add_user(person, person.removeprefix("login:"))
        workspace.add_channel(CHANNEL, "mail-ops", list(people))
        settings = settings.pointed_at(workspace.api_url, workspace.bot_token, workspace.app_token, CHANNEL)
        # Only in the demo is time the terminal's own; and only there is no bot in Slack whose database this is.
        services = bootstrap.services(settings, hosts, ahead or bootstrap.now, outside)
        async with running(services):
            await services.approvals.show_open(workspace.team_id)
            await services.alerts.show(workspace.team_id)
            await _talk(serve, services, workspace, people, lines, ahead)
    return 0


async def _talk(
    serve: Serve,
    services: Services,
    workspace: Workspace,
    people: Sequence[str],
    lines: TextIO,
    ahead: Ahead | None,
) -> None:
    """Serve this workspace while somebody types at the terminal, or until the bot can't go on.

    With a clock that can be turned `ahead` it is the demo: alerts are told here then, and nowhere else.
    """
    stop = asyncio.Event()
    serving = asyncio.ensure_future(serve(services, stop, ahead is not None))
    connected = asyncio.create_task(workspace.connected())
    await asyncio.wait((serving, connected), return_when=asyncio.FIRST_COMPLETED)
    if not serving.done():
        await terminal.run(
            workspace,
            users=people,
            channel=CHANNEL,
            idle=services.background.idle,
            stdin=lines,
            stdout=sys.stdout,
            later=partial(live_through, services, ahead.turn) if ahead else None,
        )
    connected.cancel()
    stop.set()
    await serving
