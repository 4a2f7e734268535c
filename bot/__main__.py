"""The command line: `maildesk run`, `console`, `check`, `rbl`, `audit verify` and `agent build`.

The only file of bot/ that imports handlers.
"""

import argparse
import asyncio
import contextlib
import io
import logging
import os
import pwd
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from bot import __version__
from bot.errors import MaildeskError, SettingsError

if TYPE_CHECKING:
    from bot.console.workspace import Workspace
    from bot.demo.ahead import Ahead
    from bot.demo.outside import Outside
    from bot.mailhost.hosts import MailHosts
    from bot.services import Services
    from bot.settings import Settings
    from bot.store.database import Store

# What a command needs is imported when it runs, so that --help answers at once.


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. What a person has to mend is said in plain lines, and the status is 1 (2 for usage)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:
        if stop.code == 2 and arguments[:1] in (["check"], ["rbl"]):
            # To whatever reads a monitoring plugin's status, 2 would be a problem of the mail host's.
            raise SystemExit(3) from None
        raise
    try:
        status: int = options.command(options)
        return status
    except SettingsError as error:
        print("The settings need mending; nothing was started.", file=sys.stderr)
        for problem in error.problems:
            print(f"- {problem}", file=sys.stderr)
    except MaildeskError as error:
        print(error, file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read the output has gone (`| head`); Python would try once more to write what is left of it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="maildesk", description="Run your Postfix mail hosts from Slack: see the queue, learn why, act, and undo."
    )
    parser.add_argument("--version", action="version", version=f"maildesk {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="connect to Slack and answer there, until stopped")
    run.set_defaults(command=_run)

    console = commands.add_parser("console", help="the same bot at this terminal: when Slack is down, or to try it")
    console.add_argument(
        "--demo", action="store_true", help="with a mail host and a queue to play with; reads a script, or plays a tour"
    )
    console.set_defaults(command=_console)

    check = commands.add_parser(
        "check", help="is the mail of these hosts welcome elsewhere; a monitoring plugin's status"
    )
    check.add_argument("host", nargs="?", default="", metavar="HOST", help="default: all of them")
    check.add_argument(
        "--only", choices=("dns", "auth", "rbl", "tls", "all"), default="all", help="one part of the checks"
    )
    check.add_argument("--json", action="store_true", help="everything that was found, as JSON")
    check.set_defaults(command=_check)

    rbl = commands.add_parser("rbl", help="is this address or domain on a blocklist; a monitoring plugin's status")
    rbl.add_argument("subject", metavar="ADDRESS|DOMAIN")
    rbl.add_argument("--json", action="store_true", help="each list with its answer, cause, codes and time, as JSON")
    rbl.set_defaults(command=_rbl)

    audit = commands.add_parser("audit", help="the record of who did what")
    audit_commands = audit.add_subparsers(title="commands", required=True, metavar="COMMAND")
    verify = audit_commands.add_parser("verify", help="find rows that were edited, removed, inserted or moved")
    verify.add_argument(
        "--head", default="", metavar="SEQ:DIGEST", help="as a record in Slack shows it: finds rows cut off at the end"
    )
    verify.set_defaults(command=_audit_verify)

    agent = commands.add_parser("agent", help="the program that runs on the mail host")
    agent_commands = agent.add_subparsers(title="commands", required=True, metavar="COMMAND")
    build = agent_commands.add_parser("build", help="write the agent as one file, for a mail host")
    build.add_argument("file", nargs="?", type=Path, default=Path("maildesk-agent"), help="default: ./maildesk-agent")
    build.set_defaults(command=_agent_build)
    return parser


def _run(_: argparse.Namespace) -> int:
    from bot import bootstrap
    from bot.settings import load

    settings = load()
    if missing := settings.for_slack():
        raise SettingsError(missing)
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return asyncio.run(_serve(bootstrap.services(settings)))


async def _serve(services: "Services") -> int:
    from handlers.app import build_app, serve

    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with _running(services):
        await serve(build_app(services), services, stop)
    return 0


@contextlib.asynccontextmanager
async def _running(services: "Services") -> AsyncIterator[None]:
    """The store open and the clock running. What is under way at the end is taken up again at the next start."""
    from bot.scheduler import Clock

    async with services.store:
        clock = Clock(services)
        clock.start()
        try:
            yield
        finally:
            await clock.stop()
            await services.background.close()


def _console(options: argparse.Namespace) -> int:
    from bot import bootstrap
    from bot.settings import load

    # What goes wrong is said on the screen; a log line between the answers would only be in the way.
    logging.basicConfig(level="CRITICAL" if options.demo else "ERROR", format="%(levelname)s %(name)s: %(message)s")
    if options.demo:
        return _demo()
    settings = load()
    person = f"login:{_login()}"
    if not any(person in people for people in (settings.viewers, settings.operators, settings.approvers)):
        print(
            f"You are {person} here, and no list of the settings names you, so you may only ask for help.\n"
            f"Add yourself to VIEWERS, OPERATORS or APPROVERS, for example: OPERATORS={person}",
            file=sys.stderr,
        )
    return asyncio.run(_at_the_terminal(settings, bootstrap.mail_hosts(settings.hosts()), [person], sys.stdin))


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


TOUR = Path(__file__).with_name("demo") / "tour.txt"


def _demo() -> int:
    """A mail host that needs no Postfix, people of every role to be, and a tour where nobody sits at the terminal."""
    from bot import bootstrap
    from bot.demo.ahead import Ahead
    from bot.demo.host import DemoHost
    from bot.demo.outside import Outside

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
            return asyncio.run(_at_the_terminal(settings, hosts, people, lines, outside, Ahead(demo.flood)))


async def _at_the_terminal(
    settings: "Settings",
    hosts: "MailHosts",
    people: Sequence[str],
    lines: TextIO,
    outside: "Outside | None" = None,
    ahead: "Ahead | None" = None,
) -> int:
    """Drive the very app that Slack drives, through a local workspace with tokens made at random for this start."""
    from bot import bootstrap
    from bot.console.workspace import Workspace

    async with Workspace() as workspace:
        for person in people:
            workspace.add_user(person, person.removeprefix("login:"))
        workspace.add_channel(CHANNEL, "mail-ops", list(people))
        settings = settings.pointed_at(workspace.api_url, workspace.bot_token, workspace.app_token, CHANNEL)
        # Only in the demo is time the terminal's own; and only there is no bot in Slack whose database this is.
        services = bootstrap.services(settings, hosts, ahead or bootstrap.now, outside)
        async with _running(services):
            await services.approvals.show_open(workspace.team_id)
            await services.alerts.show(workspace.team_id)
            await _talk(services, workspace, people, lines, ahead)
    return 0


async def _talk(
    services: "Services", workspace: "Workspace", people: Sequence[str], lines: TextIO, ahead: "Ahead | None"
) -> None:
    """Serve this workspace while somebody types at the terminal, or until the bot can't go on.

    With a clock that can be turned `ahead` it is the demo: alerts are told here then, and nowhere else.
    """
    from bot.console import terminal
    from bot.scheduler import live_through
    from handlers.app import build_app, serve

    stop = asyncio.Event()
    serving = asyncio.create_task(serve(build_app(services), services, stop, at_home=ahead is not None))
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


CHANNEL = "C0MAILOPS"


def _check(options: argparse.Namespace) -> int:
    from bot import checking

    return checking.main(options.host, options.only, as_json=options.json)


def _rbl(options: argparse.Namespace) -> int:
    from bot import rbl

    return rbl.main(options.subject, as_json=options.json)


def _audit_verify(options: argparse.Namespace) -> int:
    from bot import bootstrap
    from bot.settings import load

    return asyncio.run(_verify(bootstrap.store(load()), options.head))


async def _verify(store: "Store", head: str) -> int:
    """Say what is wrong with the audit chain, a line for each row, or that all is in order."""
    await store.open(make=False)
    try:
        found = await store.audit.examine(head)
    finally:
        await store.close()
    if found.problems:
        print(f"The audit chain in {store.database.name} is not in order ({found.rows} rows, head {found.head}):")
        for problem in found.problems:
            print(f"- {problem.text}")
        return 1
    if not found.rows:
        print(f"The audit chain in {store.database.name} is empty: nothing has been written down yet.")
        return 0
    print(
        f"{found.rows} {'row is' if found.rows == 1 else 'rows are'} in order, "
        f"since {found.since:%Y-%m-%d %H:%M} UTC. The head is {found.head}."
    )
    if head:
        print(f"{head} is among them.")
    else:
        print("Rows cut off at the end show only against a head that was recorded elsewhere: --head SEQ:DIGEST.")
    return 0


def _agent_build(options: argparse.Namespace) -> int:
    from bot.agent.build import build

    build(options.file)
    print(
        f"Wrote {options.file}: copy it to the mail host as /usr/local/sbin/maildesk-agent, owned by root, mode 0755."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
