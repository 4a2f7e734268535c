"""`/mail check`, from Slack to the mail host and the DNS and back, and what outlives the bot of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.console.workspace import Message, controls, text_of
from bot.demo.outside import Outside
from tests.slack.conftest import SmallHost
from tests.slack.desk import OPAL, OPS, VIC, Desk, host
from tests.slack.desk import desk as serving


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Outside]:
    with Outside(tmp_path) as made:
        yield made


@pytest.fixture
async def ops(small: SmallHost, outside: Outside) -> AsyncIterator[Desk]:
    async with serving([host(small.name, small.ini)], outside=outside) as made:
        yield made


def labels(message: Message) -> list[str]:
    return [control.label for control in controls(message)]


async def test_a_check_is_one_message_in_the_channel_the_worst_first(ops: Desk) -> None:
    (card,) = await ops.type("/mail check", VIC)
    shown = text_of(card).splitlines()
    assert card.ephemeral_to == ""
    assert shown[0].startswith("🔴 mx1: ") and "problem" in shown[0]
    assert shown[1].startswith("🔴 The SPF record of example.org fails while it is evaluated (permerror)")
    assert any(line.startswith("🟢 ") and "PTR" in line for line in shown)
    assert "Asked by U0VIC" in text_of(card)
    assert "All checks" in labels(card) and "Check again" in labels(card)


@pytest.mark.parametrize(("words", "there", "away"), [("dns", "PTR", "SPF"), ("mx1 auth", "SPF", "PTR")])
async def test_a_check_can_be_narrowed(ops: Desk, words: str, there: str, away: str) -> None:
    (card,) = await ops.type(f"/mail check {words}")
    assert there in text_of(card) and away not in text_of(card).partition("Asked by")[0]
    assert "Google, Yahoo, Microsoft" not in labels(card)


async def test_all_of_it_is_for_the_asker_alone_page_by_page(ops: Desk) -> None:
    (card,) = await ops.type("/mail check")
    (first,) = await ops.press(card, "All checks")
    assert first.ephemeral_to == OPAL
    (second,) = await ops.press(first, "Next")
    assert second.ts == first.ts and "spf.permerror" in text_of(first)
    (back,) = await ops.press(second, "Previous")
    assert text_of(back) == text_of(first)
    (providers,) = await ops.press(card, "Google, Yahoo, Microsoft")
    assert "Postmaster Tools" in text_of(providers) and providers.ephemeral_to == OPAL


async def test_check_again_says_it_anew(ops: Desk, outside: Outside) -> None:
    (card,) = await ops.type("/mail check")
    outside.names.publish('_spf.newsletter.example. TXT "v=spf1 -all"')
    (again,) = await ops.press(card, "Check again")
    assert again.ts != card.ts
    # What was not there may be believed for as long as the zone says.
    assert "mx1" in text_of(again)


async def test_status_has_a_line_of_the_last_result_with_its_age(ops: Desk) -> None:
    assert "⚪ Reputation of mx1: not checked yet. /mail check mx1" in await ops.say("/mail status")
    await ops.type("/mail check dns")
    assert "not checked yet" in await ops.say("/mail status"), "a part is not the whole"
    await ops.type("/mail check")
    assert " s ago: " in await ops.say("/mail status") and "🔴 Reputation of mx1" in await ops.say("/mail status")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("mx9", "There is no mail host named 'mx9'. You can say: mx1."),
        ("mx1 everything", "can be narrowed to dns, auth, rbl or tls, as in /mail check mx1 auth"),
        ("dns auth", "is nothing that can be checked, so nothing was done"),
    ],
)
async def test_what_is_not_understood_says_what_can_be_said(ops: Desk, words: str, said: str) -> None:
    assert said in await ops.say(f"/mail check {words}")


async def test_with_the_resolver_gone_nothing_is_clean_and_nothing_failed(small: SmallHost, outside: Outside) -> None:
    outside.names.stop()
    async with serving([host(small.name, small.ini)], outside=outside, dns_timeout=0.5) as ops:
        (card,) = await ops.type("/mail check")
    shown = text_of(card)
    assert shown.startswith("⚪ mx1: ") and "could not be found out" in shown
    assert "🔴" not in shown and "🟡" not in shown


async def test_a_host_that_is_away_is_said_to_be_unknown(outside: Outside, tmp_path: Path) -> None:
    async with serving([host("mx1", tmp_path / "missing.ini")], outside=outside) as ops:
        (card,) = await ops.type("/mail check")
    assert text_of(card).startswith("⚪ mx1: 2 could not be found out.")


async def test_a_report_whose_bot_was_stopped_is_completed_by_the_next(
    small: SmallHost, outside: Outside, tmp_path: Path
) -> None:
    """The first bot's host never answers; it is stopped, and the next one does the checks anew, into the message."""
    silent = host("mx1", tmp_path / "missing.ini")

    async def never() -> None:
        await asyncio.Event().wait()

    silent.info = never  # type: ignore[method-assign, assignment]
    async with serving([silent], store=tmp_path, outside=outside) as ops:
        workspace = ops.workspace
        await workspace.command(OPAL, OPS, "/mail check")
        async with asyncio.timeout(30):
            while not workspace.messages(OPS, OPAL):  # noqa: ASYNC110 - nothing tells of a message
                await asyncio.sleep(0.05)
        (under_way,) = workspace.messages(OPS, OPAL)
        assert text_of(under_way).startswith("⏳ mx1: nothing is known yet.")
    async with serving([host(small.name, small.ini)], store=tmp_path, outside=outside) as ops:
        await ops.services.reports.sweep()
        await ops.services.background.idle()
        (completed,) = ops.workspace.messages(OPS, OPAL)
        assert text_of(completed).startswith("🔴 mx1: ") and "completes itself" not in text_of(completed)
