"""What the agent makes of what `postqueue -j` prints: hostile, cut, broken and endless, and never an empty queue."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.agent.errors import AgentError
from bot.agent.report import Report
from tests.agent.standin import StandIn, entry, lines

IDS = st.one_of(
    st.from_regex(r"[0-9A-F]{6,21}", fullmatch=True),
    st.from_regex(r"[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{10}z[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-y]{1,12}", fullmatch=True),
)
RECIPIENTS = st.lists(
    st.fixed_dictionaries({"address": st.text(max_size=30)}, optional={"delay_reason": st.text(max_size=60)}),
    max_size=4,
)
ENTRIES = st.builds(
    entry,
    IDS,
    queue_name=st.sampled_from(["maildrop", "incoming", "active", "deferred", "hold"]),
    arrival_time=st.integers(0, 2**40),
    message_size=st.integers(0, 2**40),
    sender=st.text(max_size=30),
    recipients=RECIPIENTS,
)
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)),
    max_leaves=6,
)
MEMBERS = ("queue_name", "queue_id", "arrival_time", "message_size", "sender", "recipients")
SPOILS: tuple[Any, ...] = (
    10**30,
    -1,
    1.5,
    math.nan,
    "7",
    None,
    True,
    [],
    {},
    "corrupt",
    "../x",
    [1],
    [{"address": 7}],
    [{"name": "x"}],
)


def listed(standin: StandIn) -> tuple[list[dict[str, Any]], Report]:
    report = Report(standin.postfix)
    return list(report.entries()), report


@st.composite
def spoiled_line(draw: st.DrawFn) -> tuple[bytes, dict[str, Any] | None]:
    """A line, and the entry that it is; None where it is none. It may be broken in any of many ways."""
    good = draw(ENTRIES)
    line = json.dumps(good, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    how = draw(st.sampled_from(["good", "unknown", "missing", "wrong", "cut", "bytes", "other", "deep", "utf-8"]))
    if how == "unknown":
        good[draw(st.sampled_from(["orig_address", "bounce_reason", "x y", "", "__class__"]))] = draw(JSON)
        return json.dumps(good).encode(), good
    if how == "missing":
        del good[draw(st.sampled_from(MEMBERS))]
        return json.dumps(good).encode(), None
    if how == "wrong":
        member = draw(st.sampled_from(MEMBERS))
        good[member] = draw(st.sampled_from([each for each in SPOILS if not _fits(member, each)]))
        return json.dumps(good).encode(), None
    if how == "cut":
        return line[: draw(st.integers(1, len(line) - 1))], None
    if how == "bytes":
        return draw(st.binary(min_size=1, max_size=30)).replace(b"\n", b"?").strip() or b"?", None
    if how == "other":
        return json.dumps(draw(JSON)).encode(), None
    if how == "deep":
        return b"[" * 3000 + b"]" * 3000, None
    if how == "utf-8":
        good["sender"] = "caf\ufffd@x.test"
        return json.dumps(good, ensure_ascii=False).replace("\ufffd", "@@").encode().replace(b"@@", b"\xe9", 1), good
    return line, good


def _fits(member: str, value: object) -> bool:
    kind = {"arrival_time": int, "message_size": int, "recipients": list}.get(member, str)
    if type(value) is not kind or member in ("queue_name", "queue_id"):
        return False
    return value != -1 and value != 10**30 if kind is int else kind is str or value == []


@given(st.lists(spoiled_line(), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_of_hostile_lines_the_good_ones_are_read_and_the_others_are_counted(
    standin: StandIn, hostile: list[tuple[bytes, dict[str, Any] | None]]
) -> None:
    standin.says("postqueue", b"".join(line + b"\n" for line, _ in hostile))
    found, report = listed(standin)
    good = [each for _, each in hostile if each is not None]
    assert [each["queue_id"] for each in found] == [each["queue_id"] for each in good]
    assert [each["recipients"] for each in found] == [_read(each["recipients"]) for each in good]
    bad = len(hostile) - len(good)
    assert report.complete is (bad == 0)
    assert report.problem == (f"{bad} entries of the listing could not be read." if bad else "")


def _read(value: Any) -> Any:
    return json.loads(json.dumps(value).encode("utf-8", "replace"))


@given(st.lists(ENTRIES, min_size=1, max_size=5), st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_listing_that_ends_in_the_middle_of_a_line_is_never_whole(
    standin: StandIn, entries: list[dict[str, Any]], data: st.DataObject
) -> None:
    whole = lines(entries)
    cut = data.draw(st.integers(0, len(whole) - 1))
    kept = whole[:cut]
    standin.says("postqueue", kept, "postqueue: fatal: malformed showq server response", 69)
    found, report = listed(standin)
    assert len(found) == kept.count(b"\n")
    assert not report.complete
    assert "Postfix broke off while listing the queue" in report.problem
    standin.says("postqueue", kept)
    _, report = listed(standin)
    assert report.complete is (kept == b"" or kept.endswith(b"\n"))


# The texts of postqueue(1), each with exit status 69 (facts of Postfix 3.7).
FAILURES = [
    ("postqueue: fatal: Queue report unavailable - mail system is down", "mail_system_down", "postfix start"),
    ("postqueue: fatal: User ann(1000) is not allowed to view the mail queue", "denied", "authorized_mailq_users"),
    ("postqueue: fatal: Connect to the Postfix showq service: Permission denied", "denied", "must run as root"),
    ("postqueue: fatal: chdir /var/spool/postfix: Permission denied", "denied", "must run as root"),
    ("postqueue: fatal: unauthorized configuration directory name: /x", "denied", "configuration directory"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "code", "advice"), FAILURES)
def test_each_failure_of_postqueue_is_told_apart_by_its_text(
    standin: StandIn, text: str, code: str, advice: str
) -> None:
    standin.says("postqueue", b"", text, 69)
    with pytest.raises(AgentError) as caught:
        listed(standin)
    assert caught.value.code == code
    assert advice in caught.value.text


def test_a_failure_nobody_knows_is_not_an_empty_queue(standin: StandIn) -> None:
    standin.says("postqueue", b"", "postqueue: fatal: out of memory", 1)
    found, report = listed(standin)
    assert (found, report.complete) == ([], False)
    assert report.problem == "postqueue failed with status 1: postqueue: fatal: out of memory"


def test_a_postqueue_that_fails_without_a_word_is_not_an_empty_queue(standin: StandIn) -> None:
    standin.says("postqueue", b"", "", 3)
    _, report = listed(standin)
    assert not report.complete
    assert "status 3: it said nothing" in report.problem


def test_a_postqueue_that_is_killed_is_not_an_empty_queue(standin: StandIn) -> None:
    standin.does("postqueue", "kill -9 $$")
    _, report = listed(standin)
    assert not report.complete
    assert "was ended before it had listed everything" in report.problem


def test_what_was_listed_before_a_failure_is_kept_and_the_failure_is_told(standin: StandIn) -> None:
    standin.says("postqueue", lines([entry("ABCDEF")]), FAILURES[0][0], 69)
    found, report = listed(standin)
    assert len(found) == 1
    assert not report.complete
    assert "Postfix is not running" in report.problem


def test_a_queue_that_is_empty_is_whole(standin: StandIn) -> None:
    found, report = listed(standin)
    assert (found, report.complete, report.problem, report.mail_system_up) == ([], True, "", True)


def test_root_reads_the_queue_behind_a_stopped_postfix_and_it_is_said(standin: StandIn) -> None:
    warning = "postqueue: warning: Mail system is down -- accessing queue directly"
    standin.says("postqueue", lines([entry("ABCDEF")]), warning)
    found, report = listed(standin)
    assert (len(found), report.complete, report.mail_system_up) == (1, True, False)


def test_a_program_that_is_not_there_is_told(standin: StandIn) -> None:
    (standin.programs / "postqueue").unlink()
    with pytest.raises(AgentError, match="postqueue can't be started"):
        Report(standin.postfix)


@pytest.mark.parametrize("count", [999, 1000, 1001, 150_000])
def test_a_line_with_very_many_recipients_is_read_recipient_by_recipient(standin: StandIn, count: int) -> None:
    recipients = [
        {"address": f"user{number}@example{number % 7}.test", "delay_reason": "x" * 40} for number in range(count)
    ]
    around = [entry("AAAAAA"), entry("BBBBBB", recipients=recipients, sender="gr\u00fc\u00dfe@x.test"), entry("CCCCCC")]
    standin.says("postqueue", lines(around))
    found, report = listed(standin)
    assert report.complete, report.problem
    assert [each["queue_id"] for each in found] == ["AAAAAA", "BBBBBB", "CCCCCC"]
    assert len(found[1]["recipients"]) + found[1].get("more_recipients", 0) == count
    assert found[1]["recipients"][:999] == recipients[:999]
    assert found[1]["sender"] == "gr\u00fc\u00dfe@x.test"


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda line: line[: len(line) // 2],  # cut off, and the next line follows
        lambda line: line.replace(b'"recipients": [', b'"receivers": ['),
        lambda line: line.replace(b'"queue_id"', b'"id"'),
        lambda line: b"[" * 3_000_000,
        lambda line: line[:200] + b"[" * 3_000_000,
        lambda line: line.replace(b'"recipients": [', b'"recipients": [' + b"[" * 100_000),
        lambda line: b'"' + b"x" * 3_000_000,
        lambda line: b"\xff" * 3_000_000,
    ],
)
def test_a_very_long_line_that_is_broken_costs_itself_alone(standin: StandIn, spoiled: Any) -> None:
    recipients = [{"address": f"user{number}@example.test"} for number in range(80_000)]
    (line,) = lines([entry("BBBBBB", recipients=recipients)]).splitlines()
    standin.says("postqueue", lines([entry("AAAAAA")]) + spoiled(line) + b"\n" + lines([entry("CCCCCC")]))
    found, report = listed(standin)
    kept = [each["queue_id"] for each in found]
    assert kept in (["AAAAAA", "CCCCCC"], ["AAAAAA", "BBBBBB", "CCCCCC"])
    assert report.complete is False or len(kept) == 3


def test_a_very_long_line_without_an_end_is_not_taken_for_an_entry(standin: StandIn) -> None:
    recipients = [{"address": f"user{number}@example.test"} for number in range(80_000)]
    standin.says("postqueue", lines([entry("BBBBBB", recipients=recipients)])[:-2])
    found, report = listed(standin)
    assert found == []
    assert not report.complete


def test_a_reader_that_stops_early_leaves_no_process(standin: StandIn) -> None:
    standin.does("postqueue", f"cat {standin.programs}/.many; exec sleep 60")
    (standin.programs / ".many").write_bytes(lines(entry(f"{number:06X}") for number in range(20_000)))
    entries = Report(standin.postfix).entries()
    assert next(entries)["queue_id"] == "000000"
    entries.close()  # conftest sees to it that no child is left


def test_a_postqueue_that_says_very_much_on_standard_error_does_not_stand_still(
    standin: StandIn, tmp_path: Path
) -> None:
    (tmp_path / "noise").write_text("postqueue: warning: noise\n" * 50_000)
    standin.does("postqueue", f"cat {tmp_path}/noise >&2; cat {standin.programs}/.many; exit 0")
    (standin.programs / ".many").write_bytes(lines([entry("ABCDEF")]))
    found, report = listed(standin)
    assert len(found) == 1
    assert report.complete
