"""The agent's entry: one request on standard input, JSON Lines on standard output, and a status of sysexits(3).

Installed, it takes no arguments and reads one fixed agent.ini. Uninstalled (from a checkout, in development, tests and
the demo) it takes `--ini FILE`, and trusts what belongs to root or to the user that runs it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any, Callable, List, Mapping, NamedTuple, Sequence

from bot.agent import config, requests
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.output import Output
from bot.agent.requests import Request
from bot.agent.trust import Trust

# Errors as sysexits(3) has them.
STATUS = {
    "bad_request": 64,  # EX_USAGE
    "denied": 77,  # EX_NOPERM
    "mail_system_down": 69,  # EX_UNAVAILABLE
    "busy": 75,  # EX_TEMPFAIL
    "partial": 65,  # EX_DATAERR
    "internal": 70,  # EX_SOFTWARE
}

REQUEST_SECONDS = 120
"""A hundred thousand targets take some seconds, also over a slow line."""


def main(arguments: Sequence[str], installed: bool) -> int:
    """Answer one request. `installed` is what the zipapp says of itself."""
    output = Output(sys.stdout.buffer)
    os.umask(0o077)
    _settle_signals()
    try:
        path, trust, own_file = _place(list(arguments), installed)
        os.chdir("/")
        trust.check(own_file)
        if os.path.lexists(path):
            trust.check(path)
        output.done(_answer(_request(), config.read(path), trust, output))
        return 0
    except AgentError as error:
        return _failed(output, error)
    except PermissionError as error:
        return _failed(output, AgentError("denied", f"The agent may not do this: {error}. It must run as root."))
    except OSError as error:
        return _failed(output, AgentError("internal", f"The mail host refused: {error}."))
    except Exception as error:
        # A mistake of the agent's own: its trace goes to the bot's log, and the admin is told that it is one.
        sys.excepthook(type(error), error, error.__traceback__)
        return _failed(output, AgentError("internal", f"The agent has a defect and broke off: {error!r}."))


def _settle_signals() -> None:
    """What the caller left ignored or blocked is inherited, and must not change what happens here."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    # While SIGCHLD is ignored, every program that fails looks as if it had succeeded (wait(2)).
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    # A link that is cut must not end a change in its middle; the lock and the records see to the rest.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _request() -> Request:
    """The request, if it comes within REQUEST_SECONDS: nobody keeps a program of root's waiting."""

    def too_late(*_: object) -> None:
        raise requests.bad(f"it did not come within {REQUEST_SECONDS} seconds")

    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(REQUEST_SECONDS)
    request = requests.read(sys.stdin.buffer)
    signal.alarm(0)
    return request


def _failed(output: Output, error: AgentError) -> int:
    """Say the error; one in the middle of a change says that part of it may have been carried out."""
    if output.begun:
        error = AgentError(
            "partial", f"The change broke off in its middle and may have been carried out in part. {error.text}"
        )
    output.error(error)
    return STATUS[error.code]


def _place(arguments: List[str], installed: bool) -> "tuple[str, Trust, str]":
    """The agent.ini to read, whom to trust, and the file that this program is."""
    if installed:
        if arguments:
            raise AgentError("bad_request", "The agent takes no arguments; nothing was done.")
        return config.INI, Trust(), os.path.abspath(sys.argv[0])
    if len(arguments) not in (0, 2) or (arguments and arguments[0] != "--ini"):
        raise AgentError("bad_request", "The agent takes no arguments but --ini FILE; nothing was done.")
    path = os.path.abspath(arguments[1]) if arguments else config.INI
    return path, Trust({0, os.geteuid()}, sticky=True), os.path.abspath(__file__)


class Call(NamedTuple):
    """What a verb is carried out with."""

    system: MailSystem
    request: Request
    instances: Mapping[str, config.Instance]
    output: Output


def _answer(request: Request, instances: Mapping[str, config.Instance], trust: Trust, output: Output) -> Any:
    instance = instances.get(request.instance)
    if instance is None:
        raise requests.bad(f"this host has no instance {request.instance!r}; it has {', '.join(instances)}")
    if request.verb not in instance.verbs:
        allowed = " ".join(instance.verbs) or "nothing"
        raise AgentError(
            "denied", f"This host does not allow {request.verb}; its agent.ini allows {allowed}. Nothing was done."
        )
    # Who can write main.cf can have any program run as root, and so can who can replace Postfix's own.
    trust.check(os.path.join(instance.config_directory, "main.cf"))
    if instance.command_directory:
        trust.check(instance.command_directory)
    system = MailSystem(instance, trust)
    if system.trash.exists():
        trust.check(system.trash.path)
    return _VERBS[request.verb](Call(system, request, instances, output))


# Each verb's module is imported when it is asked for: a program that starts for every request starts fast.


def _info(call: Call) -> Any:
    from bot.agent.info import info

    return info(call.system, call.instances)


def _depth(call: Call) -> Any:
    from bot.agent.depth import depth

    return depth(call.system.queues, time.time())


def _list(call: Call) -> Any:
    from bot.agent import listing

    if call.request.args["select"]:
        return listing.select(call.system, call.request.args, call.output.identity)
    return listing.listing(call.system, call.request.args)


def _show(call: Call) -> Any:
    from bot.agent.show import show

    return show(call.system, call.request.args["queue_id"])


def _flush(call: Call) -> Any:
    from bot.agent.flush import flush

    return flush(call.system, call.request.args, call.request.targets, call.output)


def _hold(call: Call) -> Any:
    from bot.agent.hold import hold

    args = call.request.args
    return hold(call.system, args["key"], call.request.targets, args["not_after"], call.output)


def _release(call: Call) -> Any:
    from bot.agent.release import release

    return release(call.system, call.request.args["key"], call.request.targets, call.output)


def _delete(call: Call) -> Any:
    from bot.agent.delete import delete

    args = call.request.args
    return delete(call.system, args["key"], call.request.targets, args["not_after"], args["final"], call.output)


def _restore(call: Call) -> Any:
    from bot.agent.restore import restore

    return restore(call.system, call.request.args["key"], call.request.targets, call.output)


def _trash(call: Call) -> Any:
    from bot.agent.deletions import trash

    return trash(call.system, call.request.args["key"])


def _purge(call: Call) -> Any:
    from bot.agent.purge import purge

    return purge(call.system, call.request.args["key"], call.request.args["not_after"], call.output)


def _requeue(call: Call) -> Any:
    from bot.agent.requeue import requeue

    return requeue(call.system, call.request.targets, call.output)


def _expire(call: Call) -> Any:
    from bot.agent.expire import expire

    args = call.request.args
    return expire(call.system, args["key"], args["not_after"], call.request.targets, call.output)


def _probe(call: Call) -> Any:
    from bot.agent.probe import probe

    return probe(call.system, call.request.args)


_VERBS: Mapping[str, Callable[[Call], Any]] = {
    "info": _info,
    "depth": _depth,
    "list": _list,
    "show": _show,
    "flush": _flush,
    "hold": _hold,
    "release": _release,
    "delete": _delete,
    "restore": _restore,
    "trash": _trash,
    "purge": _purge,
    "requeue": _requeue,
    "expire": _expire,
    "probe": _probe,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], installed=False))
