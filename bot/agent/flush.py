"""`flush`: ask Postfix to try mail again now, then look what became of it.

Flushing is asynchronous: postqueue(1) only asks. A deferred file's modification time is its next attempt, and it is
moved to `active` and back: a message that lies in `deferred` with other times than before was tried again.
"""

from __future__ import annotations

import time
from itertools import chain, islice
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from bot.agent import show
from bot.agent.depth import counts
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.matching import address_test
from bot.agent.outcomes import Flushed, Outcome
from bot.agent.output import Output
from bot.agent.protocol import MAX_TARGETS, Tally
from bot.agent.queues import Place
from bot.agent.reasons import grouped
from bot.agent.report import Report
from bot.agent.requests import Target
from bot.agent.seconds import seconds
from bot.agent.tally import Counter

MAX_IDS = 1000
"""`postqueue -i` takes one ID a process."""

MAX_REASONS = 1000
"""Of how many messages the reason of the new deferral is read."""

QUIET_SECONDS = 3
"""What was asked for is moved to the active queue within a moment; what lies still for so long stays where it is."""


def flush(system: MailSystem, args: Mapping[str, Any], targets: Sequence[Target], output: Output) -> Flushed:
    """Flush some messages, one site, or everything. Raises AgentError with nothing asked for."""
    site = args["site"]
    if site and targets:
        raise AgentError("bad_request", "A flush is of a site or of messages, not of both; nothing was flushed.")
    if len(targets) > MAX_IDS:
        raise AgentError(
            "bad_request",
            f"{len(targets):,} messages were to be flushed; one by one Postfix takes at most {MAX_IDS:,} at a time, so "
            "nothing was flushed. Narrow the selection, or flush everything.",
        )
    if not system.running():
        raise AgentError(
            "mail_system_down",
            "Postfix is not running there, so nothing was flushed. Start it with: postfix start",
        )
    system.trash.prepare()
    before = counts(system.queues)
    wanted = _wanted(system, site, targets)
    waiting = {queue_id: place for queue_id, place in wanted.items() if place}
    system.trash.lock()
    previous = system.trash.last_flush()
    output.progress(0, len(waiting), "asked")  # Who is gone by now has nothing done.
    if targets or site:
        _ask_for(system, site, list(wanted), output)
    else:
        system.postfix.flush_all()
        output.begin()
    system.trash.record_flush()
    system.trash.unlock()
    output.progress(0, len(waiting), "asked")
    outcomes, waited = _watch(system, waiting, args["wait"], output)
    # What was not there to begin with was not delivered by this flush.
    outcomes.update((queue_id, Outcome(queue_id, "not_queued")) for queue_id in wanted if queue_id not in waiting)
    backoff = system.postfix.parameters(["minimal_backoff_time"]).get("minimal_backoff_time", "")
    return Flushed(
        asked=len(waiting),
        counts=output.outcomes(outcomes.values()),
        reasons=_reasons_now(system, outcomes.values()),
        before=before,
        after=counts(system.queues),
        waited=waited,
        watched=len(waiting) < MAX_TARGETS,
        previous=previous,
        minimal_backoff_time=seconds(backoff, "s"),
    )


Before = Dict[str, Place]
"""Where each message that is to be flushed lay before it was asked for."""


def _wanted(system: MailSystem, site: str, targets: Sequence[Target]) -> Dict[str, Optional[Place]]:
    if targets:
        return {target.queue_id: system.queues.find(target.queue_id) for target in targets}
    if site:
        return {queue_id: system.queues.find(queue_id) for queue_id in _ids_of_site(system, site)}
    waiting: Dict[str, Optional[Place]] = {}
    for queue_id in islice(chain.from_iterable(system.queues.ids("deferred")), MAX_TARGETS):
        status = system.queues.status("deferred", queue_id)
        waiting[queue_id] = Place("deferred", status) if status else None
    return waiting


def _ids_of_site(system: MailSystem, site: str) -> List[str]:
    to_site = address_test(f"@{site}")
    report = Report(system.postfix)
    return [
        entry["queue_id"]
        for entry in report.entries()
        if entry["queue_name"] == "deferred" and any(to_site(each["address"]) for each in entry["recipients"])
    ]


def _ask_for(system: MailSystem, site: str, ids: Sequence[str], output: Output) -> None:
    if site:
        try:
            system.postfix.flush_site(site)
            output.begin()
            return
        except AgentError as error:
            # Postfix keeps a list for the sites in fast_flush_domains alone; others are flushed message by message.
            if error.code != "bad_request":
                raise
        if len(ids) > MAX_IDS:
            raise AgentError(
                "bad_request",
                f"{len(ids):,} messages wait for {site}, which is not among fast_flush_domains, and one by one "
                f"Postfix takes at most {MAX_IDS:,}; nothing was flushed. Flush everything, or name the site in "
                "fast_flush_domains.",
            )
    for done, queue_id in enumerate(ids):
        system.postfix.flush_message(queue_id)
        output.begin()
        output.progress(done, len(ids), "asked")


def _watch(system: MailSystem, waiting: Before, most: int, output: Output) -> "tuple[Dict[str, Outcome], float]":
    """Look until nothing that was flushed is on its way any more, or `most` seconds have passed."""
    begun = time.monotonic()
    outcomes: Dict[str, Outcome] = {}
    unsettled = list(waiting)
    pause = 0.1
    while True:
        on_their_way = 0
        for queue_id in unsettled:
            now = system.queues.find(queue_id)
            on_their_way += now is not None and now.queue in ("incoming", "active")
            outcomes[queue_id] = Outcome(queue_id, _became(waiting[queue_id], now))
        unsettled = [queue_id for queue_id in unsettled if outcomes[queue_id].outcome in ("active", "not_tried")]
        waited = time.monotonic() - begun
        output.progress(len(waiting) - len(unsettled), len(waiting), "tried")
        quiet = not on_their_way and waited > QUIET_SECONDS
        if not unsettled or quiet or waited >= most:
            return outcomes, round(waited, 1)
        time.sleep(min(pause, max(0.0, most - waited)))
        pause = min(pause * 1.5, 2.0)


def _became(before: Place, now: Optional[Place]) -> str:
    """One of FLUSH_OUTCOMES."""
    if now is None:
        return "gone"
    if now.queue == "hold":
        return "on_hold"
    if now.queue == "active":
        return "active"
    if now.queue != "deferred":
        return "not_tried"
    return "not_tried" if _moment(before) == _moment(now) else "deferred"


def _moment(place: Place) -> "tuple[str, int, int]":
    # The next attempt is kept in whole seconds, so two attempts within one second differ in the change time alone.
    return place.queue, place.status.st_mtime_ns, place.status.st_ctime_ns


def _reasons_now(system: MailSystem, outcomes: Iterable[Outcome]) -> Tally:
    counter = Counter()
    again = [outcome.queue_id for outcome in outcomes if outcome.outcome == "deferred"]
    for queue_id in again[:MAX_REASONS]:
        for reason in {grouped(text) for text in show.reasons(system, queue_id).values()}:
            counter.add(reason)
    return counter.tally()
