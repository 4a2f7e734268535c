"""`show`: one message, its envelope and headers by postcat(1), its reasons by the log in `defer`. Never the body."""

from __future__ import annotations

import os
import re
from typing import Dict, Iterator, List, Tuple

from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.protocol import MAX_RECIPIENTS_SHOWN, MAX_TEXT, Message, QueuedMessage, Recipient

MAX_HEADERS = 200
MAX_LOG = 1024 * 1024

# What Postfix itself saw or made; the rest of the named attributes is its own bookkeeping.
ATTRIBUTES = (
    "sasl_username", "sasl_method", "sasl_sender", "client_name", "client_address", "client_port", "helo_name",
    "protocol_name", "log_ident", "log_client_name", "log_client_address", "log_helo_name", "log_protocol_name",
    "message_origin", "log_message_origin", "create_time",
)  # fmt: skip

_HEADER = re.compile(r"([!-9;-~]{1,200}):[ \t]*(.*)")


def show(system: MailSystem, queue_id: str) -> Message:
    """Raises AgentError(bad_request) when there is no such message in the queue."""
    place, identity = system.look(queue_id)
    if place is None:
        raise AgentError(
            "bad_request",
            f"There is no message {queue_id} in the queue. It was delivered, bounced, deleted or requeued.",
        )
    if place.queue == "maildrop":
        raise AgentError(
            "bad_request",
            f"{queue_id} still lies in maildrop: Postfix has yet to pick it up, and will give it another ID.",
        )
    if identity is None:
        raise AgentError("internal", f"The queue file of {queue_id} in {place.queue} is damaged and can't be read.")
    recipients: List[str] = []
    attributes: Dict[str, str] = {}
    for name, value in _envelope(system.postfix.envelope(queue_id)):
        if name == "recipient":
            recipients.append(value)
        elif name == "named_attribute":
            attribute, _, text = value.partition("=")
            if attribute in ATTRIBUTES:
                attributes.setdefault(attribute, text[:MAX_TEXT])
    why = reasons(system, queue_id)
    headers = list(_headers(system.postfix.headers(queue_id)))
    return Message(
        queued=QueuedMessage(
            queue_name=place.queue,
            queue_id=queue_id,
            arrival_time=identity.arrival_time,
            message_size=identity.message_size,
            sender=identity.sender[:MAX_TEXT],
            recipients=tuple(
                Recipient(each[:MAX_TEXT], why.get(each, "")[:MAX_TEXT]) for each in recipients[:MAX_RECIPIENTS_SHOWN]
            ),
            recipient_count=len(recipients),
            # Postfix marks a message that was made to expire by the group's execute bit (postsuper(1), -e).
            forced_expire=bool(place.status.st_mode & 0o010),
        ),
        attributes=attributes,
        headers=tuple(headers[:MAX_HEADERS]),
        headers_cut=len(headers) > MAX_HEADERS,
    )


def _envelope(lines: Iterator[str]) -> Iterator[Tuple[str, str]]:
    for line in lines:
        name, colon, value = line.partition(": ")
        if colon and not line.startswith("***"):
            yield name.strip(), value


def _headers(lines: Iterator[str]) -> Iterator[Tuple[str, str]]:
    """Header fields with their folded lines joined (RFC 5322 section 2.2.3)."""
    name = value = ""
    for line in lines:
        match = _HEADER.match(line)
        if line[:1] in (" ", "\t") and name:
            value = f"{value} {line.strip()}"[:MAX_TEXT]
        elif match:
            if name:
                yield name, value
            name, value = match[1], match[2][:MAX_TEXT]
    if name:
        yield name, value


def reasons(system: MailSystem, queue_id: str) -> Dict[str, str]:
    """Why each recipient is deferred: `recipient=` and `reason=` in the records of bounce(8)'s log."""
    try:
        descriptor = system.queues.open("defer", queue_id)
    except FileNotFoundError:
        return {}
    with os.fdopen(descriptor, "rb") as file:
        lines = file.read(MAX_LOG).decode("utf-8", "replace").split("\n")
    found: Dict[str, str] = {}
    recipient = ""
    for line in lines:
        name, _, value = line.partition("=")
        if name == "recipient":
            recipient = value
        elif name == "reason":
            found[recipient] = value
    return found
