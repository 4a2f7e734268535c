"""The agent's delete, restore, trash and purge, on a real Postfix and on the demo's mail host alike."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bot.agent.protocol import Selection
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from tests.demo.subjects import Subject, count, deferred, in_active, queue, queue_after_flush, run, sent, where
from tests.postfix.waiting import eventually

EVERYTHING = Selection()
KEY = "57-k3qf"


@pytest.fixture
def mail_host(host: Subject, tmp_path: Path) -> MailHost:
    """The product's view of the host."""
    ini = tmp_path / "agent.ini"
    programs = Path(host.path("postsuper")).parent
    ini.write_text(f"[default]\nconfig_directory = {host.config_directory}\ncommand_directory = {programs}\n")
    ini.chmod(0o644)
    return MailHost(CommandLink("mx", (sys.executable, "-I", "-m", "bot.agent", "--ini", str(ini))))


async def test_deleted_mail_comes_back_as_it_was(host: Subject, mail_host: MailHost) -> None:
    deferred(host, 4)
    before = queue(host)
    done = await mail_host.delete(KEY, await mail_host.select(EVERYTHING))
    assert done.result.counts == {"deleted": 4}
    assert (where(host), count(host, "defer")) == ({}, 0)
    (deletion,) = (await mail_host.trash()).deletions
    assert (deletion.deleted, deletion.kept) == (4, 4)
    assert (await mail_host.restore(KEY)).result.counts == {"restored": 4}
    assert queue(host) == before
    assert (await mail_host.restore(KEY)).result.counts == {"not_in_trash": 4}


async def test_only_what_was_meant_is_deleted_and_only_once(host: Subject, mail_host: MailHost) -> None:
    deferred(host, 2)
    first, second = await mail_host.select(EVERYTHING)
    other = type(second)(second.queue_id, second.arrival_time - 60, second.message_size, second.sender)
    done = await mail_host.delete(KEY, [first, other])
    assert [outcome.outcome for outcome in done.outcomes] == ["deleted", "changed"]
    assert await mail_host.delete(KEY, [first, other]) == done
    assert where(host) == {second.queue_id: "deferred"}


async def test_mail_that_was_active_is_delivered_once_after_a_restore(host: Subject, mail_host: MailHost) -> None:
    in_active(host, 20)
    done = await mail_host.delete(KEY, await mail_host.select(EVERYTHING))
    assert (done.result.counts, done.result.in_flight) == ({"deleted": 20}, 5)
    assert where(host) == {}
    # What is in delivery at that moment ends first: a copy could be delivered twice.
    host.behave("stuck.test", "accepts")
    await eventually(lambda: len(sent(host)) == 5, what="the deliveries in progress are over")
    assert (await mail_host.restore(KEY)).result.counts == {"requeued": 20}
    await eventually(lambda: not queue_after_flush(host), what="the queue is empty", timeout=30)
    assert sorted(sent(host)) == sorted(f"user{index}@stuck.test" for index in range(20))


async def test_held_and_expired_mail_comes_back_on_hold(host: Subject, mail_host: MailHost) -> None:
    held = host.put("ann@x.test", ["user@ok.test"], queue="hold")
    (expired, other) = deferred(host, 2)
    run(host, "postsuper", "-e", "-", stdin=f"{expired}\n")
    await mail_host.delete(KEY, await mail_host.select(EVERYTHING))
    restored = await mail_host.restore(KEY)
    found = {outcome.queue_id: outcome.outcome for outcome in restored.outcomes}
    assert found == {held: "on_hold", expired: "force_expired", other: "restored"}
    assert where(host) == {held: "hold", expired: "hold", other: "deferred"}


@pytest.mark.parametrize("way", ["final", "purge"])
async def test_what_is_destroyed_stays_away(way: str, host: Subject, mail_host: MailHost) -> None:
    deferred(host, 3)
    done = await mail_host.delete(KEY, await mail_host.select(EVERYTHING), final=way == "final")
    assert done.result.counts == {"deleted": 3}
    if way == "purge":
        purged = await mail_host.purge(KEY)
        assert (purged.keys, purged.messages) == ((KEY,), 3)
    assert (await mail_host.restore(KEY)).result.counts == {"not_in_trash": 3}
    assert where(host) == {}
