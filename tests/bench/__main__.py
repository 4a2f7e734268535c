"""`make bench`: ratios within one run on a real queue, beside the ceilings that they are held to.

Nothing here fails a build: machines are noisy, and a figure is for a person to read.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain

from tests.bench import blocklists, checks, deleting, pictures, samples, slack, sshing, watching
from tests.bench.measure import BARE_PYTHON, best, request, run, to_nowhere
from tests.postfix.filling import fill, mixture
from tests.postfix.hosts import agent_argv
from tests.postfix.instance import PrivatePostfix
from tests.postfix.world import World

RUNS = 3

# What jq does in the same pass: counts per queue, senders, recipient domains and reasons.
JQ = """
reduce inputs as $m ({}; .queues[$m.queue_name] += 1 | .senders[$m.sender] += 1
  | reduce $m.recipients[] as $r (.; .domains[$r.address | split("@")[1]] += 1 | .reasons[$r.delay_reason // ""] += 1))
| {queues, senders: (.senders | to_entries | sort_by(-.value)[:10]),
   domains: (.domains | to_entries | sort_by(-.value)[:10]), reasons: (.reasons | to_entries | sort_by(-.value)[:10])}
"""

# And pymailq: the top senders, from the classic listing, which is what it reads.
PYMAILQ = """
import sys
from collections import Counter
from pymailq import CONFIG, store
CONFIG["commands"]["list_queue"] = ["postqueue", "-c", sys.argv[1], "-p"]
found = store.PostqueueStore()
found.load()
print(len(found.mails), Counter(mail.sender for mail in found.mails).most_common(10))
"""


def main() -> None:
    with a_queue_of(10_000) as postfix:
        _, ratio, _ = listing(postfix)
        row("list with its summary, 10,000 messages", f"{ratio:.2f} x", "1.50 x")
        deletions(postfix)
    with a_queue_of(100_000) as postfix:
        plain, ratio, peak = listing(postfix)
        row("list with its summary, 100,000 messages", f"{ratio:.2f} x", "1.15 x")
        row("  peak memory of the agent meanwhile", f"{peak:.0f} MiB", "40 MiB")
        row("depth, 100,000 messages, less bare Python", f"{depth(postfix) / plain:.3f} x", "0.050 x")
        for name, argv in peers(postfix):
            try:
                row(f"  for comparison: {name}", f"{run(argv).seconds / plain:.2f} x")
            except subprocess.CalledProcessError:
                # pymailq 0.9 does not know long queue IDs.
                row(f"  for comparison: {name}", "broke off")
        receipts = asyncio.run(slack.acknowledgements(postfix, commands=50))
        in_time = sum(seconds <= 0.3 for seconds in receipts) / len(receipts)
        row("50 commands at once while a listing runs: acknowledged within 300 ms", f"{in_time:.0%}", "99%")
        row("  the slowest of them", f"{max(receipts) * 1000:.0f} ms")
        for what, figure, ceiling in (*asyncio.run(watching.rows(postfix)), *asyncio.run(sshing.rows(postfix))):
            row(what, figure, ceiling)
        deleted, restored = deleting.there_and_back(postfix, deleting.identities(postfix))
        row("peak memory of an agent that deletes 100,000 messages", f"{deleted.peak:.0f} MiB", "80 MiB")
        row("  and of one that restores them", f"{restored.peak:.0f} MiB", "80 MiB")
    for what, figure, ceiling in chain(blocklists.rows(), pictures.rows()):
        row(what, figure, ceiling)
    ratio = asyncio.run(sshing.fleet())
    row("status of 50 hosts, 10 of them dead: complete, in times of the slowest", f"{ratio:.2f} x", "1.30 x")
    seconds, _ = asyncio.run(checks.all_at_once())
    row(
        "all checks of 10 domains, in times of the slowest single answer", f"{seconds / checks.SLOWEST:.2f} x", "1.50 x"
    )
    row(
        "maildesk --help", f"{best(RUNS, lambda: run((sys.executable, '-m', 'bot', '--help')).seconds):.2f} s", "0.60 s"
    )
    row("a store with a year of samples of 10 mail hosts", f"{samples.a_year():.0f} MB", "50 MB")
    row("the bot's memory when idle", f"{asyncio.run(slack.idle_memory()):.0f} MiB", "150 MiB")


def row(what: str, figure: str, ceiling: str = "") -> None:
    print(f"{what:<72}{figure:>9}" + (f"   (ceiling {ceiling})" if ceiling else ""), flush=True)


@contextmanager
def a_queue_of(messages: int) -> Iterator[PrivatePostfix]:
    """A real Postfix with so many deferred messages, their files in memory. x is `postqueue -j >/dev/null`."""
    print(
        f"Filling a real queue with {messages:,} messages; x is the time of postqueue -j >/dev/null on it", flush=True
    )
    # The oldest of it is five days old; what is past its lifetime would be restored to hold, which is less work.
    with World() as world, PrivatePostfix(world, settings={"maximal_queue_lifetime": "6d"}) as postfix:
        postfix.start()
        fill(postfix, mixture(messages))
        to_nowhere(postqueue(postfix))
        yield postfix


def postqueue(postfix: PrivatePostfix) -> tuple[str, ...]:
    return ("postqueue", "-c", str(postfix.config_directory), "-j")


def listing(postfix: PrivatePostfix) -> tuple[float, float, float]:
    """Seconds of postqueue alone, `list`'s ratio to it (the best of some alternating runs of each), its peak in MiB."""
    argv = agent_argv(postfix)
    plain, ours, peak = [], [], 0.0
    for _ in range(RUNS):
        plain.append(to_nowhere(postqueue(postfix)))
        done = run(argv, request("list", limit=10))
        ours.append(done.seconds)
        peak = max(peak, done.peak)
    return min(plain), min(ours) / min(plain), peak


def deletions(postfix: PrivatePostfix) -> None:
    """The rows of deleting the whole queue; y is `postsuper -d -` with all IDs at once, which has no way back."""
    raw, ours, back = deleting.deletion(postfix, RUNS)
    print(f"y is the time of postsuper -d - on all of them: {raw:.2f} s", flush=True)
    row("delete with a way back, 10,000 messages", f"{ours / raw:.2f} y", "3.00 y")
    row("restore, 10,000 messages", f"{back / raw:.2f} y", "1.00 y")
    for name, seconds in deleting.others(postfix):
        figure = "hung" if seconds is None else f"{seconds / raw:.2f} y"
        row(f"  for comparison: {name}", figure)
        if seconds is None:
            print(f"    (ended after {deleting.PYMAILQ_SECONDS} s)", flush=True)


def depth(postfix: PrivatePostfix) -> float:
    argv = agent_argv(postfix)
    bare = best(5, lambda: run(BARE_PYTHON).seconds)
    return best(5, lambda: run(argv, request("depth")).seconds) - bare


def peers(postfix: PrivatePostfix) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Programs that do a part of the same job, where they are installed."""
    configuration = str(postfix.config_directory)
    if shutil.which("qshape"):
        yield "qshape deferred (domains by age)", ("qshape", "-c", configuration, "deferred")
    if shutil.which("jq"):
        pipe = " ".join(postqueue(postfix)) + ' | jq -n "$0"'
        yield "postqueue -j | jq (the same summary)", ("sh", "-c", pipe, JQ)
    if find_spec("pymailq"):
        yield "pymailq (top senders)", (sys.executable, "-c", PYMAILQ, configuration)


if __name__ == "__main__":
    main()
