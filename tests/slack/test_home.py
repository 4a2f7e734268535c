"""The Home tab: what it shows to whom, deciding in it, and that it follows what changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest
from sqlalchemy import text as sql

from bot.actors import Actor, Role
from bot.approvals.model import State
from bot.console.workspace import View, controls, text_of
from bot.mailhost.host import MailHost
from bot.mailhost.link import Event
from bot.watch.model import Reading
from handlers.blocks.blind import TITLE
from tests.approvals.fakehost import FakeAgent
from tests.slack.conftest import DEAD, FINE, SmallHost
from tests.slack.deleting import DELETE, Clock, asked, request
from tests.slack.desk import APRIL, OPAL, OPS, VIC, Desk, desk
from tests.slack.watching import AWAY, BACK, seen


class Looked(FakeAgent):
    """An agent that counts the looks at its mail host."""

    looks = 0

    async def ask(self, request: bytes) -> AsyncGenerator[Event, None]:
        self.looks += b'"info"' in request
        async for event in super().ask(request):
            yield event


async def opened(ops: Desk, user: str) -> View:
    await ops.workspace.open_home(user)
    await ops.services.background.idle()
    view = ops.workspace.home(user)
    assert view is not None
    return view


def buttons(view: View) -> list[str]:
    return [control.action_id for control in controls(view)]


async def test_it_shows_hosts_alerts_and_what_was_done(watched: Desk) -> None:
    await seen(watched, AWAY)
    await watched.type("/mail mute deferred mx1")
    text = text_of(view := await opened(watched, VIC))
    assert "🔴 mx1: 1 alert fires, below. 16 messages are queued: " in text and "mx1 is well" not in text
    assert "⚪ Reputation of mx1: not checked yet. /mail check mx1" in text
    assert "🔴 mx1: Mail host can't be reached · alert 1\nNo answer for 5 minutes: connection refused." in text
    assert f"archives/{OPS}/p" in str(view.blocks), "a link to its card"
    assert "opal: mute mx1: done" in text
    assert "Well again since" not in text
    await seen(watched, BACK)
    assert "Well again since 20" in text_of(await opened(watched, VIC))
    assert "You are a viewer here" in text


async def test_of_more_alerts_than_it_has_room_for_the_rest_is_counted(watched: Desk) -> None:
    await seen(watched, {"sender": [Reading(f"a{number}@x.test", 90, "Most of it.") for number in range(12)]})
    text = text_of(await opened(watched, VIC))
    assert "🔴 mx1: 12 alerts fire, below." in text
    assert "… and 2 more: /mail alerts lists them" in text


async def test_only_who_may_decide_has_the_buttons(ops: Desk) -> None:
    await asked(ops, DELETE)
    assert buttons(await opened(ops, OPAL)) == [] and buttons(await opened(ops, VIC)) == []
    view = await opened(ops, APRIL)
    assert f"asks to delete {DEAD} messages on mx1" in text_of(view)
    assert buttons(view) == ["request.approve", "request.deny", "request.hold", "request.list"]
    assert "You are an approver here. You may\n/mail status, /mail check, " in text_of(view)
    assert "too long for Slack" not in text_of(view)


async def test_a_request_is_approved_in_it(ops: Desk, small: SmallHost) -> None:
    await asked(ops, DELETE)
    view = await opened(ops, APRIL)
    await ops.workspace.press(APRIL, view, "request.approve", confirmed=True)
    await ops.services.background.idle()
    assert (await request(ops)).state is State.DONE
    assert small.count("deferred") == FINE
    after = ops.workspace.home(APRIL)
    assert after is not None and buttons(after) == []


async def test_a_press_on_what_was_decided_meanwhile_is_answered_in_it(ops: Desk, small: SmallHost) -> None:
    question = await asked(ops, DELETE)
    view = await opened(ops, APRIL)
    await ops.press(question, "request.cancel")
    await ops.workspace.press(APRIL, view, "request.approve", confirmed=True)
    await ops.services.background.idle()
    after = ops.workspace.home(APRIL)
    assert after is not None
    assert "cancelled by opal" in text_of(after).splitlines()[0]
    assert "Mail hosts" in text_of(after) and buttons(after) == []
    assert small.count("deferred") == DEAD + FINE


async def test_it_follows_what_changes(watched: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.home.PAUSE", 0.05)
    assert "No alert fires now.\nmx1 has not been looked at yet" in text_of(await opened(watched, VIC))

    def shows(words: str) -> bool:
        view = watched.workspace.home(VIC)
        return view is not None and words in text_of(view)

    await seen(watched, AWAY)
    await watched.workspace.wait(lambda: shows("🔴 mx1: Mail host can't be reached"), 60)
    await watched.services.alerts.acknowledge(1, Actor(OPAL, "opal", Role.OPERATOR))
    await watched.workspace.wait(lambda: shows("Acknowledged by U0OPAL"), 60)


async def test_while_the_database_can_not_be_read_it_says_so_and_how_the_hosts_are(watched: Desk) -> None:
    async with watched.services.store.transaction() as transaction:
        await transaction.connection.execute(sql("ALTER TABLE alerts RENAME TO elsewhere"))
    text = text_of(await opened(watched, VIC))
    assert "🟢 mx1 is well." in text
    assert f"What fires, what waits for you, and what was done is not known.\n{TITLE}, for " in text
    assert "No alert fires now" not in text
    told = await watched.say("/mail alerts", VIC)
    assert told.startswith(f"{TITLE}, for ") and told.endswith("What fires is not known.")
    async with watched.services.store.transaction() as transaction:
        await transaction.connection.execute(sql("ALTER TABLE elsewhere RENAME TO alerts"))
    assert "No alert fires now" in text_of(await opened(watched, VIC))


async def test_who_opens_it_right_after_somebody_else_waits_for_no_look_of_their_own(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.home.FRESH", 600.0)
    agent = Looked(clock, (), "mx1")
    async with desk([MailHost(agent)], clock) as ops:
        for user in (VIC, OPAL, APRIL):
            assert "As of " in text_of(await opened(ops, user))
        assert agent.looks == 1
        monkeypatch.setattr("handlers.home.FRESH", 0.0)
        await opened(ops, VIC)
        assert agent.looks == 2
