"""One restore of what was deleted: how much is back, what stays on hold and how to let it go, what is not back."""

from collections.abc import Sequence

from bot.approvals.model import Restoration
from bot.record import CLOCK
from bot.text import Addresses, plural
from handlers.blocks.kit import Block
from handlers.blocks.outcomes import listed
from handlers.blocks.request_lines import at
from handlers.blocks.request_words import BACK, RESTORED
from handlers.blocks.rich import Line, bold, bullets, code, paragraph, person, rich

COMMAND = 400
"""Characters of a command to type: its ten queue IDs have up to 23 each."""


def restoration(done: Restoration, host: str, key: str, addresses: Addresses) -> list[Block]:
    """How many, by whom, when; and beside(). `key` is the deletion's."""
    back = number_back(done)
    text = f" {plural(back, 'message')}" if back else " nothing"
    by = "this bot finished it" if done.by.id == CLOCK.id else person(done.by.id)
    first = paragraph([bold("Restored"), f"{text}: ", by, f", {at(done.at)}"])
    return [rich(first), *beside(done, host, key, addresses)]


def beside(done: Restoration, host: str, key: str, addresses: Addresses) -> list[Block]:
    """What there is to say beside the number: what stays on hold, with the command that releases it; what is wrong."""
    counts = {name: count for name, count in done.counts.items() if count}
    if set(counts) <= {"restored"}:
        return []
    lines: list[Line] = []
    for name, count in sorted(counts.items(), key=lambda each: _order(each[0])):
        line: list[str | dict[str, object]] = [bold(f"{count:,}"), f" {RESTORED.get(name, name.replace('_', ' '))}"]
        lines.append([*line, *_release(host, key, name, count, done.stays.get(name, ()))])
    wrong = listed(done.failures, RESTORED, addresses)
    return [rich(bullets(*lines)), *([wrong] if wrong else [])]


def _order(outcome: str) -> int:
    return [*RESTORED].index(outcome) if outcome in RESTORED else len(RESTORED)


def _release(host: str, key: str, outcome: str, count: int, queue_ids: Sequence[str]) -> Line:
    """The command that lets go what stays on hold; nothing where nothing does."""
    if outcome == "by_others":
        return [
            ". ",
            code(f"/mail queue {host} hold"),
            " shows what does; to release what a restore of this deletion left there: ",
            code(f"/mail release {host} {key}"),
        ]
    if not queue_ids:
        return []
    them = "it" if count == 1 else "them"
    if len(queue_ids) == count:
        return [f". To release {them}: ", code(f"/mail release {host} {' '.join(queue_ids)}", COMMAND)]
    if outcome != "on_hold":
        # The host remembers under the deletion's key what a restore left on hold; not what was there before.
        return [". To release all that is on hold because of this deletion: ", code(f"/mail release {host} {key}")]
    return [
        f". To release the first {len(queue_ids)} of them: ",
        code(f"/mail release {host} {' '.join(queue_ids)}", COMMAND),
        "; the others are among what ",
        code(f"/mail queue {host} hold"),
        " shows",
    ]


def number_back(done: Restoration) -> int:
    """How many messages a restore put back into the queue."""
    return sum(done.counts.get(outcome, 0) for outcome in BACK)


def nothing_left(host: str, key: str) -> str:
    return (
        f"Nothing of {key} is in the trash of {host} any more: it was restored or purged before. Nothing was restored."
    )
