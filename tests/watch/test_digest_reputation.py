"""What a digest says of blocklists and checks: new, still there or gone, and what nobody could find out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.reputation.findings import Finding, Severity
from bot.watch.digest import GONE, NEW, NOT_COMPARED, PROBLEM, STILL, UNKNOWN
from bot.watch.digest_verdict import state
from tests.approvals.world import Clock
from tests.watch.digesting import CLEAN, DAY, DKIM, DKIM_OK, HOUR, MORNING, PASSES, SILENT, SPAMCOP, Days, asked, posted


async def test_listings_and_checks_are_new_then_still_there_then_gone(days: Days, clock: Clock) -> None:
    async def morning(*findings: object) -> dict[str, str]:
        await days.report(*findings)  # type: ignore[arg-type]
        assert await days.digests.post_due()
        made = await days.digests.get(int((await posted(days.store))[-1][1].partition("/")[0]))
        assert made
        clock.turn(DAY)
        return {each.list or each.text: each.change for each in made.digest.hosts[0].reputation.told}

    assert await morning(SPAMCOP, DKIM_OK, PASSES) == {"SpamCop": NOT_COMPARED}
    assert await morning(SPAMCOP, DKIM, PASSES) == {"SpamCop": STILL, DKIM.text: NEW}
    assert await morning(CLEAN, DKIM, PASSES) == {"SpamCop": GONE, DKIM.text: STILL}
    assert await morning(CLEAN, DKIM_OK, PASSES) == {DKIM.text: GONE}
    assert await morning(CLEAN, DKIM_OK, PASSES) == {}


async def test_a_listing_is_there_since_it_was_seen_and_a_check_fails_since_a_digest_said_so(
    days: Days, clock: Clock
) -> None:
    seen = (MORNING - 5 * HOUR).timestamp()
    for _ in range(2):
        await days.report(replace(SPAMCOP, since=seen), DKIM, PASSES)
        assert await days.digests.post_due()
        clock.turn(DAY)
    made = await days.digests.get(2)
    assert made
    told = {each.text: each.since for each in made.digest.hosts[0].reputation.told}
    assert told == {SPAMCOP.text: int(seen), DKIM.text: int(MORNING.timestamp())}


async def test_a_list_that_is_silent_has_let_nobody_go(days: Days, clock: Clock) -> None:
    await days.report(SPAMCOP, DKIM, PASSES)
    await days.digests.post_due()
    clock.turn(DAY)
    await days.report(SILENT, PASSES)
    (host,) = (made := await asked(days)).digest.hosts
    assert {each.list or each.text: each.change for each in host.reputation.told} == {
        "SpamCop": STILL,
        DKIM.text: STILL,
    }
    assert state(host, made.digest) == PROBLEM
    assert f"Whether this is still so could not be found out: {SPAMCOP.text}" in host.reputation.unknown


@pytest.mark.parametrize(
    "found",
    [
        (replace(SILENT, code="rbl.broken", text="SpamCop failed the test of a list that works."), CLEAN),
        (replace(SILENT, text="Many lists, one of which stands here by its ID, gave no answer."), CLEAN),
        (replace(SILENT, subject="192.0.2.25", text="The lists could not be asked in time.", lists=()), CLEAN),
        (replace(SILENT, code="rbl.internal_error", text="The check failed inside this bot.", lists=()),),
    ],
    ids=["broken", "silent", "not in time", "failed"],
)
async def test_a_list_that_could_not_say_has_let_nobody_go(
    days: Days, clock: Clock, found: tuple[Finding, ...]
) -> None:
    await days.report(SPAMCOP, DKIM_OK, PASSES)
    await days.digests.post_due()
    clock.turn(DAY)
    await days.report(*found, DKIM_OK, PASSES)
    (host,) = (await asked(days)).digest.hosts
    assert [(each.list, each.change) for each in host.reputation.told] == [("SpamCop", STILL)]


async def test_an_address_that_was_not_asked_about_was_not_let_go(days: Days, clock: Clock) -> None:
    await days.report(SPAMCOP, DKIM_OK, PASSES)
    await days.digests.post_due()
    clock.turn(DAY)
    of_domain = replace(CLEAN, subject="example.org", text="example.org is on none of the 9 blocklists that answered.")
    hidden = Finding("dns", Severity.UNKNOWN, "sending.unknown", "mx1", "How mx1 sends is not known: it is away.")
    await days.report(hidden, of_domain, DKIM_OK, PASSES, addresses=())
    (host,) = (await asked(days)).digest.hosts
    assert [(each.list, each.change) for each in host.reputation.told] == [("SpamCop", STILL)]
    await days.report(of_domain, DKIM_OK, PASSES, addresses=("192.0.2.99",))
    (host,) = (await asked(days)).digest.hosts
    assert host.reputation.told == ()
    assert host.reputation.unknown == (
        f"It is not looked up any more, as the host does not send by it: {SPAMCOP.text}",
    )


async def test_a_check_that_fails_in_another_way_still_fails(days: Days, clock: Clock) -> None:
    await days.report(SPAMCOP, DKIM, PASSES)
    await days.digests.post_due()
    clock.turn(DAY)
    revoked = replace(DKIM, code="dkim.revoked", text="The DKIM key s1 of example.org is revoked.")
    policy = replace(SPAMCOP, code="rbl.policy", text="192.0.2.25 is listed by SpamCop (policy).")
    await days.report(policy, revoked, PASSES)
    (host,) = (await asked(days)).digest.hosts
    assert {each.text: each.change for each in host.reputation.told} == {revoked.text: STILL, policy.text: STILL}


async def test_a_report_of_last_week_is_not_what_is_so_now(days: Days, clock: Clock) -> None:
    await days.report(CLEAN, DKIM_OK, PASSES)
    clock.turn(7 * DAY)
    await days.queue(lambda _: 4, clock() - DAY)
    (host,) = (made := await asked(days)).digest.hosts
    assert state(host, made.digest) == UNKNOWN
    assert host.reputation.unknown[0].endswith("blocklists; TLS: last checked 7 d before.")
