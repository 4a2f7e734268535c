"""What the tests of deletion share: the card, the window, a clock that can be put forward."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from bot.approvals.model import Request
from bot.console.workspace import Message, Receipt, controls
from tests.postfix.instance import QUEUES, PrivatePostfix
from tests.slack.desk import APRIL, OPAL, OPS, Desk, utc


class Clock:
    """The time, and what it was put forward by."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return utc() + self.ahead


def card(ops: Desk) -> Message:
    """The newest card in the channel, as it is now."""
    return [each for each in ops.workspace.messages(OPS) if not each.thread_ts][-1]


def thread(ops: Desk) -> list[Message]:
    return [each for each in ops.workspace.messages(OPS) if each.thread_ts]


def alone(ops: Desk, user: str) -> list[Message]:
    """What only this person sees."""
    return [each for each in ops.workspace.messages(OPS, user) if each.ephemeral_to]


async def asked(ops: Desk, text: str, user: str = OPAL) -> Message:
    """The card of what was asked for by this command."""
    await ops.type(text, user)
    return card(ops)


async def typed(ops: Desk, number: str, user: str) -> Receipt:
    """Send the window that asks for the number, with this one in it; what is done for it is waited for."""
    receipt = await ops.workspace.submit(user, ops.workspace.views(user)[-1], {"number": number})
    await ops.services.background.idle()
    return receipt


DELETE = "/mail delete from:news@shop.test"


async def deleted(ops: Desk, text: str = DELETE) -> Message:
    """The record of a deletion that was asked for and approved."""
    await ops.press(await asked(ops, text), "request.approve", user=APRIL)
    return card(ops)


async def request(ops: Desk, number: int = 1) -> Request:
    """A request, as the store has it."""
    return await ops.services.approvals.get(number)


async def verbs(ops: Desk) -> list[str]:
    """The verbs of the audit chain, oldest first."""
    return [row.verb for row in reversed(await ops.services.store.audit.latest(100))]


def actions(message: Message) -> list[str]:
    return [control.action_id for control in controls(message)]


# On a real Postfix --------------------------------------------------------------------------------------------------


def sums(postfix: PrivatePostfix) -> dict[str, str]:
    """SHA-256 of the queue files, by queue ID."""
    files = [path for queue in QUEUES for path in postfix.files(queue)]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def kept(postfix: PrivatePostfix, key: str = "*") -> list[str]:
    """The queue IDs that are kept in the trash, by this deletion or by any, sorted."""
    return sorted(path.name for path in postfix.queue_directory.glob(f"maildesk-trash/{key}/kept/*"))
