"""The Home tab: what it shows to whom, deciding in it, and that it follows what changes."""

from __future__ import annotations

import pytest

from bot.actors import Actor, Role
from bot.approvals.model import State
from bot.console.workspace import View, controls, text_of
from tests.slack.conftest import DEAD, FINE, SmallHost
from tests.slack.deleting import DELETE, asked, request
from tests.slack.desk import APRIL, OPAL, OPS, VIC, Desk
from tests.slack.watching import AWAY, seen


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
    assert "🟢 mx1 is well." in text
    assert "🔴 mx1: Mail host can't be reached · alert 1\nNo answer for 5 minutes: connection refused." in text
    assert f"archives/{OPS}/p" in str(view.blocks), "a link to its card"
    assert "opal: mute mx1: done" in text
    assert "You are a viewer here" in text


async def test_only_who_may_decide_has_the_buttons(ops: Desk) -> None:
    await asked(ops, DELETE)
    assert buttons(await opened(ops, OPAL)) == [] and buttons(await opened(ops, VIC)) == []
    view = await opened(ops, APRIL)
    assert f"asks to delete {DEAD} messages on mx1" in text_of(view)
    assert buttons(view) == ["request.approve", "request.deny", "request.hold", "request.list"]


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
