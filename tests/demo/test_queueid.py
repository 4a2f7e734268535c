"""Queue IDs, by samples that a real Postfix made and by what postconf(5) says of them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bot.agent import queueid as agent
from bot.demo import queueid

# Queue files that Postfix 3.7.11 made: ID, inode, hash folder.
SAMPLES = (("4jYTHY5ZjJzBrXK", 1442399, "B/"), ("4jYTHY5FlmzBrXB", 1442392, "B/"), ("4jYTHY5vJjzBrXN", 1442402, "C/"))
MOMENTS = st.integers(1_000_000_000, 4_000_000_000)
MICROSECONDS = st.integers(0, 999_999)
INODES = st.integers(1, 2**48)


def test_a_long_id_is_what_postfix_makes_of_the_same_file() -> None:
    for queue_id, inode, folder in SAMPLES:
        arrival = agent.arrival(queue_id)
        assert arrival is not None
        seconds, microseconds = divmod(round(arrival * 1_000_000), 1_000_000)
        assert queueid.make(seconds, microseconds, inode, long=True) == queue_id
        assert queueid.hash_folders(queue_id, 1) == folder
        assert seconds == 1795491961


def test_a_short_id_is_the_microseconds_and_the_inode_in_hex() -> None:
    assert queueid.make(1795491961, 785687, 1442399, long=False) == "BFD1716025F"


def test_a_hash_folder_is_named_by_the_microseconds_of_either_kind() -> None:
    assert queueid.hash_folders("4jYTHY5vJjzBrXN", 2) == "C/A/"
    assert queueid.hash_folders("BFD1716025F", 2) == "B/F/"
    assert queueid.hash_folders("BFD1716025F", 0) == ""


@given(MOMENTS, MICROSECONDS, INODES, st.booleans())
def test_the_agent_takes_every_id_and_looks_in_the_same_folder(
    seconds: int, microseconds: int, inode: int, long: bool
) -> None:
    queue_id = queueid.make(seconds, microseconds, inode, long=long)
    assert queueid.is_queue_id(queue_id)
    assert agent.is_queue_id(queue_id)
    assert queueid.hash_folders(queue_id, 2).replace("/", "") == agent.hash_key(queue_id)[:2]
    if long:
        assert agent.arrival(queue_id) == seconds + microseconds / 1_000_000


@given(st.text(max_size=30))
def test_no_other_name_is_taken_for_a_queue_id(name: str) -> None:
    assert queueid.is_queue_id(name) == agent.is_queue_id(name)
