"""The newest rows of the audit chain, for one person alone."""

from collections.abc import Sequence

from bot.store.audit import Row
from bot.text import clock
from handlers.blocks.kit import Card, card, context, fits, table
from handlers.blocks.rich import bold, code, say

HEADING = ("No", "When", "Who", "Verb", "Host", "What", "Outcome", "Counts")
WIDTHS = (200, 80, 40, 20)


def audit(rows: Sequence[Row], head: str) -> Card:
    """Newest first; `head` is that of the whole chain, as `57:9f2c…`."""
    if not rows:
        return card("Nothing was recorded yet.", say("Nothing was recorded yet: the audit chain is empty."))
    opening = say(
        [bold(f"The last {len(rows):,} of the audit chain" if len(rows) > 1 else "The last of the audit chain")]
    )
    last = [
        say(["The chain's head: ", code(head)]),
        context("maildesk audit verify --head, with that, shows whether a row was changed, removed or cut off since."),
    ]
    for width in WIDTHS:
        blocks = [opening, table(HEADING, [_row(each) for each in rows], width=width, right=(0,))]
        if fits([*blocks, *last]):
            break
    return card(f"The audit chain's head is {head}.", *blocks, last=last)


def _row(each: Row) -> Sequence[str]:
    details = ", ".join(_detail(name.replace("_", " "), value) for name, value in each.details.items() if value)
    return (
        str(each.seq),
        clock(each.at.timestamp()),
        f"{each.name} ({each.role})" if each.role not in ("", each.name) else each.name or each.actor,
        each.verb,
        each.host,
        each.subject,
        each.outcome,
        details,
    )


def _detail(name: str, value: int | str | bool) -> str:
    """`messages 640`; of what is true or false, the name alone says that it is true."""
    if isinstance(value, bool):
        return name
    return f"{name} {value:,}" if isinstance(value, int) else f"{name} {value}"
