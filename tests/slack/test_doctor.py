"""`/mail doctor`: for approvers, to one person alone: what is wrong, and the command that mends it."""

from __future__ import annotations

import pytest

from bot.console.workspace import faults, text_of
from tests.slack.desk import APRIL, OPAL, OPS, Desk

NO_DNS = {"dns_servers": ("127.0.0.1:1",), "dns_timeout": 0.2}


@pytest.mark.parametrize("ops", [{"mail_hosts": "mx1=local:mx1", **NO_DNS}], indirect=True)
async def test_an_approver_is_told_what_is_wrong_and_what_mends_it(ops: Desk) -> None:
    ops.workspace.add_channel("C0ELSE", "elsewhere", bot=False)
    ops.workspace.scopes.discard("files:write")
    first, answer = await ops.type("/mail doctor", APRIL)
    assert "Looking at everything" in text_of(first)
    assert {first.ephemeral_to, answer.ephemeral_to} == {APRIL}, "nobody else sees it"
    said = text_of(answer)
    assert "2 warnings" in said
    assert "The app lacks files:write: lists and pictures can't be sent." in said
    assert "Reinstall the app from deploy/slack-manifest.yaml" in said
    assert "The resolver 127.0.0.1:1 does not answer" in said
    assert "There is one approver" in said and "runs" in said
    assert len(ops.workspace.messages(OPS)) == 0


@pytest.mark.parametrize("ops", [{"mail_hosts": "mx1=local:mx1", **NO_DNS}], indirect=True)
async def test_one_mail_host_alone(ops: Desk) -> None:
    _, answer = await ops.type("/mail doctor mx1", APRIL)
    assert "All is well" in text_of(answer)
    (refusal,) = await ops.type("/mail doctor mx7", APRIL)
    assert "There is no mail host named 'mx7'" in text_of(refusal)


async def test_an_operator_may_not(ops: Desk) -> None:
    (refusal,) = await ops.type("/mail doctor", OPAL)
    assert "You may not use doctor: you are an operator here." in text_of(refusal)


@pytest.mark.parametrize("ops", [{"mail_hosts": "mx1=local:mx1", **NO_DNS}], indirect=True)
async def test_slack_on_a_bad_day_is_told_of_and_hinders_nothing_else(ops: Desk) -> None:
    ops.workspace.faults.add("usergroups.*", faults.server_error(500))
    ops.workspace.faults.add("conversations.info", faults.server_error(503))
    _, answer = await ops.type("/mail doctor", APRIL)
    assert "OPS_CHANNELS: Slack says nothing of C0OPS" in text_of(answer)
    assert "Mend it: Try again in a moment" in text_of(answer)
    assert "Postfix" in text_of(answer)
