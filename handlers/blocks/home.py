"""The Home tab: who you are here, how the mail hosts are, what you may type."""

from collections.abc import Sequence

from bot.actors import Actor, Role
from bot.mailhost.look import Look
from bot.mailhost.verdict import verdict
from bot.text import clock
from handlers.blocks.help import Entry, overview
from handlers.blocks.kit import Block, Card, card, context, header
from handlers.blocks.rich import Line, bold, channel, joined, say
from handlers.blocks.status import SIGNS


def home(
    actor: Actor, entries: Sequence[Entry], hosts: Sequence[str], looks: Sequence[Look], channels: Sequence[str]
) -> Card:
    """For this person's eyes alone. `looks` are empty for somebody without a role."""
    return card(
        "Maildesk",
        header("Mail hosts") if looks else None,
        *[_line(seen) for seen in looks],
        context(f"As of {clock(looks[0].at)}; open this tab again for a fresh look.") if looks else None,
        header("What you may do"),
        *overview(actor, entries, hosts).blocks,
        say(_where(channels)) if actor.role > Role.NONE and channels else None,
    )


def _line(seen: Look) -> Block:
    said = verdict(seen)
    return say([f"{SIGNS[said.level]} ", bold(said.headline, 400)], said.detail)


def _where(channels: Sequence[str]) -> Line:
    return ["Type it in ", *joined([channel(name) for name in channels[:20]], "or"), "."]
