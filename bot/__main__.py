"""The command line: `maildesk run`, `console`, `doctor`, `check`, `rbl`, `audit` and `agent`.

The only file of bot/ that imports handlers.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bot import __version__
from bot.errors import MaildeskError, SettingsError

if TYPE_CHECKING:
    from bot.services import Services

# What a command needs is imported when it runs (bot/commands/), so that --help answers at once.


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

    doctor = commands.add_parser("doctor", help="what is missing here, or wrong, and what mends it; status 0, 1 or 2")
    doctor.add_argument("--host", default="", metavar="HOST", help="one mail host alone")
    doctor.set_defaults(command=_doctor)

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
    install = agent_commands.add_parser("install", help="put the agent on a mail host: shows what it writes, and asks")
    install.add_argument("host", metavar="HOST", help="a host of the settings")
    install.add_argument(
        "--ssh",
        default="",
        metavar="DESTINATION",
        help="where your own ssh goes; default, for a host behind ssh: its address",
    )
    install.add_argument(
        "--key", type=Path, metavar="FILE.pub", help="by ssh: the key that may start the agent; default: the bot's"
    )
    install.add_argument(
        "--user", default="", help="the ordinary user who may; default: as in the settings, or as it is, or maildesk"
    )
    deed = install.add_mutually_exclusive_group()
    deed.add_argument("--dry-run", action="store_true", help="show what would be written, and write nothing")
    deed.add_argument("--undo", action="store_true", help="take away what was written; never a trash with mail in it")
    deed.add_argument("--yes", action="store_true", help="do not ask")
    install.set_defaults(command=_agent_install)
    return parser


def _run(_: argparse.Namespace) -> int:
    from bot.commands import serving

    return serving.main(_serve)


async def _serve(services: "Services", stop: asyncio.Event, at_home: bool) -> None:
    from handlers.app import build_app, serve

    await serve(build_app(services), services, stop, at_home=at_home)


def _console(options: argparse.Namespace) -> int:
    from bot.commands import console

    return console.main(_serve, demo=options.demo)


def _doctor(options: argparse.Namespace) -> int:
    from bot.commands import doctor
    from handlers.doctor import lines

    return doctor.main(options.host, lines)


def _check(options: argparse.Namespace) -> int:
    from bot.commands import check

    return check.main(options.host, options.only, as_json=options.json)


def _rbl(options: argparse.Namespace) -> int:
    from bot.commands import rbl

    return rbl.main(options.subject, as_json=options.json)


def _audit_verify(options: argparse.Namespace) -> int:
    from bot.commands import audit

    return audit.main(options.head)


def _agent_build(options: argparse.Namespace) -> int:
    from bot.agent.build import build

    build(options.file)
    print(
        f"Wrote {options.file}: copy it to the mail host as /usr/local/sbin/maildesk-agent, owned by root, mode 0755."
    )
    return 0


def _agent_install(options: argparse.Namespace) -> int:
    from bot.commands import install

    name = "plan" if options.dry_run else "undo" if options.undo else "install"
    deed = install.Deed(name, options.user, options.yes)
    return install.main(options.host, deed, ssh=options.ssh, key=options.key)


if __name__ == "__main__":
    sys.exit(main())
