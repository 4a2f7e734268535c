"""What flush, hold, release and their like have in common: a change in the channel's sight, and in the audit chain."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bot.errors import AgentFault, OutcomeUnknown, UserError
from bot.mailhost.asking import Progress, Target
from bot.mailhost.host import MailHost
from bot.mailhost.selector import Selector
from bot.record import record
from bot.text import shown_text
from handlers.blocks import change, notice
from handlers.blocks.change import Deed
from handlers.blocks.kit import Card, card
from handlers.door import Request


@dataclass(frozen=True, slots=True)
class Ended:
    """How a change ended, how many messages it touched, and the agent's counts by outcome."""

    card: Card
    messages: int
    counts: Mapping[str, int]


Work = Callable[[Deed, Progress], Awaitable[Ended]]


async def in_sight(request: Request, host: MailHost, verb: str, what: str, work: Work) -> None:
    """Do `work`, tell the channel of it, and record it; what touched no message is not recorded."""
    async with recorded(request, verb, host.name, what) as counts:
        ended = await shown_in_sight(request, host, verb, what, work)
        counts.update(ended.counts if ended.messages else {})


async def shown_in_sight(request: Request, host: MailHost, verb: str, what: str, work: Work) -> Ended:
    """Do `work` and tell the channel of it; while it takes longer than a moment, also how far it is.

    What touched no message is told to the asker alone, unless the channel saw it begin.
    """
    doing = f"{verb}s" if not verb.endswith("sh") else f"{verb}es"
    deed = deed_of(request, host, what)
    opening = [change.opening(deed, doing)]

    async def progress(done: int, total: int | None, text: str) -> None:
        await live.show(notice.progress(opening, done, total, text))

    under_way = card(f"{request.actor.name} {doing} {deed.what} on {host.name}.", *opening)
    async with request.reply.live(under_way, lambda error: notice.not_done(opening, error)) as live:
        ended = await work(deed, progress)
        await live.end(ended.card, quietly=not ended.messages)
    return ended


@asynccontextmanager
async def recorded(request: Request, verb: str, host: str, subject: str) -> AsyncIterator[dict[str, int]]:
    """Work whose counts, if it puts any into the dictionary, go into the audit chain once it is done.

    What may have happened, because no answer came, is recorded as unknown.
    """
    counts: dict[str, int] = {}
    services = request.services
    try:
        yield counts
    except (OutcomeUnknown, AgentFault):
        await record(services.store, request.actor, verb, host, subject, {}, services.now(), "unknown")
        raise
    told = {name: count for name, count in counts.items() if count}
    if told:
        await record(services.store, request.actor, verb, host, subject, told, services.now())


def deed_of(request: Request, host: MailHost, what: str) -> Deed:
    addresses = request.services.settings.channel_addresses
    return Deed(host.name, shown_text(what, addresses), request.actor.id, request.actor.name)


async def targets(request: Request, host: MailHost, picked: Selector, done: str) -> Sequence[Target]:
    """The messages that a selector picks now. Raises UserError when there are none, so that nothing was `done` (held).

    Queue IDs that were typed are targets as they are; the agent says what became of each. The channel hears of the
    change only once there is something to change.
    """
    if picked.ids:
        return picked.ids
    async with request.reply.patience(f"Reading the queue of {host.name} …"):
        found = await host.select(picked.selection)
    if not found:
        raise UserError(f"{picked.picks_nothing(host.name)}, so nothing was {done}.")
    return found


def typed(found: Sequence[Target]) -> frozenset[str]:
    """Those of the targets that somebody typed as queue IDs, and so might have mistyped."""
    return frozenset(each for each in found if isinstance(each, str))
