"""The private Postfix that other tests stand on does what it says."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.postfix.filling import Spooled, fill, mixture
from tests.postfix.instance import PARENT, PREFIX, PrivatePostfix, sweep
from tests.postfix.remote import (
    ACCEPT,
    BLOCKLISTED,
    DNS_BROKEN,
    GREYLIST,
    HANG,
    MAILBOX_FULL,
    RATE_LIMITED,
    REFUSE,
    Behaviour,
)
from tests.postfix.waiting import eventually, wait_until
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")


def is_running(pid: int | None) -> bool:
    """Whether the process lives; one that is dead and not yet collected by init does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


NewPostfix = Callable[..., PrivatePostfix]


def test_mail_is_delivered_once_and_keeps_its_message_id(postfix: PrivatePostfix, world: World) -> None:
    world.domain("good.test")
    (sent,) = postfix.inject("a@sender.test", "b@good.test", size=3000, headers={"Subject": "hello"})
    wait_until(lambda: bool(world.delivered(message_id=sent.message_id)))
    (delivery,) = world.delivered(message_id=sent.message_id)
    assert (delivery.sender, delivery.recipient) == ("a@sender.test", "b@good.test")
    assert delivery.headers["Subject"] == "hello"
    wait_until(lambda: not postfix.queue())


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (GREYLIST, "said: 450 4.7.1 Greylisted"),
        (RATE_LIMITED, "said: 421-4.7.28 Gmail has detected"),
        (MAILBOX_FULL, "said: 452 4.2.2 The email account"),
        (REFUSE, "Connection refused"),
        (DNS_BROKEN, "Name service error for name=far.test type=MX"),
    ],
    ids=lambda value: value.name.replace(" ", "_") if isinstance(value, Behaviour) else "",
)
def test_each_behaviour_defers_with_its_own_reason(
    postfix: PrivatePostfix, world: World, behaviour: Behaviour, reason: str
) -> None:
    world.domain("far.test", behaviour)
    (sent,) = postfix.defer("a@sender.test", "b@far.test")
    (entry,) = postfix.queue()
    assert (entry.queue_name, entry.queue_id, entry.sender) == ("deferred", sent.queue_id, "a@sender.test")
    assert reason in str(entry.recipients[0].delay_reason)


def test_a_blocklisted_host_gets_its_mail_bounced_to_the_sender(postfix: PrivatePostfix, world: World) -> None:
    world.domain("far.test", BLOCKLISTED)
    world.domain("sender.test")
    postfix.inject("a@sender.test", "b@far.test")
    wait_until(lambda: len(world.delivered(recipient="a@sender.test")) == 1)
    assert world.delivered()[0].sender == ""


def test_a_behaviour_can_change_and_a_flush_then_delivers(postfix: PrivatePostfix, world: World) -> None:
    world.domain("far.test", GREYLIST)
    postfix.defer("a@sender.test", ["b@far.test", "c@far.test"])
    world.domain("far.test", ACCEPT)
    postfix.run("postqueue", "-f")
    wait_until(lambda: not postfix.queue())
    assert sorted(delivery.recipient for delivery in world.delivered()) == ["b@far.test", "c@far.test"]


async def test_hanging_mail_stays_active_until_the_destination_wakes_up(postfix: PrivatePostfix, world: World) -> None:
    world.domain("slow.test", HANG)
    sent = postfix.active(12, "slow.test")
    assert {entry.queue_id for entry in postfix.queue("active")} == {message.queue_id for message in sent}
    assert 1 <= world.connections("slow.test") <= 5, "the first deliveries are under way, the rest waits behind them"
    world.domain("slow.test", ACCEPT)
    await eventually(lambda: not postfix.queue())
    assert [len(world.delivered(message_id=message.message_id)) for message in sent] == [1] * 12


def test_it_records_the_login_and_client_that_handed_mail_in(postfix: PrivatePostfix, world: World) -> None:
    world.domain("far.test", GREYLIST)
    (sent,) = postfix.defer("a@sender.test", "b@far.test", login="ana", client="203.0.113.5")
    envelope = postfix.run("postcat", "-qe", sent.queue_id).stdout
    assert "sasl_username=ana" in envelope
    assert "client_address=203.0.113.5" in envelope


def test_local_submission_waits_in_the_maildrop_while_it_is_down(postfix: PrivatePostfix, world: World) -> None:
    world.domain("good.test")
    postfix.stop()
    postfix.submit("a@sender.test", "b@good.test")
    assert postfix.count("maildrop") == 1
    postfix.start()
    wait_until(lambda: len(world.delivered(recipient="b@good.test")) == 1)


def test_it_stops_and_starts_and_keeps_its_queue(postfix: PrivatePostfix, world: World) -> None:
    world.domain("far.test", GREYLIST)
    postfix.defer("a@sender.test", "b@far.test")
    before = postfix.queue()
    postfix.stop()
    assert postfix.run("postfix", "status", check=False).returncode == 1
    postfix.start()
    assert postfix.run("postfix", "status").returncode == 0
    assert postfix.queue() == before


def test_queue_ids_are_long_or_short_as_asked(
    postfix: PrivatePostfix, short_postfix: PrivatePostfix, world: World
) -> None:
    world.domain("far.test", GREYLIST)
    (long,) = postfix.defer("a@sender.test", "b@far.test")
    (short,) = short_postfix.defer("a@sender.test", "b@far.test")
    assert "z" in long.queue_id
    assert set(short.queue_id) <= set("0123456789ABCDEF")
    assert (short_postfix.queue_directory / "deferred" / short.queue_id).exists(), "flat"
    assert list(postfix.queue_directory.glob(f"deferred/?/{long.queue_id}")), "hashed"
    assert [entry.queue_id for entry in postfix.queue()] == [long.queue_id], "two instances, two queues"


@pytest.mark.parametrize("hashed_hold", [False, True], ids=["flat_hold", "hashed_hold"])
@pytest.mark.parametrize("long_ids", [True, False], ids=["long", "short"])
def test_mail_written_into_the_spool_is_mail_for_postfix(
    new_postfix: NewPostfix, world: World, long_ids: bool, hashed_hold: bool
) -> None:
    names = "deferred, defer, hold" if hashed_hold else "deferred, defer"
    postfix = new_postfix(long_ids=long_ids, settings={"hash_queue_names": names})
    message = Spooled("a@sender.test", {"b@far.test": "why not"}, 1_700_000_000.25, body=9000, queue_name="hold")
    ids = fill(postfix, [*mixture(150), message])
    postfix.run("postsuper", "-s")
    postfix.restart()
    assert {entry.queue_id for entry in postfix.queue()} == set(ids), "nothing was renamed or dropped"
    (held,) = postfix.queue("hold")
    assert (held.queue_id, held.arrival_time, held.sender) == (ids[-1], 1_700_000_000, "a@sender.test")
    assert held.recipients[0].delay_reason == "why not"
    assert held.message_size > 9000
    world.domain("gmail.test")
    postfix.run("postqueue", "-f")
    wait_until(lambda: not postfix.queue("deferred") and postfix.settled())
    assert len(world.delivered()) == 50, "one in three of the mixture goes to gmail.test"
    assert "warning: " not in "\n".join(line for line in postfix.log().splitlines() if "qmgr" in line)


def test_an_emptied_postfix_remembers_nothing(postfix: PrivatePostfix, world: World) -> None:
    world.domain("slow.test", HANG)
    postfix.active(3, "slow.test")
    fill(postfix, mixture(20))
    postfix.empty()
    assert postfix.queue() == []
    assert postfix.settled()
    world.domain("slow.test")
    (sent,) = postfix.inject("a@sender.test", "b@slow.test")
    wait_until(lambda: len(world.delivered(message_id=sent.message_id)) == 1)


def test_everything_it_made_belongs_to_root_or_the_mail_owner(postfix: PrivatePostfix) -> None:
    for folder in (postfix.config_directory, *postfix.config_directory.parents):
        status = folder.stat()
        assert (status.st_uid, status.st_mode & 0o022) == (0, 0), folder


def test_closing_leaves_neither_processes_nor_folders(world: World) -> None:
    postfix = PrivatePostfix(world)
    postfix.start()
    master = postfix.master_pid
    postfix.close()
    wait_until(lambda: not is_running(master))
    assert not postfix.root.exists()


def test_a_stopped_one_is_down_at_once_even_if_it_had_only_begun(postfix: PrivatePostfix) -> None:
    for _ in range(10):
        postfix.stop()
        assert postfix.run("postqueue", "-f", check=False).returncode == 69
        postfix.start()


def test_what_a_killed_run_left_is_swept_away(world: World) -> None:
    postfix = PrivatePostfix(world)
    postfix.start()
    master = postfix.master_pid
    (postfix.root / "owner").write_text(f"{os.getpid()} 1")  # a former process that had this PID
    sweep()
    wait_until(lambda: not is_running(master))
    assert not postfix.root.exists()
    assert all(root.name.startswith(PREFIX) for root in PARENT.glob(f"{PREFIX}*"))
