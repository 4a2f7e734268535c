"""The records of expiries: kept for a year, without an address, and readable after damage."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bot.agent import expiries
from bot.agent.errors import AgentError
from bot.agent.outcomes import Outcome
from bot.agent.requests import Target
from bot.agent.trash import Trash
from bot.agent.trust import Trust
from tests.agent.standin import StandIn

KEY = "57-k3qf"
TARGETS = [Target("4jYTY25PbJzBvT8", 1_700_000_000, 1000, "ann@sender.test"), Target("5F00DCAFE")]


@pytest.fixture
def trash(standin: StandIn) -> Trash:
    trash = Trash(standin.instance, str(standin.queue_directory), Trust({0, os.geteuid()}, sticky=True))
    trash.prepare()
    return trash


def begun(trash: Trash, key: str = KEY) -> expiries.Record:
    record = expiries.Record(trash, key, TARGETS)
    record.begin()
    return record


def path(trash: Trash, key: str = KEY) -> Path:
    return Path(trash.path) / "expiries" / key


def test_what_was_settled_is_read_again_whatever_the_order_of_the_targets(trash: Trash) -> None:
    record = begun(trash)
    record.settle([Outcome("5F00DCAFE", "gone")])
    again = expiries.Record(trash, KEY, TARGETS[::-1])
    assert (again.begun, again.finished, again.outcomes) == (True, False, {"5F00DCAFE": Outcome("5F00DCAFE", "gone")})
    assert expiries.unfinished(trash) == [KEY]
    record.finish()
    assert expiries.Record(trash, KEY, TARGETS).finished
    assert expiries.unfinished(trash) == []
    assert b"@" not in path(trash).read_bytes()


def test_a_record_in_which_nothing_was_begun_is_none(trash: Trash) -> None:
    begun(trash)
    path(trash).write_bytes(path(trash).read_bytes()[:-1])  # cut short before it was on disk
    assert not expiries.Record(trash, KEY, TARGETS).begun
    assert expiries.unfinished(trash) == []
    begun(trash)
    assert expiries.Record(trash, KEY, TARGETS).begun


def test_a_key_of_other_messages_is_refused(trash: Trash) -> None:
    begun(trash)
    with pytest.raises(AgentError, match="The key 57-k3qf was used for other messages") as caught:
        expiries.Record(trash, KEY, TARGETS[:1])
    assert caught.value.code == "bad_request"


def test_a_damaged_record_is_not_taken_for_a_finished_one(trash: Trash) -> None:
    record = begun(trash)
    record.finish()
    first, last = path(trash).read_bytes().splitlines(keepends=True)
    path(trash).write_bytes(first + b"\0\0\0\n" + last)
    assert expiries.unfinished(trash) == [KEY]


def test_records_are_forgotten_after_a_year(trash: Trash) -> None:
    for key, days in (("57-newer", 365), ("57-older", 367)):
        begun(trash, key).finish()
        moment = time.time() - days * 24 * 3600
        os.utime(path(trash, key), (moment, moment))
    expiries.forget(trash, time.time() - expiries.KEPT_SECONDS)
    assert [each.name for each in path(trash).parent.iterdir()] == ["57-newer"]


def test_without_any_record_there_is_nothing_to_forget(trash: Trash) -> None:
    expiries.forget(trash, time.time())
    assert expiries.unfinished(trash) == []
