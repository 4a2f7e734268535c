"""Queue IDs of both kinds: what is one, when it was made, and in which folder it lies."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent.config import Instance
from bot.agent.depth import counts, depth
from bot.agent.postfix import Postfix
from bot.agent.queueid import arrival, hash_key, is_long, is_queue_id
from bot.agent.queues import Queues
from tests.postfix.filling import BASE51, BASE52, Spooled, fill
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import GREYLIST
from tests.postfix.world import World


@pytest.mark.parametrize("text", ["ABCDEF", "0" * 21, "4jYTY25PbJzBBBB", "4jYTY2zPbJzB", "zzzzzzzzzzzBBBBBBBBBBBB"])
def test_these_are_queue_ids(text: str) -> None:
    assert is_queue_id(text)


@pytest.mark.parametrize(
    "text",
    [
        "", "-", "ALL", "all", "ABCDE", "abcdef", "0" * 22, "GHIJKL", "ABCDEF\n", " ABCDEF", "ABCDEF ", "ABC DEF",
        "ABCDEF\0", "../ABCDEF", "/ABCDEF", "ABCDEF/", "4jYTY25PbJzBBBBz", "4jYTY25PbJ", "4jYTY25PbJz",
        "4jATY25PbJzBBBB", "4jYTY25PbJzBaB", "4jYTY25PbJzBBBBBBBBBBBBB", "\uff21BCDEF", "-hABCDEF",
        "4jYTY25PbJZBBBB", "\u0661" * 6,
    ],
)  # fmt: skip
def test_these_are_none(text: str) -> None:
    assert not is_queue_id(text)


def _digits(value: int, alphabet: str, width: int) -> str:
    digits = ""
    while value or len(digits) < width:
        value, digit = divmod(value, len(alphabet))
        digits = alphabet[digit] + digits
    return digits


@given(st.integers(10**9, 2 * 10**10), st.integers(0, 999_999), st.integers(1, 51**12 - 1))
def test_a_long_id_tells_its_time_and_its_microseconds_in_hex(seconds: int, micro: int, inode: int) -> None:
    seconds = min(seconds, 52**6 - 1)
    queue_id = f"{_digits(seconds, BASE52, 6)}{_digits(micro, BASE52, 4)}z{_digits(inode, BASE51, 1)}"
    assert is_queue_id(queue_id)
    assert is_long(queue_id)
    told = arrival(queue_id)
    assert told is not None
    assert abs(told - (seconds + micro / 1_000_000)) < 1e-5
    assert hash_key(queue_id) == f"{micro:05X}"


def test_a_short_id_tells_no_time_and_is_its_own_hash() -> None:
    assert not is_long("5F00DCAFE")
    assert arrival("5F00DCAFE") is None
    assert hash_key("5F00DCAFE") == "5F00DCAFE"


EVERY_QUEUE = "incoming, active, Deferred, hold, defer, bounce, flush"  # names are compared without case


@pytest.mark.real("postfix")
@pytest.mark.parametrize("long_ids", [True, False])
@pytest.mark.parametrize(("hashed", "levels"), [(EVERY_QUEUE, 1), (EVERY_QUEUE, 2), ("deferred defer", 7)])
def test_messages_are_found_where_a_real_postfix_puts_them(
    new_postfix: Callable[..., PrivatePostfix], world: World, long_ids: bool, hashed: str, levels: int
) -> None:
    postfix = new_postfix(long_ids=long_ids, settings={"hash_queue_names": hashed, "hash_queue_depth": str(levels)})
    world.domain("late.test", GREYLIST)
    begun = time.time()
    injected = {message.queue_id for message in postfix.defer("ann@sender.test", "bob@late.test", count=12)}
    queues = Queues(Postfix(Instance("default", str(postfix.config_directory))))
    files = set(postfix.files("deferred"))
    for queue_id in injected:
        assert is_queue_id(queue_id)
        assert is_long(queue_id) is long_ids
        place = queues.find(queue_id)
        assert place is not None
        assert place.queue == "deferred"
        assert Path(postfix.queue_directory, *queues.path("deferred", queue_id), queue_id) in files
        made = arrival(queue_id)
        assert made is None if not long_ids else made is not None and begun - 1 < made < time.time() + 1
    assert {each for some in queues.ids("deferred") for each in some} == injected
    depths = depth(queues, time.time())
    assert depths.queues == {"maildrop": 0, "incoming": 0, "active": 0, "deferred": 12, "hold": 0, "corrupt": 0}
    assert depths.oldest_known is long_ids
    assert depths.oldest == (min(map(arrival, injected)) if long_ids else None)  # type: ignore[type-var]


@pytest.mark.real("postfix")
def test_a_queue_with_more_hash_folders_than_a_process_may_open_is_counted(
    new_postfix: Callable[..., PrivatePostfix],
) -> None:
    postfix = new_postfix(long_ids=False, settings={"hash_queue_names": "deferred", "hash_queue_depth": "3"})
    ids = fill(postfix, (Spooled("a@x.test", {"b@y.test": None}, 1_700_000_000 + n * 0.000257) for n in range(3000)))
    queues = Queues(Postfix(Instance("default", str(postfix.config_directory))))
    assert len({queues.path("deferred", queue_id) for queue_id in ids}) > 1024
    usual = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, usual[1]))
    try:
        assert counts(queues, ["deferred"]) == {"deferred": 3000}
        assert all(queues.find(queue_id) for queue_id in ids)
        assert counts(queues, ["deferred"]) == {"deferred": 3000}
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, usual)
