"""What requeueing and expiring do, by postsuper and by the agent, on a real Postfix and the demo's mail host alike."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

from bot.agent.protocol import Selection
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from tests.demo.subjects import Subject, count, deferred, in_active, queue, queue_after_flush, run, sent, where
from tests.postfix.waiting import eventually, wait_until

MARKED = 0o710


def mode(host: Subject, queue_id: str) -> int:
    (path,) = (host.queue_directory / where(host)[queue_id]).rglob(queue_id)
    return stat.S_IMODE(path.stat().st_mode)


def mail_host(host: Subject, folder: Path) -> MailHost:
    """The agent of this checkout on the host."""
    ini = folder / "agent.ini"
    programs = Path(host.path("postsuper")).parent
    ini.write_text(f"[default]\nconfig_directory = {host.config_directory}\ncommand_directory = {programs}\n")
    ini.chmod(0o644)
    return MailHost(CommandLink("mx1", (sys.executable, "-I", "-m", "bot.agent", "--ini", str(ini))))


def lines(*ids: str) -> str:
    return "".join(f"{queue_id}\n" for queue_id in ids)


# By postsuper


def test_requeueing_leaves_a_queue_alone_that_is_not_named(host: Subject) -> None:
    (waiting,) = deferred(host)
    held = host.put("ann@x.test", ["user@ok.test"], queue="hold")
    answer = run(host, "postsuper", "-r", "-", "incoming", "active", "deferred", stdin=lines(held, waiting))
    assert answer.stderr.splitlines() == [f"postsuper: {waiting}: requeued", "postsuper: Requeued: 1 message"]
    assert (count(host, "deferred"), count(host, "hold")) == (0, 1)
    run(host, "postqueue", "-f")
    wait_until(lambda: set(where(host).values()) == {"deferred", "hold"}, what="it was tried again")
    assert waiting not in where(host)


def test_expiring_marks_where_it_is_told_to_and_on_hold_too(host: Subject) -> None:
    (waiting,) = deferred(host)
    held = host.put("ann@x.test", ["user@ok.test"], queue="hold")
    answer = run(host, "postsuper", "-e", "-", "incoming", "active", "deferred", stdin=lines(held, waiting))
    assert answer.stderr.splitlines() == [f"postsuper: {waiting}: expired", "postsuper: Force-expired: 1 message"]
    assert (mode(host, waiting), mode(host, held)) == (MARKED, 0o700)
    answer = run(host, "postsuper", "-e", "-", "hold", stdin=lines(held, waiting))
    assert answer.stderr.splitlines() == [f"postsuper: {held}: expired", "postsuper: Force-expired: 1 message"]
    assert where(host) == {waiting: "deferred", held: "hold"}
    assert queue(host)[held]["forced_expire"] is True


def test_a_mark_outlasts_hold_and_release_and_nothing_is_tried_on_hold(host: Subject) -> None:
    host.behave("sender.test", "accepts")
    queue_id = host.put("ann@sender.test", ["bob@ok.test"])
    run(host, "postsuper", "-e", "-", stdin=lines(queue_id))
    run(host, "postsuper", "-h", "-", stdin=lines(queue_id))
    run(host, "postqueue", "-f")
    assert where(host) == {queue_id: "hold"}
    run(host, "postsuper", "-H", "-", stdin=lines(queue_id))
    assert mode(host, queue_id) == MARKED
    wait_until(lambda: not queue_after_flush(host), what="it was returned")
    assert sent(host) == ["ann@sender.test"]


def test_requeueing_takes_the_mark_away(host: Subject) -> None:
    queue_id = host.put("ann@sender.test", ["bob@ok.test"])
    run(host, "postsuper", "-e", "-", stdin=lines(queue_id))
    run(host, "postsuper", "-r", "-", stdin=lines(queue_id))
    wait_until(lambda: not queue_after_flush(host), what="it went out")
    assert sent(host) == ["bob@ok.test"]


def test_an_attempt_that_is_under_way_when_its_mail_is_marked_still_delivers(host: Subject) -> None:
    (queue_id,) = in_active(host, 1)
    run(host, "postsuper", "-e", "-", stdin=lines(queue_id))
    assert mode(host, queue_id) == MARKED
    host.behave("stuck.test", "accepts")
    wait_until(lambda: not where(host), what="it is delivered")
    assert sent(host) == ["user0@stuck.test"]
    assert "force-expired" not in host.maillog.read_text()


# By the agent


async def test_the_agent_requeues_what_is_neither_on_hold_nor_in_delivery(host: Subject, tmp_path: Path) -> None:
    in_active(host, 8)
    waiting = deferred(host, 2)
    held = host.put("ann@x.test", ["user@ok.test"], queue="hold")
    agent = mail_host(host, tmp_path)
    requeued = await agent.requeue([*await agent.select(Selection()), "FFFFFFFFFF"])
    assert requeued.result.counts == {"in_delivery": 5, "requeued": 5, "on_hold": 1, "gone": 1}
    assert {each.queue_id for each in requeued.outcomes if each.outcome == "requeued"} >= set(waiting)
    host.behave("stuck.test", "accepts")
    host.behave("full.test", "accepts")
    await eventually(lambda: set(queue_after_flush(host)) == {held})
    assert sorted(sent(host)) == sorted(
        [f"user{index}@stuck.test" for index in range(8)] + [f"user{index}@full.test" for index in range(2)]
    )


async def test_the_agent_expires_once_and_the_next_attempt_returns_it(host: Subject, tmp_path: Path) -> None:
    host.behave("sender.test", "accepts")
    waiting = host.put("ann@sender.test", ["bob@ok.test"])
    held = host.put("ann@sender.test", ["bob@ok.test"], queue="hold")
    agent = mail_host(host, tmp_path)
    targets = await agent.select(Selection())
    expired = await agent.expire("57-k3qf", targets)
    assert {each.queue_id: each.outcome for each in expired.outcomes} == {waiting: "expired", held: "on_hold"}
    assert (mode(host, waiting), mode(host, held)) == (MARKED, MARKED)
    assert (await agent.expire("57-k3qf", targets)) == expired
    await eventually(lambda: list(queue_after_flush(host)) == [held])
    assert sent(host) == ["ann@sender.test"]
