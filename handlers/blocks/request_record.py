"""The record of a request that is over: who, when, how, what came of it, and the way back."""

from dataclasses import dataclass
from datetime import datetime

from bot.approvals.endings import WRONG
from bot.approvals.model import Decision, Kind, Request, State
from bot.text import Addresses, clock, plural, shown_text, size
from handlers.blocks.change import bulleted, counted, not_undone, undo_label
from handlers.blocks.kit import Block, Card, Element, actions, button, card, confirm, packed
from handlers.blocks.outcomes import listed
from handlers.blocks.request_lines import at, people_line, small_print
from handlers.blocks.request_never import NEVER_BEGUN, briefly, never, plainly
from handlers.blocks.request_restored import number_back, restoration
from handlers.blocks.request_words import command, nothing, number_done, what, words_of
from handlers.blocks.rich import Line, bold, code, person, say

RESTORATIONS = 3
"""So many restores are told, the latest ones."""
SAYABLE = 200
"""A longer selector is not repeated in a command to type: a cut one would mean other mail."""


@dataclass(frozen=True, slots=True)
class Undone:
    """A hold that was undone by its button: by whom (an ID), when, how many messages were released, in all.

    `left` of them could not be released yet.
    """

    by: str
    at: datetime
    moved: int
    left: int = 0


def record(request: Request, addresses: Addresses, head: str, undone: Undone | None = None) -> Card:
    """What stays in the channel: no button decides anything any more."""
    if request.state in NEVER_BEGUN:
        return never(request, addresses, head)
    result = request.result
    words = words_of(request)
    headline = _headline(request, undone)
    counts = {name: count for name, count in (result.counts if result else {}).items() if count}
    beside = {} if set(counts) <= {words.outcomes[0]} else counts
    return card(
        f"{headline}: {what(request, addresses)}",
        say([bold(f"{headline}: "), code(what(request, addresses), 300)], people_line(request)),
        *[say(line) for line in _why(request, addresses)],
        bulleted(counted(beside, words.names)),
        *[say(line) for line in _notes(request, undone)],
        _failures(request, addresses),
        *[
            block
            for each in request.restorations[-RESTORATIONS:]
            for block in restoration(each, request.host, request.key, addresses)
        ],
        say(_undone(undone)) if undone else None,
        last=[
            actions(f"request:{request.id}:{request.revision}", _buttons(request, undone)),
            small_print(request, f"audit {head}" if head else ""),
        ],
    )


def _headline(request: Request, undone: Undone | None = None) -> str:
    words = words_of(request)
    done = number_done(request)
    if not done:
        return nothing(request).rstrip(".")
    amount = (
        plural(done, "message") if done == request.messages else f"{done:,} of {plural(request.messages, 'message')}"
    )
    instead = f", instead of {_instead(request)}" if request.decision is Decision.HOLD else ""
    return f"{words.past.capitalize()} {amount}{words.tail} on {request.host}{instead}{_since(request, done, undone)}"


def _since(request: Request, done: int, undone: Undone | None) -> str:
    """What is not so any more: how much of it was restored, or released."""
    back, what = sum(map(number_back, request.restorations)), "restored"
    if undone:
        back, what = undone.moved, "released"
    if not back:
        return ""
    return f", {what} since" if back >= done else f", {back:,} of them {what} since"


def _instead(request: Request) -> str:
    return "sending back" if request.kind is Kind.EXPIRE else "deleting"


def _why(request: Request, addresses: Addresses) -> list[Line]:
    """Why it failed, and what can be asked for instead."""
    result = request.result
    if result is None:
        return []
    keeps = request.kind is Kind.DELETE  # a final one needs the trash folder for its journal alone
    without = "Nothing could be kept, so nothing was deleted" if keeps else "Nothing was deleted"
    text = result.text or (f"{without}: {result.not_kept}" if result.not_kept else "")
    lines: list[Line] = [shown_text(text, addresses)] if text else []
    if result.not_kept and keeps:
        them = "it" if request.messages == 1 else "them"
        lines.append([f"To delete {them} without a way back, ask for that: ", code(_finally(request, addresses))])
    return lines


def _finally(request: Request, addresses: Addresses) -> str:
    shown = what(request, addresses)
    selector = shown if shown == request.selector and len(shown) <= SAYABLE else "…"
    return f"{command(request)} {selector} --final"


def _notes(request: Request, undone: Undone | None) -> list[Line]:
    """What is not over with the end of it: mail in flight, disk, the way back."""
    result = request.result
    if result is None:
        return []
    lines: list[Line] = []
    if result.in_flight:
        lines.append(
            f"{result.in_flight:,} of the deleted {'was' if result.in_flight == 1 else 'were'} being delivered at that "
            "very moment and may still arrive."
        )
    if result.was_active and request.decision is Decision.HOLD:
        lines.append(
            f"{result.was_active:,} of the held came out of the active queue: what was being delivered at that very "
            "moment may still go out."
        )
    if result.unproven:
        lines.append(
            f"{plural(result.unproven, 'message')} on hold will lose the mark: once released, Postfix takes "
            f"{'it' if result.unproven == 1 else 'them'} in anew under a new queue ID and tries to deliver. To send "
            "mail on hold back all the same, release it first and expire it then."
        )
    if request.decision is Decision.HOLD:
        if number_done(request) and (not undone or undone.left):
            lines.append(
                [
                    "Held mail is neither delivered nor sent back. To release it: ",
                    code(f"/mail release {request.host} {request.key}"),
                ]
            )
    elif request.kind is Kind.DELETE and number_done(request):
        lines += _trash(request)
    elif request.kind is Kind.EXPIRE and number_done(request):
        lines.append("This mail goes back to its senders at the next delivery attempt.")
    elif request.kind in (Kind.FINAL, Kind.PURGE) and number_done(request):
        lines.append("Nothing brings this mail back.")
    return lines


def _trash(request: Request) -> list[Line]:
    result = request.result
    if request.purged_at:
        return [f"The trash was purged of it, {at(request.purged_at)}: nothing brings it back."]
    if not request.left_in_trash:
        return ["Nothing of it is in the trash any more."] if request.restorations else []
    until = f" until {clock(result.kept_until)}" if result and result.kept_until is not None else ""
    one = request.left_in_trash == 1
    return [
        f"{plural(request.left_in_trash, 'message')} {'stays' if one else 'stay'} in the trash of {request.host}"
        f"{until}{_takes(request)}.",
        [f"To bring {'it' if one else 'them'} back: ", code(f"/mail restore {request.key}")],
    ]


def _takes(request: Request) -> str:
    """`: 1.5 MiB of mail, which takes 2.0 MiB of disk`: a queue file holds more than the message."""
    result = request.result
    if not result or not result.kept_bytes or request.restorations:
        return ""  # The host says how much the whole of a deletion takes, not what is left of it.
    disk = f"{size(result.kept_bytes)} of disk"
    whole = request.left_in_trash == request.messages
    return f": {size(request.preview.bytes)} of mail, which takes {disk}" if whole else f"; they take {disk}"


def _buttons(request: Request, undone: Undone | None) -> list[Element]:
    buttons = []
    on_hold = undone.left if undone else number_done(request)
    if request.decision is Decision.HOLD and on_hold:
        buttons.append(button(undo_label("hold.undo", on_hold), "hold.undo", packed(request.host, request.key)))
    if request.left_in_trash and not request.purged_at:
        label = f"Restore {plural(request.left_in_trash, 'message')}"
        dialog = confirm(
            f"{label} on {request.host}?",
            f"{_comes_back(request.left_in_trash)} What was on hold before the deletion comes back on hold, and so "
            "does what is past its lifetime in the queue.",
            "Restore",
        )
        buttons.append(button(label, "request.restore", packed(request.id, request.revision), confirm=dialog))
    return [*buttons, button("Whole list", "request.list", packed(request.id, request.revision))]


def _comes_back(messages: int) -> str:
    if messages == 1:
        return "It comes back into the queue as it was, and Postfix goes on with it: it will be delivered."
    return "They come back into the queue as they were, and Postfix goes on with them: they will be delivered."


def _failures(request: Request, addresses: Addresses) -> Block | None:
    """The first few messages that something was wrong with, and what."""
    if not request.result:
        return None
    total = sum(request.result.counts.get(outcome, 0) for outcome in WRONG)
    return listed(request.result.failures, words_of(request).names, addresses, total)


def _undone(undone: Undone) -> Line:
    left = f" {not_undone(undone.left)}" if undone.left else ""
    moved = plural(undone.moved, "message")
    return [bold("Undone: "), person(undone.by), f" released {moved} again, {at(undone.at)}.{left}"]


# The message in the card's thread that tells the asker how it ended ---------------------------------------------------


def ended(request: Request) -> Card:
    """What is told in the thread, where a mention reaches the person who asked."""
    text = f"{request.key}: {_ended(request)}"
    shown = [f"{request.key}: {nothing(request)} ", *briefly(request)] if request.state in NEVER_BEGUN else [text]
    return card(text, say([person(request.asked_by.id), " ", *shown]))


def _ended(request: Request) -> str:
    if request.state in NEVER_BEGUN:
        return f"{nothing(request)} {plainly(request)}"
    headline = f"{_headline(request)}."
    if request.state is State.FAILED:
        return f"{headline} The card says why."
    if request.left_in_trash:
        return f"{headline} /mail restore {request.key} brings back what is in the trash."
    return headline
