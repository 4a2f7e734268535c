"""Requests as rows of the store, and back; and the cards that tell Slack of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.agent.outcomes import Outcome
from bot.agent.protocol import Count, Tally
from bot.agent.wire import from_json, to_json
from bot.approvals.model import (
    Decision,
    Kind,
    Person,
    Policy,
    Preview,
    Request,
    Restoration,
    Result,
    State,
)
from bot.errors import UserError
from bot.store.database import Transaction
from bot.store.outbox import Told
from bot.store.tables import requests
from bot.text import masked_text

CARD, ENDING = "request", "request_ended"
"""The kinds of what the outbox has of requests."""


def request_of(row: RowMapping) -> Request:
    """The request that a row holds."""
    return Request(
        id=row["id"],
        key=row["key"],
        kind=Kind(row["kind"]),
        host=row["host"],
        selector=row["selector"],
        target_key=row["target_key"],
        preview=from_json(Preview, json.loads(row["preview"])),
        digest=row["digest"],
        policy=from_json(Policy, json.loads(row["policy"])),
        workspace=row["workspace"],
        channel=row["channel"],
        asked_by=Person(row["asked_by"], row["asked_name"]),
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        state=State(row["state"]),
        revision=row["revision"],
        decision=Decision(row["decision"]) if row["decision"] else None,
        decided_by=Person(row["decided_by"], row["decided_name"]) if row["decided_by"] else None,
        decided_at=row["decided_at"],
        typed=row["typed"],
        alone=row["alone"],
        only_approver=row["only_approver"],
        done=row["done"],
        total=row["total"],
        doing=row["doing"],
        result=from_json(Result, json.loads(row["result"])) if row["result"] else None,
        finished_at=row["finished_at"],
        restorations=tuple(map(_restoration, json.loads(row["restorations"]))),
        left_in_trash=row["left_in_trash"],
        purged_at=row["purged_at"],
    )


def row_of(request: Request) -> dict[str, Any]:
    """The columns of a new request; `id` and `key` are given by the store and after it."""
    return {
        "kind": request.kind.value,
        "host": request.host,
        "selector": request.selector,
        "target_key": request.target_key,
        "preview": as_json(request.preview),
        "digest": request.digest,
        "messages": request.messages,
        "bytes": request.preview.bytes,
        "policy": as_json(request.policy),
        "workspace": request.workspace,
        "channel": request.channel,
        "asked_by": request.asked_by.id,
        "asked_name": request.asked_by.name,
        "asked_at": request.asked_at,
        "expires_at": request.expires_at,
        "state": request.state.value,
        "revision": request.revision,
    }


def as_json(value: Any) -> str:
    return json.dumps(to_json(value))


def restorations_json(restorations: Iterable[Restoration]) -> str:
    return json.dumps([{**to_json(each), "at": each.at.isoformat()} for each in restorations])


def _restoration(value: Mapping[str, Any]) -> Restoration:
    return Restoration(
        by=from_json(Person, value["by"]),
        at=datetime.fromisoformat(value["at"]),
        counts=from_json(dict[str, int], value["counts"]),
        failures=from_json(tuple[Outcome, ...], value["failures"]),
        stays=from_json(dict[str, tuple[str, ...]], value.get("stays", {})),
    )


async def find(connection: AsyncConnection, *conditions: ColumnElement[bool]) -> tuple[Request, ...]:
    """The requests for which all of this holds, the oldest first."""
    rows = await connection.execute(select(requests).where(*conditions).order_by(requests.c.id))
    return tuple(map(request_of, rows.mappings()))


async def one(connection: AsyncConnection, request_id: int) -> Request | None:
    found = await find(connection, requests.c.id == request_id)
    return found[0] if found else None


async def by_key(connection: AsyncConnection, key: str) -> Request | None:
    found = await find(connection, requests.c.key == key)
    return found[0] if found else None


async def named(connection: AsyncConnection, request_id: int) -> Request:
    """The request that a person means. Raises UserError when there is none."""
    request = await one(connection, request_id)
    if request is None:
        raise UserError(f"There is no request {request_id} here. /mail pending shows those that wait.")
    return request


async def change(
    transaction: Transaction, request_id: int, *conditions: ColumnElement[bool], **values: Any
) -> Request | None:
    """The one way in which a request changes: if the conditions hold, all at once, with a new revision of its card.

    The request as it is then; None when the conditions did not hold, and nothing was changed.
    """
    await transaction.alone()
    changed = await transaction.connection.execute(
        update(requests)
        .where(requests.c.id == request_id, *conditions)
        .values(revision=requests.c.revision + 1, **values)
    )
    return await one(transaction.connection, request_id) if changed.rowcount == 1 else None


def in_states(*states: State) -> ColumnElement[bool]:
    return requests.c.state.in_([state.value for state in states])


def card(request: Request) -> Told:
    """The request's card, in the channel where it was asked for."""
    return Told(request.workspace, request.channel, CARD, str(request.id))


def ending(request: Request) -> Told:
    """The message in the card's thread that says how it ended."""
    return Told(request.workspace, request.channel, ENDING, str(request.id), (CARD, str(request.id)))


async def tell(transaction: Transaction, request: Request) -> None:
    """Let Slack see the request as it is now; of an end that its asker may not have seen, also in the thread."""
    await transaction.tell(card(request))
    seen = request.state is State.CANCELLED or (request.alone and request.state is State.DONE)
    if request.state.over and not seen:
        await transaction.tell(ending(request))


async def in_trash(transaction: Transaction, key: str, left: int, purged_at: datetime | None) -> bool:
    """Write down what the trash keeps of the deletion `key` now; whether that changed a request's card."""
    await transaction.alone()
    found = await find(transaction.connection, requests.c.key == key, requests.c.left_in_trash != left)
    for request in found:
        if changed := await change(transaction, request.id, left_in_trash=left, purged_at=purged_at):
            await transaction.tell(card(changed))
    return bool(found)


def verb(request: Request, what: str) -> str:
    """The verb of the audit chain: `delete.approve`, `final.end`."""
    return f"{request.kind.value}.{what}"


def without_addresses(request: Request) -> dict[str, Any]:
    """The columns of a request once its addresses are forgotten: counts, times and domains stay."""
    preview = replace(
        request.preview,
        senders=Tally(),
        sample=(),
        reasons=Tally(
            tuple(Count(masked_text(each.name), each.messages) for each in request.preview.reasons.top),
            request.preview.reasons.undercount,
        ),
    )
    values = {
        "preview": as_json(preview),
        "selector": masked_text(request.selector),
        "restorations": restorations_json(
            replace(each, failures=_masked(each.failures)) for each in request.restorations
        ),
    }
    if request.result:
        result = request.result
        text, not_kept = masked_text(result.text), masked_text(result.not_kept)
        values["result"] = as_json(replace(result, failures=_masked(result.failures), text=text, not_kept=not_kept))
    return values


def _masked(outcomes: Iterable[Outcome]) -> tuple[Outcome, ...]:
    return tuple(each._replace(detail=masked_text(each.detail)) for each in outcomes)
