"""The Home tab as a whole: Slack takes it whatever is in it, and acts on nothing that mail or people wrote."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from bot.actors import Actor, Role
from bot.mailhost.look import Look
from bot.store.audit import Row
from bot.watch.model import Alert
from handlers.blocks.help import Entry
from handlers.blocks.home import Decidable, Fleet, home
from handlers.blocks.notice import error
from tests.handlers.blocks.hostile import NOW as SECONDS
from tests.handlers.blocks.hostile import taken_by_slack, texts, thorough
from tests.handlers.blocks.requests import requests
from tests.handlers.blocks.test_alert import KNOWN, MENTIONS, alerts

ANA = Actor("U0ANA", "ana", Role.APPROVER)
ENTRIES = [Entry("status", "status [host]", "Is it well", ("/mail status",), Role.VIEWER, ())]
ROW = Row(datetime(2026, 1, 1, tzinfo=UTC), "U0BEN", "ben", "operator", "hold", seq=1, previous="", mac="")


@thorough
@given(
    st.lists(alerts, max_size=15),
    st.lists(st.builds(Decidable, requests, st.booleans()), max_size=8, unique_by=lambda each: each.request.id),
    st.lists(texts, max_size=5),
    texts,
)
def test_slack_takes_any_home(found: list[Alert], open: list[Decidable], done: list[str], text: str) -> None:
    looks = [Look("mx1", SECONDS, problems=(text,), reachable=False)]
    rows = [replace(ROW, subject=each, name=each) for each in done]
    fleet = Fleet(looks, [(alert, KNOWN) for alert in found], open, rows)
    page = home(ANA, ENTRIES, ("mx1",), fleet, ("C0OPS",), error(text))
    asked = {f"{each.request.asked_by.id}" for each in open} | {each.request.channel for each in open}
    taken_by_slack(page, mentions=(*MENTIONS, *asked, "C0OPS"))
