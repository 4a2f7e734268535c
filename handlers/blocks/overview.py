"""Several mail hosts at a glance, those that hurt first: complete for who has answered, whoever has not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.mailhost.look import Look
from bot.mailhost.verdict import Level, Verdict, verdict
from bot.mailhost.versions import outdated
from bot.text import Addresses, listed, plural, shown_text
from handlers.blocks.kit import Block, Card, actions, button, card, packed, select
from handlers.blocks.rich import Line, bold, say
from handlers.blocks.status import SIGNS, notes, small_print

LINES = 15
"""So many hosts have a line of their own; the others are named together."""
REPUTATIONS, OLD_AGENTS = 10, 5
WELL = SIGNS[Level.WELL]


@dataclass(frozen=True, slots=True)
class Overview:
    """At least one look. `known` has, by host, a line of what is known of one that has not answered.

    `said` is what was asked for, if that was a group: `@eu`. `reputation` has a line for each host; `notes` say what is
    wrong with the bot itself.
    """

    looks: Sequence[Look]
    known: Mapping[str, str] = field(default_factory=dict)
    said: str = ""
    reputation: Sequence[str] = ()
    notes: Sequence[str] = ()


def overview(whole: Overview, asker: str, addresses: Addresses, revision: str) -> Card:
    """A line for each mail host, those that hurt first; of many, for those alone, and the others by name."""
    looks = whole.looks
    told = sorted(((verdict(seen), seen) for seen in looks), key=lambda pair: -pair[0].level)
    opening = _opening(whole, [said.level for said, _ in told])
    worst = told if len(told) <= LINES else [pair for pair in told if pair[0].level > Level.WELL][:LINES]
    rest = told[len(worst) :]
    return card(
        f"{opening} {shown_text(told[0][0].headline, addresses)}",
        say(opening),
        *[_line(said, whole.known.get(seen.host, ""), addresses, len(told)) for said, seen in worst],
        *_others(rest),
        _reputation(whole.reputation),
        *notes([*whole.notes, *_old_agents(looks)]),
        last=[
            actions(
                f"overview:{revision}",
                [
                    select("Status of …", "status.host", [(seen.host, seen.host) for seen in looks]),
                    button("Refresh", "status.overview", packed(whole.said)),
                ],
            ),
            small_print(asker, looks[0].at),
        ],
    )


def _opening(whole: Overview, levels: Sequence[Level]) -> str:
    """How many need a look. Who has not answered yet is counted apart."""
    waiting = sum(seen.silent for seen in whole.looks)
    ill = sum(level > Level.WELL for level in levels) - waiting
    answered = plural(len(levels) - waiting, "mail host")
    where = f"{whole.said}: " if whole.said else ""
    if not waiting:
        return (
            f"{where}{ill} of {answered} {'need' if ill > 1 else 'needs'} a look."
            if ill
            else (f"{where}{answered}, all well.")
        )
    state = f"{ill} of them {'need' if ill > 1 else 'needs'} a look" if ill else "all well"
    return f"{where}{answered} of {len(levels)} {'has' if len(levels) - waiting == 1 else 'have'} answered, {state}."


def _line(said: Verdict, known: str, addresses: Addresses, among: int) -> Block:
    first: Line = [f"{SIGNS[said.level]} ", bold(shown_text(said.headline, addresses), 400 if among <= LINES else 200)]
    return say(first, known) if known else say(first)


def _others(rest: Sequence[tuple[Verdict, Look]]) -> list[Block]:
    """The names of those that have no line, by how well they are."""
    blocks = []
    for level in sorted({said.level for said, _ in rest}, reverse=True):
        names = [seen.host for said, seen in rest if said.level is level]
        state = f"{'is' if len(names) == 1 else 'are'} well" if level is Level.WELL else "more"
        blocks.append(say([f"{SIGNS[level]} {len(names)} {state}: {listed(names)}."]))
    return blocks


def _old_agents(looks: Sequence[Look]) -> list[str]:
    lines = [line for seen in looks if (line := outdated(seen.host, seen.info))]
    more = len(lines) - OLD_AGENTS
    rest = [f"… and {plural(more, 'more agent')} older than this bot."] if more > 0 else []
    return [*lines[:OLD_AGENTS], *rest]


def _reputation(lines: Sequence[str]) -> Block | None:
    """All lines, or of many those that are not good news."""
    if len(lines) <= REPUTATIONS:
        return say(*lines) if lines else None
    bad = [line for line in lines if not line.startswith(WELL)]
    shown = [*bad[:REPUTATIONS], *([f"… and of {len(bad) - REPUTATIONS} more."] if len(bad) > REPUTATIONS else [])]
    good = len(lines) - len(bad)
    return say(*shown, *([f"{WELL} Reputation of {plural(good, 'mail host')}: good."] if good else []))
