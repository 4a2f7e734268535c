"""The mail host of these tests answers as the real agent does: both are held to the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.agent.protocol import Identity, Selection, Term
from bot.demo.host import BUSY, DemoHost
from bot.errors import AgentRefused
from bot.mailhost.host import MailHost
from bot.mailhost.link import link_to
from bot.settings import HostSettings
from tests.approvals.fakehost import FakeAgent
from tests.approvals.world import Clock, mail

DEFERRED = Selection((Term("queue", "deferred"),))
LONG_AGO, FAR_AHEAD = 1.0, 9e9


@pytest.fixture(params=["fake", "real"])
async def host(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[MailHost]:
    """A mail host with some deferred mail, on which nothing moves by itself."""
    if request.param == "fake":
        yield MailHost(FakeAgent(Clock(), map(mail, range(8))))
        return
    with DemoHost(tmp_path / "demo", alive=False, share=0.02) as demo:
        yield MailHost(link_to(HostSettings("mx1", "local", BUSY, ini=str(demo.ini))), BUSY)


@pytest.fixture
async def some(host: MailHost) -> tuple[Identity, ...]:
    selected = await host.selected(DEFERRED, limit=5)
    assert len(selected.identities) == selected.listing.summary.messages >= 4
    assert len(selected.listing.page) == min(5, len(selected.identities))
    return selected.identities[:4]


async def test_a_key_deletes_once_and_reports_after_that(host: MailHost, some: tuple[Identity, ...]) -> None:
    other = some[3]._replace(message_size=some[3].message_size + 1)
    asked = [*some[:3], other, Identity("FFFFFF1", 1, 1, "gone@example.org")]
    first = await host.delete("57-k3qf", asked, not_after=FAR_AHEAD)
    assert first.result.counts == {"deleted": 3, "changed": 1, "gone": 1}
    assert first.result.begun and first.result.kept_until and first.result.kept_bytes
    again = await host.delete("57-k3qf", asked, not_after=LONG_AGO)
    assert (again.result.counts, sorted(map(str, again.outcomes))) == (
        first.result.counts,
        sorted(map(str, first.outcomes)),
    )
    left = await host.select(DEFERRED)
    assert some[3] in left and not set(some[:3]) & set(left)
    with pytest.raises(AgentRefused):
        await host.delete("57-k3qf", some[:1])


async def test_what_is_too_late_is_not_begun(host: MailHost, some: tuple[Identity, ...]) -> None:
    assert not (await host.delete("1-aaaa", some, not_after=LONG_AGO)).result.begun
    assert not (await host.hold(some, key="2-aaaa", not_after=LONG_AGO)).result.begun
    assert not (await host.expire("3-aaaa", some, not_after=LONG_AGO)).result.begun
    assert set(some) <= set(await host.select(DEFERRED))
    assert (await host.info()).unfinished == ()


async def test_a_hold_and_an_expiry_report_too(host: MailHost, some: tuple[Identity, ...]) -> None:
    for _ in range(2):
        held = await host.hold(some[:2], key="4-aaaa", not_after=FAR_AHEAD)
        assert held.result.counts == {"held": 2}
    for _ in range(2):
        expired = await host.expire("5-aaaa", some[2:], not_after=FAR_AHEAD)
        assert expired.result.counts == {"expired": 2}


async def test_what_was_deleted_is_restored_once(host: MailHost, some: tuple[Identity, ...]) -> None:
    await host.delete("6-aaaa", some)
    [deletion] = (await host.trash()).deletions
    assert (deletion.key, deletion.deleted, deletion.kept, deletion.restored) == ("6-aaaa", 4, 4, 0)
    one = await host.restore("6-aaaa", [some[0].queue_id])
    assert (sum(one.result.counts.values()), one.result.left) == (1, 3)
    assert "not_in_trash" not in one.result.counts
    again = await host.restore("6-aaaa", [some[0].queue_id])
    assert again.result.counts == {"not_in_trash": 1}
    rest = await host.restore("6-aaaa")
    assert rest.result.counts["not_in_trash"] == 1 and rest.result.left == 0
    [deletion] = (await host.trash("6-aaaa")).deletions
    assert (deletion.kept, deletion.restored, deletion.purged) == (0, 4, None)
    closed = await host.delete("6-aaaa", some)
    assert (closed.result.counts, closed.result.restored) == ({"deleted": 4}, 4)


async def test_a_purge_of_one_deletion_tells_the_same_again(host: MailHost, some: tuple[Identity, ...]) -> None:
    await host.delete("7-aaaa", some)
    assert not (await host.purge("7-aaaa", not_after=LONG_AGO)).begun
    assert (await host.purge()).messages == 0
    first = await host.purge("7-aaaa", not_after=FAR_AHEAD)
    assert (first.keys, first.messages, first.begun) == (("7-aaaa",), 4, True)
    assert await host.purge("7-aaaa", not_after=LONG_AGO) == first
    [deletion] = (await host.trash()).deletions
    assert deletion.kept == 0 and deletion.purged is not None


async def test_an_unknown_key_is_refused(host: MailHost) -> None:
    for question in (host.restore("8-aaaa"), host.purge("8-aaaa"), host.trash("8-aaaa")):
        with pytest.raises(AgentRefused, match="There is no deletion 8-aaaa on this host"):
            await question
