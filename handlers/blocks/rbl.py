"""What blocklists say: the verdict, each listing with its way out, and honestly how many lists that is known from."""

from collections.abc import Sequence

from bot.reputation import listings
from bot.reputation.findings import Severity
from bot.reputation.report import NO_REPUTATION
from bot.reputation.sweep import Sweep, Verdict
from bot.text import clock, listed
from handlers.blocks.kit import Block, Card, Element, actions, button, card, context, packed
from handlers.blocks.report import SIGNS
from handlers.blocks.rich import Line, bold, bullets, code, link, paragraph, person, rich, say, words

SHOWN = 400
"""Characters of one sentence; a list's own words are hostile text."""

SILENT = 8


def sweep(found: Sweep, notes: Sequence[str], asked: str, by: str, revision: str) -> Card:
    """`notes`: of hosts that have no address to be looked up; `asked`: the words of the command, for the button."""
    if not found.subjects:
        severity, sentence = Severity.UNKNOWN, "There is no address to ask about, so no list was asked."
    else:
        severity, sentence = listings.verdict(found)
    again = button("Ask again", "rbl.again", packed(asked))
    return card(
        f"{SIGNS[severity]} {sentence}",
        say([f"{SIGNS[severity]} ", bold(sentence, SHOWN)], *([words(note, SHOWN)] for note in notes)),
        *[_listing(each, several=len(found.subjects) > 1) for each in found.listings],
        last=[
            *_good(found),
            *_coverage(found),
            actions(f"rbl:{revision}", [again]),
            say(["Asked by ", person(by)]),
            context(NO_REPUTATION),
        ],
    )


def _listing(each: Verdict, *, several: bool) -> Block:
    zone = each.zone
    whose = f"{each.subject}: " if several else ""
    lines: list[Line] = [
        [
            f"{SIGNS[listings.SEVERITIES[each.weight]]} ",
            bold(f"{whose}{zone.name}"),
            f", weight {each.weight.label}: ",
            words(listings.meanings(each), SHOWN),
            "  ",
            code(", ".join(each.answers)),
        ]
    ]
    if each.reason:
        lines.append(["It says: ", words(each.reason, SHOWN)])
    if each.since:
        lines.append(f"Seen here since {clock(each.since.timestamp())}.")
    page: list[str | Element] = [" Then ask for removal: ", link(zone.delist)] if zone.delist else []
    return say(*lines, [words(listings.remedy(each), 2 * SHOWN), *page])


def _good(found: Sweep) -> list[Block]:
    by_list: dict[str, list[Verdict]] = {}
    for each in found.recommendations:
        by_list.setdefault(each.zone.name, []).append(each)
    return [
        say(f"🟢 Known for good at {name}: {listed([_praised(each) for each in verdicts])}.")
        for name, verdicts in by_list.items()
    ]


def _praised(each: Verdict) -> str:
    return f"{each.subject} ({listings.meanings(each)})"


def _coverage(found: Sweep) -> list[Block]:
    """How many lists answered; which did not, and why; which were not asked."""
    if not found.verdicts:
        return []
    silent = found.coverage.silent
    rows: list[Line] = [[words(listings.silence_line(each), 2 * SHOWN)] for each in silent[:SILENT]]
    if len(silent) > SILENT:
        rows.append(f"and {len(silent) - SILENT} more groups of lists, which maildesk rbl shows at a shell")
    left_out = listings.not_asked_line(found)
    return [
        rich(paragraph([words(listings.coverage_line(found), SHOWN)]), *([bullets(*rows)] if rows else [])),
        *([context(f"Not asked: {left_out}.")] if left_out else []),
    ]
