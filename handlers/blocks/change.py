"""What a hold or a release did, as the channel sees it: who, to what, how many, and the way back."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from bot.agent.outcomes import Held, Outcome, Released
from bot.mailhost.host import Change
from bot.text import Addresses, plural
from handlers.blocks.kit import Block, Card, actions, button, card, packed, plain
from handlers.blocks.outcomes import listed
from handlers.blocks.rich import Line, bold, bullets, code, paragraph, person, rich, say


@dataclass(frozen=True, slots=True)
class Deed:
    """Who (`by` is an ID, `name` for those who only hear it) does what to which messages of which host.

    `what` is a selector, as it may be shown in the channel.
    """

    host: str
    what: str
    by: str
    name: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is written below a card whose undo was pressed; `text` is for those who only hear it."""

    text: str
    block: Block


# What became of a message, in words that follow a number.
HELD: Mapping[str, str] = {
    "held": "put on hold",
    "already_on_hold": "on hold before (the undo leaves those alone)",
    "gone": "not in the queue: delivered, sent back or deleted meanwhile",
    "changed": "not touched: the queue ID belongs to another message now",
    "not_in_queue_yet": "not touched: still in maildrop, where nothing can be held; try again in a moment",
    "moving": "not held: always on the move from one queue to another; try again",
    "failed": "not held: Postfix could not do it",
}
RELEASED: Mapping[str, str] = {
    "released": "released",
    "requeued": "released under a new queue ID, which Postfix gives within a minute: it may still remember the old one",
    "in_delivery": "still on hold: in delivery at this very moment; release again in a minute",
    "not_on_hold": "not on hold, so there was nothing to release",
    "gone": "not in the queue: delivered, sent back or deleted meanwhile",
    "changed": "not touched: the queue ID belongs to another message now",
    "failed": "still on hold: Postfix could not do it",
}


def opening(deed: Deed, doing: str) -> Block:
    """The first line of work under way: `@ana holds deferred from:@example.org on mx1`."""
    return say([person(deed.by), f" {doing} ", code(deed.what, 300), " on ", bold(deed.host), "."])


def held(deed: Deed, change: Change[Held], addresses: Addresses, revision: str, typed: Collection[str] = ()) -> Card:
    """`typed` are the queue IDs that somebody typed: those that are no message are named."""
    result, moved = change.result, number(change)
    headline = f"put {plural(moved, 'message')} on hold on {deed.host}" if moved else f"held nothing on {deed.host}"
    undo = button(undo_label("hold.undo", moved), "hold.undo", packed(deed.host, result.key))
    return card(
        f"{deed.name} {headline}: {deed.what}",
        _headline(deed, headline),
        bulleted(_beside(result.counts, HELD, "held")),
        _in_flight(result.was_active),
        _way_back(deed.host, result.key) if moved else None,
        failures(change.outcomes, HELD, addresses, typed),
        last=[actions(f"hold:{revision}", [undo] if moved else [])],
    )


def released(
    deed: Deed,
    change: Change[Released],
    undo: str | None,
    addresses: Addresses,
    revision: str,
    typed: Collection[str] = (),
) -> Card:
    """`undo` is the value of the button that holds again what was released; None where nothing can be held again.

    `typed` as for held().
    """
    counts = change.result.counts
    moved = number(change)
    headline = f"released {plural(moved, 'message')} on {deed.host}" if moved else f"released nothing on {deed.host}"
    label = undo_label("release.undo", counts.get("released", 0))
    buttons = [button(label, "release.undo", undo)] if undo else []
    return card(
        f"{deed.name} {headline}: {deed.what}",
        _headline(deed, headline),
        bulleted(_beside(counts, RELEASED, "released")),
        *[say(line) for line in _release_notes(change.result)],
        failures(change.outcomes, RELEASED, addresses, typed),
        last=[actions(f"release:{revision}", buttons)],
    )


def number(done: Change[Held] | Change[Released]) -> int:
    """How many messages a hold or a release moved."""
    counts = done.result.counts
    return sum(counts.get(outcome, 0) for outcome in ("held", "released", "requeued"))


LEFT = ("in_delivery", "failed", "moving", "not_in_queue_yet")
"""Outcomes after which it is worth trying again."""


def left(done: Change[Held] | Change[Released]) -> int:
    """How many messages a hold or a release could not move for the moment."""
    return sum(done.result.counts.get(outcome, 0) for outcome in LEFT)


def undone(original: Sequence[Block], record: Record, left: int) -> Card:
    """A card whose undo was pressed: what was done stands below it, and the button counts what is left, or is gone."""
    kept = [block for block in original if block.get("type") != "actions" and block.get("block_id") != NOT_UNDONE]
    if not left:
        return card(record.text, *kept, last=[record.block])
    buttons = [_counting(block, left) for block in original if block.get("type") == "actions"]
    return card(record.text, *kept, record.block, last=[{**say(not_undone(left)), "block_id": NOT_UNDONE}, *buttons])


def _counting(row: Block, left: int) -> Block:
    """The row of buttons, its undo with another number."""
    elements = [
        {**each, "text": plain(undo_label(each["action_id"], left), 75)} if each.get("action_id") in UNDO else each
        for each in row["elements"]
    ]
    return {**row, "elements": elements}


NOT_UNDONE = "undo:left"
"""The block that says how many are left: the next press takes it away."""


def not_undone(left: int) -> str:
    return f"{plural(left, 'message')} could not be undone yet: press the button again in a minute."


UNDO: Mapping[str, str] = {"hold.undo": "Undo: release {}", "release.undo": "Undo: hold {} again"}


def undo_label(action_id: str, messages: int) -> str:
    return UNDO[action_id].format("it" if messages == 1 else f"these {messages:,}")


def undoing(by: str) -> Record:
    return Record("An undo is under way.", say([person(by), " is undoing this …"]))


def as_it_was(original: Sequence[Block]) -> Card:
    """The card again, with its buttons, after an undo that failed."""
    return card("The undo failed; it can be pressed again.", *original)


def undone_hold(by: str, at: str, change: Change[Released]) -> Record:
    moved = number(change)
    text = f"released {plural(moved, 'message')} again" if moved else "found nothing on hold to release"
    return _record(by, at, text, _beside(change.result.counts, RELEASED, "released"), _release_notes(change.result))


def undone_release(host: str, by: str, at: str, change: Change[Held]) -> Record:
    moved = number(change)
    text = f"put {plural(moved, 'message')} on hold again" if moved else "found nothing to hold again"
    notes = [f"To release them: /mail release {host} {change.result.key}"] if moved else []
    return _record(by, at, text, _beside(change.result.counts, HELD, "held"), notes)


def _record(by: str, at: str, text: str, counts: Sequence[Line], notes: Sequence[str]) -> Record:
    first = paragraph([bold("Undone: "), person(by), f" {text}, {at}."], *notes)
    return Record(f"Undone: {text}.", rich(first, bullets(*counts)) if counts else rich(first))


def _in_flight(was_active: int) -> Block | None:
    if not was_active:
        return None
    return say(
        f"{was_active:,} of the held came out of the active queue: what was being delivered at that very moment may "
        "still go out."
    )


def _way_back(host: str, key: str) -> Block:
    return say(
        ["Held mail is neither delivered nor sent back. To release it: ", code(f"/mail release {host} {key}")],
    )


def bulleted(lines: Sequence[Line]) -> Block | None:
    return rich(bullets(*lines)) if lines else None


def _headline(deed: Deed, text: str) -> Block:
    return say([person(deed.by), " ", bold(text), ": ", code(deed.what, 300)])


def counted(counts: Mapping[str, int], names: Mapping[str, str]) -> list[Line]:
    known: list[Line] = [[bold(f"{counts[name]:,}"), f" {text}"] for name, text in names.items() if counts.get(name)]
    # A newer agent may count what this bot has no words for.
    other: list[Line] = [
        [bold(f"{count:,}"), f" {name}"] for name, count in counts.items() if count and name not in names
    ]
    return [*known, *other]


def _beside(counts: Mapping[str, int], names: Mapping[str, str], told: str) -> list[Line]:
    """The counts, unless there is nothing but what the first line has told."""
    return [] if {name for name, count in counts.items() if count} <= {told} else counted(counts, names)


def _release_notes(result: Released) -> list[str]:
    notes = []
    if result.counts.get("requeued"):
        notes.append("What has a new queue ID can't be put back on hold from here.")
    if not result.mail_system_up:
        notes.append("Postfix is down: nothing is delivered until it runs again.")
    return notes


def failures(
    outcomes: Sequence[Outcome], names: Mapping[str, str], addresses: Addresses, typed: Collection[str] = ()
) -> Block | None:
    """The first few messages that something was wrong with, and what; then the `typed` IDs that are no message.

    An ID that was typed alone stands in the first line already.
    """
    wrong = [each for each in outcomes if each.outcome in ("failed", "moving", "changed", "in_delivery")]
    absent = [each for each in outcomes if each.outcome == "gone" and each.queue_id in typed and len(typed) > 1]
    return listed([*wrong, *absent], names, addresses)
