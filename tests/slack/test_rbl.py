"""`/mail rbl`, from Slack to the lists and back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.console.workspace import text_of
from bot.demo import dnsworld
from bot.demo.nameserver import NameServer
from bot.reputation.zones import load
from tests.dns.misbehaving import Manner, MisbehavingServer
from tests.slack.conftest import SmallHost
from tests.slack.desk import NOEL, VIC, Desk, host
from tests.slack.desk import desk as serving


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer() as made:
        made.publish("\n".join(dnsworld.records(load())))
        yield made


@pytest.fixture
async def ops(small: SmallHost, names: NameServer) -> AsyncIterator[Desk]:
    async with serving([host(small.name, small.ini)], dns_servers=(names.address,)) as made:
        yield made


@pytest.mark.parametrize("words", ["", " mx1", f" {dnsworld.LISTED}", f" [{dnsworld.LISTED}]"])
async def test_the_address_of_a_host_is_the_default(ops: Desk, words: str) -> None:
    (card,) = await ops.type(f"/mail rbl{words}", VIC)
    shown = text_of(card).splitlines()
    assert card.ephemeral_to == "", "the channel sees it"
    assert (
        shown[0]
        == f"🟡 {dnsworld.LISTED} is listed by SpamCop: some receivers refuse mail for it, and filters score it."
    )
    assert f"It says: {dnsworld.REASON}" in shown
    assert any(line.startswith("25 of 26 lists answered, asked through 127.0.0.1:") for line in shown)
    assert any("Spamhaus ZEN refused: your resolver is a public one" in line for line in shown)
    assert any(
        line.startswith("Not asked: Spamhaus ZEN (DQS), ") and line.endswith("they need a key.") for line in shown
    )


async def test_any_address_or_domain_can_be_asked_and_what_is_not_known_is_no_clean_bill(ops: Desk) -> None:
    assert (await ops.say("/mail rbl 198.51.100.7")).startswith("⚪ 198.51.100.7 is on none of the 24 blocklists")
    # Slack makes a link of a domain that somebody types.
    shown = await ops.say("/mail rbl <http://example.org|example.org>")
    assert shown.startswith(
        "⚪ example.org is on none of the 4 blocklists that answered, but what Spamhaus DBL would say"
    )


async def test_the_button_asks_again(ops: Desk) -> None:
    (card,) = await ops.type("/mail rbl 198.51.100.7")
    (again,) = await ops.press(card, "Ask again", user=VIC)
    assert again.ts != card.ts and text_of(again).startswith("⚪ 198.51.100.7") and "Asked by U0VIC" in text_of(again)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("10.0.0.1", "10.0.0.1 is an address for the inside, which no blocklist knows, so nothing was asked."),
        ("nonsense", "“nonsense” is neither an address nor a domain, so nothing was asked."),
        ("192.0.2.1 192.0.2.2", "One address or domain at a time, or a mail host; no blocklist was asked."),
        ("mx1 192.0.2.2", "One address or domain at a time"),
    ],
)
async def test_what_can_not_be_asked_says_why(ops: Desk, words: str, said: str) -> None:
    assert said in await ops.say(f"/mail rbl {words}")


async def test_who_has_no_role_may_not_ask(ops: Desk) -> None:
    (answer,) = await ops.type("/mail rbl", NOEL)
    assert answer.ephemeral_to == NOEL and "lists answered" not in text_of(answer)


async def test_with_the_resolver_gone_nobody_is_clean(small: SmallHost) -> None:
    with NameServer() as gone:
        address = gone.address
    async with serving([host(small.name, small.ini)], dns_servers=(address,)) as ops:
        shown = await ops.say("/mail rbl 192.0.2.9")
        assert shown.startswith("⚪ It is not known whether 192.0.2.9 is listed: no blocklist answered.")
        assert (await ops.say("/mail rbl")).startswith("⚪ There is no address to ask about, so no list was asked.")


async def test_a_host_that_is_away_is_said_to_be(names: NameServer, tmp_path: Path) -> None:
    async with serving([host("mx1", tmp_path / "missing.ini")], dns_servers=(names.address,)) as ops:
        shown = await ops.say("/mail rbl")
    assert shown.startswith("⚪ There is no address to ask about") and "mx1: " in shown


@pytest.mark.parametrize("invented", ["127.0.0.2", "203.0.113.1"])
async def test_a_resolver_that_invents_answers_makes_nobody_clean_or_listed(
    small: SmallHost, misbehaving: MisbehavingServer, invented: str
) -> None:
    misbehaving.below(".", Manner(records={"A": [invented], "SOA": ["a. b. 1 2 3 4 5"]}))
    async with serving([host(small.name, small.ini)], dns_servers=(misbehaving.address,)) as ops:
        shown = await ops.say("/mail rbl 192.0.2.9")
        assert shown.startswith("⚪ It is not known whether 192.0.2.9 is listed: no blocklist answered.")
        assert "the resolver invents answers" in shown and " is listed by " not in shown
        assert invented not in await ops.say("/mail rbl")
