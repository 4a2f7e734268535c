"""postsuper(1): moves and removes queue files, and says on standard error what it did, a line per message."""

# Importing pathlib takes longer than all that this program does with it.
from __future__ import annotations

import os
import stat
import sys

from bot.demo import queueid
from bot.demo.programs import common
from bot.demo.spool import EXPIRED, LOGS, Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

USAGE = (
    "usage: postsuper [-c config_dir] [-d queue_id (delete)] [-e queue_id (expire)]"
    " [-f queue_id (expire and/or release)] [-h queue_id (hold)] [-H queue_id (release)]"
    " [-p (purge temporary files)] [-r queue_id (requeue)] [-s (structure fix)] [-S (redundant structure fix)]"
    " [-v] [queue...]"
)
KNOWN = ("maildrop", "incoming", "active", "deferred", "hold", "bounce", "defer", "trace", "flush", "corrupt", "saved")


def delete(spool: Spool, queue: str, queue_id: str) -> bool:
    for log in LOGS:
        spool.remove(log, queue_id)
    return spool.remove(queue, queue_id)


def expire(spool: Spool, queue: str, queue_id: str) -> bool:
    path = spool.path(queue, queue_id)
    mode = stat.S_IMODE(os.stat(path).st_mode)
    os.chmod(path, mode | EXPIRED)
    return not mode & EXPIRED


def hold(spool: Spool, queue: str, queue_id: str) -> bool:
    return _move(spool, queue, queue_id, "hold")


def release(spool: Spool, queue: str, queue_id: str) -> bool:
    return _move(spool, queue, queue_id, "deferred")


def requeue(spool: Spool, queue: str, queue_id: str) -> bool:
    os.utime(spool.path(queue, queue_id))
    return _move(spool, queue, queue_id, "maildrop")


class Action:
    """One option: what it does, in which queues unless some are named, and in which words it is reported."""

    __slots__ = ("did", "queues", "total", "work")

    def __init__(self, work: Callable[[Spool, str, str], bool], queues: tuple[str, ...], did: str, total: str) -> None:
        self.work = work
        self.queues = queues
        self.did = did
        self.total = total


EVERYWHERE = ("hold", "incoming", "active", "deferred")

# In the order in which the totals are reported.
ACTIONS = {
    "r": Action(requeue, EVERYWHERE, "requeued", "Requeued"),
    "d": Action(delete, EVERYWHERE, "removed", "Deleted"),
    "e": Action(expire, EVERYWHERE, "expired", "Force-expired"),
    "h": Action(hold, ("incoming", "active", "deferred"), "placed on hold", "Placed on hold"),
    "H": Action(release, ("hold",), "released from hold", "Released from hold"),
}
STEPS = {"f": "eH"}
"""Options that do more than one thing to each message."""


def main() -> int:
    return common.run("postsuper", work, 1)


def work(arguments: Sequence[str]) -> int:
    try:
        given, queues = common.options(arguments, "c:d:e:f:h:H:pr:sSv")
    except common.Misused as error:
        common.say("postsuper", str(error))
        raise common.Fatal(USAGE) from None
    spool = Spool(common.configuration(dict(given).get("c", "")))
    if not common.privileged(spool.owner):
        raise common.Fatal("use of this command is reserved for the superuser")
    counts: dict[str, int] = {}
    for option, value in given:
        steps = STEPS.get(option, option)
        if steps[0] not in ACTIONS:
            continue
        for step in steps:
            counts.setdefault(step, 0)
        if value == "ALL":
            for step in steps:
                counts[step] += do_all(spool, ACTIONS[step], queues)
            continue
        for queue_id in _standard_input() if value == "-" else [value]:
            for step in steps:
                counts[step] += do_one(spool, ACTIONS[step], queues, queue_id)
    for step, action in ACTIONS.items():
        if step in counts:
            common.say("postsuper", f"{action.total}: {counts[step]} message{'' if counts[step] == 1 else 's'}")
    return 0


def do_one(spool: Spool, action: Action, queues: Sequence[str], queue_id: str) -> int:
    """Act on one message where it lies in these queues: 1 when something was done. Raises Fatal."""
    if not queueid.is_queue_id(queue_id):
        # `ALL` and the like could be a queue ID as far as postsuper(1) looks: not found, and no word about it.
        if not queue_id or not queue_id.isascii() or not queue_id.isalnum():
            common.say("postsuper", f"warning: invalid mail queue id: {queue_id}")
        return 0
    for queue in _wanted(action, queues):
        # Like postsuper(1), which looks at a queue's name only when it comes to that queue.
        if queue not in KNOWN:
            raise common.Fatal(f"invalid directory name: {queue}")
        try:
            if spool.status(queue, queue_id) is not None and action.work(spool, queue, queue_id):
                common.say("postsuper", f"{queue_id}: {action.did}")
                return 1
        except FileNotFoundError:
            pass  # it moved on meanwhile, perhaps into the next queue on the list
    return 0


def do_all(spool: Spool, action: Action, queues: Sequence[str]) -> int:
    """Act on every message in these queues, without a line for each."""
    done = 0
    for queue in _wanted(action, queues):
        for queue_id in list(spool.scan(queue)):
            try:
                if spool.status(queue, queue_id) is not None:
                    done += action.work(spool, queue, queue_id)
            except FileNotFoundError:
                continue
    return done


def _wanted(action: Action, queues: Sequence[str]) -> Iterable[str]:
    wanted = queues or action.queues
    if action.work is hold:
        return [queue for queue in wanted if queue != "hold"]
    if action.work is release:
        return [queue for queue in wanted if queue == "hold"]
    return wanted


def _standard_input() -> Iterable[str]:
    for line in sys.stdin.buffer:
        yield line.decode("utf-8", "backslashreplace").rstrip("\r\n")


def _move(spool: Spool, queue: str, queue_id: str, target: str) -> bool:
    spool.move(queue_id, queue, target)
    return True
