"""What flush, hold and release have in common: a change in the channel's sight, from who began it to how it ended."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from bot.errors import UserError
from bot.mailhost.host import MailHost, Progress, Target
from bot.mailhost.selector import Selector
from bot.text import shown_text
from handlers.blocks import change, notice
from handlers.blocks.change import Deed
from handlers.blocks.kit import Card, card
from handlers.door import Request


@dataclass(frozen=True, slots=True)
class Ended:
    """How a change ended, and how many messages it touched."""

    card: Card
    messages: int


Work = Callable[[Deed, Progress], Awaitable[Ended]]


async def in_sight(request: Request, host: MailHost, doing: str, what: str, work: Work) -> None:
    """Do `work` and tell the channel of it; while it takes longer than a moment, also how far it is.

    What touched no message is told to the asker alone, unless the channel saw it begin.
    """
    deed = deed_of(request, host, what)
    opening = [change.opening(deed, doing)]

    async def progress(done: int, total: int | None, text: str) -> None:
        await live.show(notice.progress(opening, done, total, text))

    under_way = card(f"{request.actor.name} {doing} {deed.what} on {host.name}.", *opening)
    async with request.reply.live(under_way, lambda error: notice.not_done(opening, error)) as live:
        ended = await work(deed, progress)
        await live.end(ended.card, quietly=not ended.messages)


def deed_of(request: Request, host: MailHost, what: str) -> Deed:
    addresses = request.services.settings.channel_addresses
    return Deed(host.name, shown_text(what, addresses), request.actor.id, request.actor.name)


async def targets(host: MailHost, picked: Selector) -> Sequence[Target]:
    """The messages that a selector picks now. Raises UserError when there are none.

    Queue IDs that were typed are targets as they are; the agent says what became of each.
    """
    found: Sequence[Target] = picked.ids or await host.select(picked.selection)
    if not found:
        raise UserError(f"Nothing on {host.name} matches {picked.text}, so nothing was done.")
    return found
