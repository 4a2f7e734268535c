"""What lies in the trash of the mail hosts, and what a restore brought back."""

from collections.abc import Mapping, Sequence

from bot.agent.outcomes import Deletion, TrashListing
from bot.approvals.model import Request, Restoration
from bot.text import Addresses, clock, duration, plural, size
from handlers.blocks.change import Deed
from handlers.blocks.kit import Block, Card, card, context, fits, table
from handlers.blocks.request_restored import beside, nothing_left, number_back
from handlers.blocks.rich import Line, bold, bullets, code, person, rich, say, words

HEADING = ("Key", "Deleted", "Kept", "Size", "Until", "By", "What")
RIGHT = (2, 3)
ROWS = 40
WIDTHS = (200, 80, 40)
MESSAGES = 20


def trash(host: str, listing: TrashListing, known: Mapping[str, Request]) -> Card:
    """The deletions of one host, for one person alone; `known` are this bot's requests, by key."""
    kept = [each for each in listing.deletions if each.kept or not each.finished]
    over = len(listing.deletions) - len(kept)
    title = f"{host}: {plural(sum(each.kept for each in kept), 'message')} in the trash, {size(listing.bytes)}"
    opening: list[Block] = [
        say(
            [bold(title)],
            f"Deleted mail is kept for {duration(listing.retention)} and takes its disk space until then; "
            f"{size(listing.free_bytes)} are free.",
            *(
                [["To bring mail back: ", code(f"/mail restore {kept[0].key}")]]
                if kept
                else ["There is nothing to restore."]
            ),
        )
    ]
    last = [context(_over(over, len(kept)))] if over or len(kept) > ROWS else []
    if not kept:
        return card(title, *opening, last=last)
    for width in WIDTHS:
        rows = [_row(each, known.get(each.key), width) for each in kept[:ROWS]]
        blocks = [*opening, table(HEADING, rows, width=width, right=RIGHT)]
        if fits([*blocks, *last]):
            break
    return card(title, *blocks, last=last)


def _over(over: int, kept: int) -> str:
    lines = []
    if kept > ROWS:
        lines.append(f"{plural(kept - ROWS, 'older deletion is', 'older deletions are')} not shown.")
    if over:
        lines.append(f"Of {plural(over, 'deletion')} nothing is kept any more: restored, purged, or final.")
    return " ".join(lines)


def _row(each: Deletion, request: Request | None, width: int) -> Sequence[str]:
    return (
        each.key,
        clock(each.begun),
        f"{each.kept:,} of {each.deleted:,}",
        size(each.bytes),
        _until(each),
        request.asked_by.name if request else "not asked for here",
        request.selector[: 2 * width] if request else "",
    )


def _until(each: Deletion) -> str:
    if not each.finished:
        return "not finished"
    return clock(each.until) if each.until is not None else "–"


def deletion(host: str, listing: TrashListing, request: Request | None) -> Card:
    """One deletion and the messages that are kept of it, for one person alone."""
    each = listing.deletions[0]
    title = f"{each.key} on {host}: {each.kept:,} of {plural(each.deleted, 'message')} in the trash"
    lines: list[Line] = [[bold(title)]]
    if each.kept:
        lines.append([f"To bring {'it' if each.kept == 1 else 'them'} back: ", code(f"/mail restore {each.key}")])
    if request:
        by = [", ", *_approved(request)] if request.decided_by else []
        lines.append(["Asked for by ", person(request.asked_by.id), *by, ": ", code(request.selector, 300)])
    facts: list[Line] = [f"Deleted {clock(each.begun)}{' for good' if each.final else ''}"]
    if not each.finished:
        facts.append("Not finished: the host is asked again until it is")
    if each.kept and each.until is not None:
        facts.append(
            f"{size(each.bytes)} of disk are taken until {clock(each.until)}; purged before then, they are free"
        )
    if each.overdue:
        facts.append(
            "1 of them is past its lifetime in the queue: restored, it stays on hold, because once released it would "
            "go back to its sender"
            if each.overdue == 1
            else f"{each.overdue:,} of them are past their lifetime in the queue: restored, they stay on hold, because "
            "once released they would go back to their senders"
        )
    if each.restored:
        facts.append(f"{plural(each.restored, 'message was', 'messages were')} restored")
    if each.purged is not None:
        facts.append(f"Purged {clock(each.purged)}")
    messages: list[Line] = [
        [code(one.queue_id, 40), f" {clock(one.arrival_time)}, {size(one.message_size)}, ", words(one.sender, 120)]
        for one in listing.messages[:MESSAGES]
    ]
    more = each.kept - len(messages)
    if messages and more > 0:
        messages.append(f"… and {more:,} more")
    return card(title, say(*lines), rich(bullets(*facts)), rich(bullets(*messages)) if messages else None)


def _approved(request: Request) -> Line:
    return ["approved by ", person(request.decided_by.id)] if request.decided_by else []


def restored(deed: Deed, key: str, done: Restoration, addresses: Addresses) -> Card:
    """What a restore brought back, as the channel sees it."""
    back = number_back(done)
    headline = f"restored {plural(back, 'message') if back else 'nothing'} on {deed.host}"
    return card(
        f"{deed.name} {headline}: {deed.what}",
        say([person(deed.by), " ", bold(headline), ": ", code(deed.what, 300)]),
        *beside(done, deed.host, key, addresses),
        say("Back in the queue, as before the deletion.") if back and set(done.counts) == {"restored"} else None,
        None if any(done.counts.values()) else say(nothing_left(deed.host, key)),
    )
