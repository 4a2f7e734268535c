"""The card of a request to destroy mail: what is meant and what will happen, for the person who decides."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.agent.protocol import Tally
from bot.approvals.model import Kind, Request, State
from bot.errors import SelectorError
from bot.mailhost.selector import parse
from bot.mailhost.verdict import at_least
from bot.text import Addresses, clock, duration, listed, plural, shown_address, shown_text, size
from handlers.blocks.kit import Card, Element, actions, button, card, confirm, packed
from handlers.blocks.request_lines import at, small_print
from handlers.blocks.request_record import Undone, record
from handlers.blocks.request_under_way import under_way
from handlers.blocks.request_words import asked, confirmed, kept_for, what
from handlers.blocks.rich import Line, bold, bullets, code, joined, paragraph, person, rich, say, words

TOP = 3
SAMPLE = 5
WIDTH = 120


@dataclass(frozen=True, slots=True)
class Deciders:
    """Who may approve: entries of the roster. `asker_too` says that the asker may confirm their own request.

    `typed` says that the number of messages has to be typed for it.
    """

    who: tuple[str, ...]
    asker_too: bool = False
    typed: bool = False


def request_card(
    request: Request, deciders: Deciders, addresses: Addresses, head: str = "", undone: Undone | None = None
) -> Card:
    """The card as the request is now. For the records: `head` is the audit chain's, as `57:9f2c…`."""
    if request.state is State.PENDING:
        return pending(request, deciders, addresses)
    if not request.state.over:
        return under_way(request, addresses)
    return record(request, addresses, head, undone)


def pending(request: Request, deciders: Deciders, addresses: Addresses) -> Card:
    preview = request.preview
    shown = what(request, addresses)
    return card(
        f"{request.asked_by.name} asks to {asked(request)}: {shown}",
        say(
            [person(request.asked_by.id), " asks to ", bold(asked(request)), ": ", code(shown, 300)],
            _who(request, deciders),
        ),
        rich(bullets(*_size(request))),
        rich(*_tallies(request, addresses)) if _tallies(request, addresses) else None,
        rich(paragraph([bold(_sample_title(request))]), bullets(*_sample(request, addresses)))
        if preview.sample
        else None,
        rich(paragraph([bold("If it is approved")]), bullets(*_consequences(request))),
        last=[
            actions(f"request:{request.id}:{request.revision}", _buttons(request, deciders)),
            small_print(request, f"asked {at(request.asked_at)}"),
        ],
    )


def _who(request: Request, deciders: Deciders) -> Line:
    until = clock(request.expires_at.timestamp())
    who = [each for each in deciders.who if deciders.asker_too or each != request.asked_by.id][:20]
    if not who:
        return f"Until {until} an approver can decide; the setting APPROVERS names nobody who may."
    typed = " It takes typing the number." if deciders.typed else ""
    return [f"Who may approve, until {until}: ", *joined([person(each) for each in who], "or"), f".{typed}"]


def _size(request: Request) -> list[Line]:
    preview = request.preview
    queues = [f"{name} {count:,}" for name, count in (preview.queues or {}).items() if count]
    where = f": {listed(queues)}" if queues else ""
    # What a purge is of has been measured on the disk; mail in the queue by what Postfix calls its size.
    of = "disk" if request.kind is Kind.PURGE else "mail"
    lines: list[Line] = [f"{plural(preview.messages, 'message')}, {size(preview.bytes)} of {of}{where}"]
    if absent := _absent(request):
        lines.append(absent)
    now = request.asked_at.timestamp()
    if preview.messages == 1 and preview.oldest is not None:
        lines.append(f"It is {duration(now - preview.oldest)} old")
    elif preview.oldest is not None and preview.newest is not None:
        lines.append(f"The oldest is {duration(now - preview.oldest)} old, the newest {duration(now - preview.newest)}")
    if request.selector == "all" and request.kind is not Kind.PURGE:
        lines.append([bold(f"This is every message that was in the queue of {request.host}.")])
    return lines


def _absent(request: Request) -> str:
    """The queue IDs that were typed and are no mail in the queue: nothing was asked for those."""
    if request.kind is Kind.PURGE:
        return ""
    try:
        typed = parse(request.selector).ids
    except SelectorError:
        return ""  # Asked for by another version of this bot, which knew other words.
    preview = request.preview
    absent = len(typed) - preview.messages
    if absent < 1:
        return ""
    which = ""
    if len(preview.sample) == preview.messages:
        there = {each.identity.queue_id for each in preview.sample}
        names = [each for each in typed if each not in there]
        which = f": {listed(names[:SAMPLE])}{f' and {len(names) - SAMPLE} more' if len(names) > SAMPLE else ''}"
    be = "is" if absent == 1 else "are"
    return f"{absent} of the {len(typed)} queue IDs {be} not in the queue of {request.host}{which}"


def _tallies(request: Request, addresses: Addresses) -> list[Element]:
    preview = request.preview
    if preview.messages == 1 and preview.sample:
        return _tally("Why it waits", preview.reasons, lambda reason: shown_text(reason, addresses))
    return [
        *_tally("From whom", preview.senders, lambda sender: shown_address(sender, addresses)),
        *_tally("To where", preview.domains, lambda domain: domain),
        *_tally("Why it waits", preview.reasons, lambda reason: shown_text(reason, addresses)),
    ]


def _tally(title: str, tally: Tally, show: Callable[[str], str]) -> list[Element]:
    lines: list[Line] = [
        [f"{at_least(each.messages, tally)}  ", words(show(each.name), WIDTH)] for each in tally.top[:TOP]
    ]
    return [paragraph([bold(title)]), bullets(*lines)] if lines else []


def _sample_title(request: Request) -> str:
    shown = min(SAMPLE, len(request.preview.sample))
    return (
        "The message" if request.messages == 1 else f"The oldest {shown} of them" if shown > 1 else "The oldest of them"
    )


def _sample(request: Request, addresses: Addresses) -> list[Line]:
    lines: list[Line] = []
    now = request.asked_at.timestamp()
    for each in request.preview.sample[:SAMPLE]:
        more = max(each.recipient_count, len(each.recipients)) - 1
        to = shown_address(each.recipients[0].address, addresses) if each.recipients else "nobody that is left"
        lines.append(
            [
                code(each.queue_id, 40),
                f" {duration(now - each.arrival_time)}, {size(each.message_size)}, from ",
                words(shown_address(each.sender, addresses), WIDTH),
                " to ",
                words(to, WIDTH),
                *([f" and {more:,} more"] if more > 0 else []),
            ]
        )
    return lines


def _consequences(request: Request) -> list[Line]:
    exactly = "this message" if request.messages == 1 else f"these {request.messages:,} messages"
    arrives = f"Exactly {exactly} will be touched: mail that arrives later is not meant, whatever it looks like."
    return [*CONSEQUENCES[request.kind](request), *([] if request.kind is Kind.PURGE else [arrives])]


def _deleted(request: Request) -> list[Line]:
    return [
        "This mail leaves the queue undelivered, and nobody is told.",
        [
            f"The trash of {request.host} keeps it {kept_for(request)}; until then ",
            code(f"/mail restore {request.key}"),
            " brings it back.",
        ],
        "No disk space becomes free before that: its queue files, which are somewhat larger than the mail in them, "
        "stay there until they are purged.",
    ]


def _deleted_for_good(_: Request) -> list[Line]:
    return [
        [bold("Nothing brings this mail back.")],
        "It leaves the queue undelivered, and nobody is told. The disk space of its queue files becomes free.",
    ]


def _expired(_: Request) -> list[Line]:
    return [
        "This mail goes back to its senders as undeliverable, at the next delivery attempt.",
        [
            bold("Beware of backscatter: "),
            "where a sender is forged, as in most spam, the bounce goes to a stranger, and other servers may block "
            "this host for it. Such mail is better deleted.",
        ],
    ]


def _purged(request: Request) -> list[Line]:
    return [
        [bold("Nothing brings this mail back.")],
        [
            "What ",
            code(request.target_key),
            f" deleted is destroyed in the trash of {request.host}; {size(request.preview.bytes)} of disk become free.",
        ],
    ]


CONSEQUENCES: dict[Kind, Callable[[Request], list[Line]]] = {
    Kind.DELETE: _deleted,
    Kind.FINAL: _deleted_for_good,
    Kind.EXPIRE: _expired,
    Kind.PURGE: _purged,
}


LABELS = {
    Kind.DELETE: "Delete {}",
    Kind.FINAL: "Delete {} for good",
    Kind.EXPIRE: "Send {} back",
    Kind.PURGE: "Purge {}",
}


def approve_label(request: Request) -> str:
    return LABELS[request.kind].format(plural(request.messages, "message"))


def _buttons(request: Request, deciders: Deciders) -> list[Element]:
    value = packed(request.id, request.revision)
    label = approve_label(request)
    # Where the number has to be typed, the window that asks for it stands in for the dialog.
    dialog = confirm(f"{label} on {request.host}?", confirmed(request), _yes(request))
    hold = button("Hold instead", "request.hold", value)
    return [
        button(f"{label} …", "request.approve", value, style="danger")
        if deciders.typed
        else button(label, "request.approve", value, style="danger", confirm=dialog),
        button("Deny", "request.deny", value),
        *([] if request.kind is Kind.PURGE else [hold]),
        button("Whole list", "request.list", value),
        button("Cancel request", "request.cancel", value),
    ]


def decisions(request: Request, typed: bool) -> list[Element]:
    """The buttons of somebody who may decide, for another place than the card; the asker's own is not among them."""
    made = _buttons(request, Deciders((), typed=typed))
    return [each for each in made if each["action_id"] != "request.cancel"]


def _yes(request: Request) -> str:
    return LABELS[request.kind].format(f"{request.messages:,}")[:30]
