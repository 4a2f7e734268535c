"""One queued message: envelope, who submitted it, each recipient with its reason, headers; never the body."""

from collections.abc import Collection, Mapping, Sequence

from bot.agent.protocol import Identity, Message, QueuedMessage
from bot.errors import UserError
from bot.text import clock, duration, plural, size
from handlers.blocks.kit import Block, Card, Element, actions, button, card, confirm, context, packed, unpacked
from handlers.blocks.rich import Line, bold, bullets, code, paragraph, preformatted, rich, say, words

RECIPIENTS = 10
ADDRESS = 160
REASON = 240
HEADERS = 2500
"""So many recipients, with so many characters each, leave room for the headers in one message."""

# What can be done with a message, by the queue that it lies in.
POSSIBLE: Mapping[str, tuple[str, ...]] = {
    "deferred": ("flush", "hold"),
    "active": ("hold",),
    "incoming": ("hold",),
    "hold": ("release",),
}

BUTTONS = {"flush": "Flush", "hold": "Hold", "release": "Release"}
CONFIRMED = {
    "hold": "It stays in the queue, undelivered and without expiring, until someone releases it.",
    "release": "Postfix goes on with it as with any other message.",
    "flush": "Postfix tries to deliver it now. Nothing is deleted.",
}


def message(host: str, shown: Message, now: float, verbs: Collection[str], revision: str) -> Card:
    """The message with buttons for those of `verbs` that are possible where it lies."""
    queued = shown.queued
    opening = (
        f"{queued.queue_id} on {host}: {queued.queue_name}, {duration(now - queued.arrival_time)} old, "
        f"{size(queued.message_size)}"
    )
    lines: list[Line] = [
        [code(queued.queue_id), bold(opening.removeprefix(queued.queue_id))],
        ["From: ", words(queued.sender, 2 * ADDRESS)],
    ]
    if queued.forced_expire:
        lines.append("It is marked as expired: at its next attempt it goes back to its sender.")
    return card(
        opening,
        say(*lines),
        rich(paragraph([bold("Submitted by")]), bullets(*_submitter(shown.attributes))),
        rich(paragraph([bold(_to_whom(queued.recipient_count or len(queued.recipients)))]), _recipients(queued)),
        rich(paragraph([bold("Headers")]), preformatted(_headers(shown), HEADERS)),
        last=[
            _buttons(
                host, queued.identity, [verb for verb in POSSIBLE.get(queued.queue_name, ()) if verb in verbs], revision
            ),
            context(f"Arrived {clock(queued.arrival_time)}. Only you see this."),
        ],
    )


def _submitter(attributes: Mapping[str, str]) -> list[Line]:
    """Who submitted it, by the envelope's named attributes, which mail cannot forge."""
    login, method = attributes.get("sasl_username", ""), attributes.get("sasl_method", "")
    name, address = attributes.get("client_name", ""), attributes.get("client_address", "")
    helo, protocol = attributes.get("helo_name", ""), attributes.get("protocol_name", "")
    known: list[Line] = []
    if login:
        known.append(["Login: ", words(f"{login} ({method})" if method else login, REASON)])
    if name or address:
        client = f"{name} [{address}]" if address else name
        greeting = "".join(f", {said}" for said in (f"HELO {helo}" if helo else "", protocol) if said)
        known.append(["Client: ", words(f"{client.strip()}{greeting}", REASON)])
    return known or ["Not known: it came from this host itself, or the queue file does not say."]


def _to_whom(recipients: int) -> str:
    return f"To {plural(recipients, 'recipient')}" if recipients else "No recipient is left to deliver to"


def _recipients(queued: QueuedMessage) -> Element:
    lines: list[Line] = []
    for each in queued.recipients[:RECIPIENTS]:
        reason = [": ", words(each.delay_reason, REASON)] if each.delay_reason else [" (not tried yet)"]
        lines.append([words(each.address, ADDRESS), *reason])
    more = max(queued.recipient_count, len(queued.recipients)) - len(lines)
    if more > 0:
        lines.append(f"… and {more:,} more")
    return bullets(*lines or ["All of its recipients are done."])


def _headers(shown: Message) -> list[str]:
    lines = [f"{name}: {value}" for name, value in shown.headers]
    return [*lines, "(there are more; they were cut)"] if shown.headers_cut else lines


def _buttons(host: str, identity: Identity, verbs: Sequence[str], revision: str) -> Block | None:
    try:
        value = packed(host, identity.queue_id, identity.arrival_time, identity.message_size, identity.sender)
    except UserError:
        # A sender of thousands of characters doesn't fit into a button. `/mail hold ID` still does it.
        return None
    buttons = [
        button(
            BUTTONS[verb],
            f"message.{verb}",
            value,
            confirm=confirm(f"{BUTTONS[verb]} {identity.queue_id}?", CONFIRMED[verb], BUTTONS[verb]),
        )
        for verb in verbs
    ]
    return actions(f"message:{revision}", buttons)


def identity(value: str) -> tuple[str, Identity]:
    """The host and the message that a button's value remembers. Raises UserError when it is none."""
    host, queue_id, arrival_time, message_size, sender = unpacked(value, str, str, int, int, str)
    return host, Identity(queue_id, arrival_time, message_size, sender)
