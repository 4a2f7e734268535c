"""`/mail digest`: the digest now, of the last 24 hours, of yesterday, or of a week; the outbox posts it."""

from bot.errors import UserError
from bot.services import Services
from bot.text import listed
from bot.watch.digest import DAY, WEEK, YESTERDAY
from handlers.blocks import digest as blocks
from handlers.blocks.kit import Card
from handlers.commands.command import Command
from handlers.commands.words import named
from handlers.door import Request

SPANS = {"": DAY, "yesterday": YESTERDAY, "week": WEEK}


async def run(request: Request) -> None:
    services = request.services
    host, span = _meant(services, request.words)
    await services.digests.post(host, span, request.actor.id, request.workspace, request.reply.channel)


def _meant(services: Services, words: str) -> tuple[str, str]:
    """The mail host (empty: all of them) and the span, in whatever order. Raises UserError."""
    said = words.split()
    if said and said[0].lower() in SPANS:
        said = [*said[1:], said[0]]
    found = named(services.hosts, " ".join(said))
    host, span = found.host.name if found.host else "", SPANS.get(found.rest.lower())
    if span is not None:
        return host, span
    where = "" if host else f"of {listed(list(services.hosts), 'or')}, or of all mail hosts, and "
    raise UserError(
        f"“{found.rest[:100]}” is nothing that a digest can be of, so none was made. It is {where}of the last 24 "
        "hours, or of yesterday or a week, as in /mail digest week."
    )


async def render_digest(services: Services, subject: str) -> Card | None:
    """A digest as it was made; None when it is no longer kept."""
    made = await services.digests.get(int(subject)) if subject.isdecimal() else None
    return blocks.digest(made, services.settings.channel_addresses) if made else None


async def render_details(services: Services, subject: str) -> Card | None:
    """What stands in a digest's thread of one host; `subject` is NUMBER/HOST."""
    number, _, name = subject.partition("/")
    made = await services.digests.get(int(number)) if number.isdecimal() else None
    host = made.digest.of(name) if made else None
    return blocks.details(made, host, services.settings.channel_addresses) if made and host else None


COMMAND = Command(
    name="digest",
    usage="digest [host] [yesterday|week]",
    summary="Is all well: alerts, blocklists, the queue as a picture, what was done, what is coming; by day or week",
    examples=("/mail digest", "/mail digest mx1 week"),
    run=run,
)
