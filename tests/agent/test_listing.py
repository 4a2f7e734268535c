"""`list`: its numbers against a plain recount, its pages against a plain sort, and its memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.agent import listing, protocol
from bot.agent.errors import AgentError
from bot.agent.protocol import (
    AGE_BUCKETS_MINUTES,
    LISTED_QUEUES,
    Cursor,
    Identity,
    Listing,
    QueuedMessage,
    Selection,
    Term,
)
from bot.agent.reasons import grouped
from tests.agent.standin import REPOSITORY, StandIn, entry, lines, request

ARGS: dict[str, Any] = {
    "selection": Selection(), "select": False, "sort": "age", "limit": 0, "after": None, "before": None, "behind": 0,
}  # fmt: skip

RECIPIENT = st.fixed_dictionaries(
    {"address": st.sampled_from(["a@x.test", "b@X.test", "c@y.test", "d@y.test", "postmaster", '"@"@z.test'])},
    optional={"delay_reason": st.sampled_from(["host a[1] said: 450 4.2.0 x", "host b[2] said: 450 4.2.0 x", "y", ""])},
)


@st.composite
def queue(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Some entries with distinct IDs; few values, so that keys are often equal."""
    now = int(time.time())
    ages = st.sampled_from([0, 30, 299, 301, 3000, 43_000, 43_500, 76_000, 77_000, 388_000, 389_500, 500_000])
    ids = draw(st.lists(st.integers(0, 10**6), unique=True, max_size=25))
    return [
        entry(
            f"{number:06X}",
            queue_name=draw(st.sampled_from(LISTED_QUEUES)),
            arrival_time=now - draw(ages) + 10,  # 10 s to come until the test has asked
            message_size=draw(st.sampled_from([0, 1, 500, 10**9])),
            sender=draw(st.sampled_from(["ann@x.test", "ANN@x.test", "zoe@y.test", "MAILER-DAEMON", ""])),
            recipients=draw(st.lists(RECIPIENT, max_size=4)),
        )
        for number in ids
    ]


def listed(standin: StandIn, entries: list[dict[str, Any]], **args: Any) -> Listing:
    standin.says("postqueue", lines(entries))
    return listing.listing(standin.system, {**ARGS, **args})


@given(queue())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_summary_is_what_a_plain_recount_finds(standin: StandIn, entries: list[dict[str, Any]]) -> None:
    answer = listed(standin, entries)
    summary = answer.summary
    assert answer.complete
    assert answer.total == summary.messages == len(entries)
    assert summary.bytes == sum(each["message_size"] for each in entries)
    assert summary.recipients == sum(len(each["recipients"]) for each in entries)
    for name in LISTED_QUEUES:
        rows = [each for each in entries if each["queue_name"] == name]
        found = summary.queues.get(name)
        assert (found is None) == (not rows)
        if found:
            times = [each["arrival_time"] for each in rows]
            assert found == protocol.QueueSummary(
                len(rows), sum(each["message_size"] for each in rows), min(times), max(times)
            )
    times = [each["arrival_time"] for each in entries]
    assert (summary.oldest.arrival_time if summary.oldest else None) == min(times, default=None)
    assert summary.newest == max(times, default=None)
    ages = Counter(
        sum(max(0.0, answer.taken_at - arrival) >= 60 * limit for limit in AGE_BUCKETS_MINUTES) for arrival in times
    )
    assert list(summary.ages) == [ages[bucket] for bucket in range(len(AGE_BUCKETS_MINUTES) + 1)]
    assert {each.name: each.messages for each in summary.senders.top} == Counter(each["sender"] for each in entries)
    domains = Counter(
        domain
        for each in entries
        for domain in {recipient["address"].rpartition("@")[2].lower() for recipient in each["recipients"]}
    )
    assert {each.name: each.messages for each in summary.domains.top} == domains
    reasons = Counter(
        reason
        for each in entries
        for reason in {grouped(of["delay_reason"]) for of in each["recipients"] if of.get("delay_reason")}
    )
    assert {each.name: each.messages for each in summary.reasons.top} == reasons
    expiries = [
        each["arrival_time"] + (86_400 if each["sender"] == "MAILER-DAEMON" else 432_000)
        for each in entries
        if each["queue_name"] != "hold"
    ]
    assert summary.expires_at == min(expiries, default=None)
    assert summary.expiring == sum(moment <= answer.taken_at + 12 * 3600 for moment in expiries)


KEYS = {
    "age": lambda each: (each["arrival_time"], each["queue_id"]),
    "size": lambda each: (-each["message_size"], each["queue_id"]),
    "sender": lambda each: (each["sender"].lower(), each["queue_id"]),
}
CURSOR = {
    "age": lambda each: Cursor(str(each.arrival_time), each.queue_id),
    "size": lambda each: Cursor(str(each.message_size), each.queue_id),
    "sender": lambda each: Cursor(each.sender, each.queue_id),
}


@given(entries=queue(), sort=st.sampled_from(sorted(KEYS)), limit=st.integers(1, 7), data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_pages_visit_each_entry_exactly_once_forwards_and_backwards(
    standin: StandIn, entries: list[dict[str, Any]], sort: str, limit: int, data: st.DataObject
) -> None:
    in_order = [each["queue_id"] for each in sorted(entries, key=KEYS[sort])]
    shuffled = data.draw(st.permutations(entries))
    pages: list[tuple[QueuedMessage, ...]] = []
    after: Cursor | None = None
    while True:
        answer = listed(standin, shuffled, sort=sort, limit=limit, after=after)
        assert answer.position == sum(map(len, pages))
        if not answer.page:
            break
        assert len(answer.page) <= limit
        pages.append(answer.page)
        after = CURSOR[sort](answer.page[-1])
    assert [each.queue_id for page in pages for each in page] == in_order
    back: list[str] = []
    for page in reversed(pages):
        answer = listed(standin, shuffled, sort=sort, limit=limit, before=CURSOR[sort](page[0]))
        assert answer.position == max(0, len(in_order) - len(back) - len(page) - limit)
        assert [each.queue_id for each in answer.page] == in_order[: in_order.index(page[0].queue_id)][-limit:]
        back = [*[each.queue_id for each in page], *back]
    assert back == in_order


def test_a_page_is_right_although_the_queue_is_far_longer_than_what_is_kept(standin: StandIn) -> None:
    entries = [entry(f"{number * 7919 % 100_003:06X}", arrival_time=number % 50) for number in range(5000)]
    in_order = [each["queue_id"] for each in sorted(entries, key=KEYS["age"])]
    standin.says("postqueue", lines(entries))
    for place in (0, 1, 2499, 4990, 4999):
        cursor = Cursor(
            str(next(e["arrival_time"] for e in entries if e["queue_id"] == in_order[place])), in_order[place]
        )
        after = listing.listing(standin.system, {**ARGS, "limit": 3, "after": cursor})
        assert [each.queue_id for each in after.page] == in_order[place + 1 : place + 4]
        assert after.position == place + 1
        before = listing.listing(standin.system, {**ARGS, "limit": 3, "before": cursor})
        assert [each.queue_id for each in before.page] == in_order[max(0, place - 3) : place]
        assert before.position == max(0, place - 3)


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ({"after": {"key": "yesterday", "queue_id": "ABCDEF"}}, "A page sorted by age can't begin at 'yesterday'"),
        ({"sort": "size", "before": {"key": "", "queue_id": "ABCDEF"}}, "A page sorted by size can't begin at ''"),
        ({"after": {"key": "1", "queue_id": "ABCDEF"}, "before": {"key": "1", "queue_id": "ABCDEF"}}, "not both"),
    ],
)
def test_a_place_that_is_none_is_refused_before_the_queue_is_listed(
    standin: StandIn, args: dict[str, Any], says: str
) -> None:
    answer = standin.ask("list", limit=5, **args)
    assert answer.code == "bad_request"
    assert says in answer.last["text"]
    assert not any("postqueue" in line for line in standin.ran())


def test_a_page_shows_the_first_recipients_and_counts_all(standin: StandIn) -> None:
    recipients = [{"address": f"u{number}@x.test", "delay_reason": "r" * 5000} for number in range(9)]
    answer = listed(standin, [entry("ABCDEF", recipients=recipients, sender="s" * 5000)], limit=1)
    (shown,) = answer.page
    assert [each.address for each in shown.recipients] == ["u0@x.test", "u1@x.test", "u2@x.test"]
    assert shown.recipient_count == 9
    assert len(shown.sender) == len(shown.recipients[0].delay_reason) == protocol.MAX_TEXT


def test_a_reason_that_is_null_is_no_reason(standin: StandIn) -> None:
    nothing = entry("ABCDEF", recipients=[{"address": "a@b.test", "delay_reason": None}])
    answer = listed(standin, [nothing], limit=1)
    assert answer.page[0].recipients[0].delay_reason == ""
    assert answer.summary.reasons.top == ()
    answer = listed(standin, [nothing], selection=Selection((Term("reason", "none"),)))
    assert answer.summary.messages == 0


def test_a_selection_narrows_the_summary_and_not_the_total(standin: StandIn) -> None:
    entries = [entry("AAAAAA", queue_name="hold"), entry("BBBBBB"), entry("CCCCCC")]
    answer = listed(standin, entries, selection=Selection((Term("queue", "hold"),)), limit=10)
    assert (answer.total, answer.summary.messages) == (3, 1)
    assert [each.queue_id for each in answer.page] == ["AAAAAA"]


def test_an_entry_that_repeats_is_selected_and_counted_once(standin: StandIn) -> None:
    entries = [entry("AAAAAA", queue_name="active"), entry("BBBBBB"), entry("AAAAAA", queue_name="deferred")]
    standin.says("postqueue", lines(entries))
    answer = standin.ask("list", select=True, limit=5)
    assert [event["identity"][0] for event in answer.events[:-1]] == ["AAAAAA", "BBBBBB"]
    summary = answer.result["summary"]
    assert (summary["messages"], summary["bytes"], summary["recipients"]) == (2, 2000, 2)
    assert [(name, queue["messages"]) for name, queue in summary["queues"].items()] == [("active", 1), ("deferred", 1)]
    assert [each["queue_id"] for each in answer.result["page"]] == ["AAAAAA", "BBBBBB"]
    assert answer.result["total"] == 3


@given(entries=queue(), limit=st.integers(0, 7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_what_is_selected_is_what_its_summary_and_its_page_tell_of(
    standin: StandIn, entries: list[dict[str, Any]], limit: int
) -> None:
    args = {**ARGS, "select": True, "limit": limit, "selection": Selection((Term("from", "*@x.test"),))}
    standin.says("postqueue", lines(entries + entries[:5]))
    told: list[Identity] = []
    answer = listing.select(standin.system, args, told.append)
    oldest_first = sorted(told, key=lambda each: (each.arrival_time, each.queue_id))
    assert [each.identity for each in answer.page] == oldest_first[:limit]
    assert answer.summary.messages == len(told) == len({each.queue_id for each in told})
    assert answer.summary.bytes == sum(each.message_size for each in told)
    assert sum(each.messages for each in answer.summary.senders.top) == len(told)
    assert {each.queue_id for each in told} == {
        each["queue_id"] for each in entries if each["sender"].lower() == "ann@x.test"
    }


def test_nothing_is_selected_from_half_a_queue(standin: StandIn) -> None:
    standin.says("postqueue", lines([entry("AAAAAA")]), "postqueue: fatal: malformed showq server response", 69)
    answer = standin.ask("list", select=True)
    assert (answer.code, answer.status) == ("partial", 65)
    assert "nothing was selected" in answer.last["text"]


def test_more_than_can_be_handled_at_once_is_refused_with_how_to_narrow_it(standin: StandIn) -> None:
    many = [f"{number:06X}" for number in range(protocol.MAX_TARGETS + 1)]
    row = json.dumps(entry("XXXXXX"))
    standin.says("postqueue", "".join(row.replace("XXXXXX", each) + "\n" for each in many))
    with pytest.raises(AgentError, match=r"More than 100,000 messages match.* older:1d") as caught:
        listing.select(standin.system, ARGS, lambda _: None)
    assert caught.value.code == "bad_request"
    standin.says("postqueue", "".join(row.replace("XXXXXX", each) + "\n" for each in many[1:]))
    told: list[Identity] = []
    assert listing.select(standin.system, ARGS, told.append).summary.messages == protocol.MAX_TARGETS == len(told)


# A process that is started from a large one counts the large one's memory as its peak (execve(2)); so a small one
# starts the agent.
PEAK = """
import os, sys
pid = os.fork()
if not pid:
    os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss, file=sys.stderr)
sys.exit(os.waitstatus_to_exitcode(status))
"""


def _all_distinct(count: int, long: int) -> Iterator[str]:
    # Names of up to `long` characters; reasons that no grouping brings together.
    for number in range(count):
        pad = "x" * (number % long)
        reason = (
            f"host mx.d{number}.test[192.0.2.1] said: 450 4.2.0 {'abcdefghij'[number % 10] * (number // 10 % 90)} {pad}"
        )
        yield (
            f'{{"queue_name": "deferred", "queue_id": "{number:07X}", "arrival_time": {1_700_000_000 + number}, '
            f'"message_size": {number}, "forced_expire": false, "sender": "u{number}{pad}@customers.test", '
            f'"recipients": [{{"address": "{pad}@d{number}.test", "delay_reason": "{reason}"}}]}}\n'
        )


@pytest.mark.parametrize(("count", "long"), [(200_000, 1), (30_000, 900)])
def test_its_memory_grows_neither_with_the_queue_nor_with_what_is_distinct(
    standin: StandIn, count: int, long: int
) -> None:
    with (standin.programs / ".many").open("w") as file:
        file.writelines(_all_distinct(count, long))
    standin.does("postqueue", f"exec cat {standin.programs}/.many")
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PEAK, *standin.argv],
        input=request("list", limit=100),
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    answer = json.loads(done.stdout.splitlines()[-1])["result"]
    assert answer["total"] == count
    assert answer["complete"]
    assert answer["summary"]["senders"]["undercount"] > 0
    assert int(done.stderr) < 40 * 1024
    Path(standin.programs / ".many").unlink()
