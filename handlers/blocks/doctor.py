"""What doctor found, for one person alone: what is wrong first, each with what mends it; what is well, counted."""

from collections.abc import Sequence

from bot.doctor import Level, Line
from bot.text import plural
from handlers.blocks.kit import Block, Card, card, context
from handlers.blocks.rich import Line as RichLine
from handlers.blocks.rich import bold, code, say, words

SIGNS = {Level.PROBLEM: "🔴", Level.WARNING: "🟡", Level.OK: "🟢"}
SHOWN = 25
"""Lines that are shown; a shell shows them all."""


def verdict(lines: Sequence[Line]) -> str:
    """One sentence: how many problems and warnings there are."""
    problems = sum(line.level is Level.PROBLEM for line in lines)
    warnings = sum(line.level is Level.WARNING for line in lines)
    if not problems and not warnings:
        return f"All is well: {plural(len(lines), 'thing')} looked at."
    parts = [plural(number, noun) for number, noun in ((problems, "problem"), (warnings, "warning")) if number]
    return f"{' and '.join(parts)}; {len(lines) - problems - warnings} of {len(lines)} lines are well."


def doctor(lines: Sequence[Line]) -> Card:
    wrong = sorted((line for line in lines if line.level > Level.OK), key=lambda line: -line.level)
    well = [line for line in lines if line.level is Level.OK]
    more = len(wrong) - SHOWN
    abouts = dict.fromkeys(line.about for line in well)
    opening = verdict(lines)
    return card(
        f"{opening} {wrong[0].text if wrong else ''}".strip(),
        say([f"{SIGNS[max((line.level for line in lines), default=Level.OK)]} ", bold(opening)]),
        *[_wrong(line) for line in wrong[:SHOWN]],
        say(f"… and {more} more: maildesk doctor, at a shell, shows them all.") if more > 0 else None,
        *[context(f"Well, {about}: {' '.join(line.text for line in well if line.about == about)}") for about in abouts],
    )


def _wrong(line: Line) -> Block:
    mend: list[RichLine] = [["Mend it: ", code(line.mend, 600)]] if line.mend else []
    return say([f"{SIGNS[line.level]} ", bold(f"{line.about}: "), words(line.text, 800)], *mend)
