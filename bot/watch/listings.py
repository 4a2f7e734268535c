"""What the rules read from a listing of the queue: who and what has most of it, and how long it waits."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from bot.agent.protocol import MAX_TEXT, Count, Info, Listing, Selection, Tally, Term
from bot.text import duration, plural, share
from bot.watch.model import Reading
from bot.watch.observing import Observed
from bot.watch.rules import Judgement, Rule

NOT_HELD = Selection((Term("queue", "hold", negated=True),))
"""What is listed: mail on hold waits for nobody but us."""

BEHIND = 10
"""So many messages of the first sender are read, to learn which login they came by."""

NULL_SENDER = "MAILER-DAEMON"

TOP = 5
"""So many senders, domains and reasons are looked at, and kept, of each listing."""


def summary(listing: Listing) -> dict[str, Any]:
    """A listing as it is kept, in JSON's types; its addresses are forgotten with it."""
    found = listing.summary
    tops = {"senders": found.senders, "domains": found.domains, "reasons": found.reasons}
    return {
        "messages": found.messages,
        "bytes": found.bytes,
        "oldest": found.oldest.arrival_time if found.oldest else None,
        "expires_at": found.expires_at,
        "expiring": found.expiring,
        **{name: [[each.name, each.messages] for each in tally.top[:TOP]] for name, tally in tops.items()},
    }


def readings(listing: Listing, grown: int | None, rules: Mapping[str, Rule]) -> Observed:
    """What a listing of NOT_HELD says. `grown` is by how many messages the queue grew in 15 minutes; None: not known.

    A listing that broke off says nothing: what it holds is a part of the queue, and not a fair one.
    """
    if not listing.complete:
        return {}
    found = listing.summary
    deferred = found.queues["deferred"].messages if "deferred" in found.queues else 0
    return {
        "sender": _senders(listing, grown, rules["sender"]),
        "reason": _reasons(found.reasons, deferred, rules["reason"]),
        "destination": _destinations(found.domains, found.messages, deferred, rules["destination"]),
        "oldest": [_oldest(listing, rules["oldest"])],
        "expiring": [_expiring(listing)],
    }


def held(info: Info) -> Observed:
    """Mail on hold that no hold, request or journal of ours explains."""
    messages = info.held_unexplained
    if messages is None:
        return {"held": [Reading("", None)]}
    text = f"{plural(messages, 'message is', 'messages are')} on hold by somebody else's doing."
    cause = "Held by hand (postsuper -h), by an access rule (HOLD), or by a filter. Held mail never expires."
    return {"held": [Reading("", messages, text, cause, "hold")]}


def _senders(listing: Listing, grown: int | None, rule: Rule) -> list[Reading]:
    """The senders with most of the queue, each an alert of its own: a hacked account, as a rule."""
    found = listing.summary
    if not found.messages or found.messages < rule.least:
        return []
    others = [each for each in found.senders.top[:TOP] if each.name != NULL_SENDER]
    seen = [_sender(each, listing) for each in others]
    if grown is not None and grown > 0:
        return seen
    # A queue that does not grow begins no alert, and ends none.
    return [each.undecided(rule, each.value) if rule.judge(each.value or 0) is Judgement.BAD else each for each in seen]


def _sender(sender: Count, listing: Listing) -> Reading:
    messages = listing.summary.messages
    percent = 100 * sender.messages / messages
    text = f"{sender.name} has {sender.messages:,} of {plural(messages, 'message')}."
    behind, selector = listing.behind, f"from:{_quoted(sender.name)}"
    if behind is None or behind.sender != sender.name or not behind.read:
        return Reading(sender.name, percent, text, "", selector)
    if not behind.logins:
        cause = f"It came without a login ({behind.read} were looked at): from an address that may relay, or from here."
        return Reading(sender.name, percent, text, cause, selector)
    login = behind.logins[0]
    clients = f", from {behind.clients[0].name}" if len(behind.clients) == 1 else ""
    cause = f"Sent by the login {login.name} ({login.messages} of {behind.read} that were looked at){clients}."
    return Reading(sender.name, percent, text, f"{cause} A hacked account?", f"login:{_quoted(login.name)}")


def _reasons(reasons: Tally, deferred: int, rule: Rule) -> list[Reading]:
    if not deferred or deferred < rule.least:
        return []
    return [
        Reading(
            each.name,
            min(100.0, 100 * each.messages / deferred),
            f"{_part(each, deferred)} of the deferred mail: {each.name}",
            _meaning(each.name),
            "deferred",
        )
        for each in reasons.top[:TOP]
    ]


def _destinations(domains: Tally, messages: int, deferred: int, rule: Rule) -> list[Reading]:
    if not messages or deferred < rule.least:
        return []
    cause = "That destination is down, slow, or refuses us."
    return [
        Reading(
            each.name,
            100 * each.messages / messages,
            f"{_part(each, messages)} of the queue goes to {each.name}.",
            cause,
            f"to:@{_quoted(each.name)}",
        )
        for each in domains.top[:TOP]
    ]


def _oldest(listing: Listing, rule: Rule) -> Reading:
    found = listing.summary
    if found.oldest is None or not found.ages:
        return Reading("", 0, "No message waits.")
    waits = listing.taken_at - found.oldest.arrival_time
    text = f"The oldest message waits for {duration(waits)}; {plural(found.ages[-1], 'message')} for a day or so."
    if found.ages[-1] < rule.least:
        return Reading("", 0, text, measured=False)
    return Reading("", waits / 3600, text, "", "older:21h")


def _expiring(listing: Listing) -> Reading:
    found = listing.summary
    text = f"{plural(found.expiring, 'message goes back', 'messages go back')} to their senders within 12 hours."
    if found.expires_at is not None and found.expiring:
        first = found.expires_at - listing.taken_at
        text += f" The first {'at its next attempt' if first <= 0 else f'in {duration(first)}'}."
    return Reading("", found.expiring, text, "What could not be delivered until then is returned undelivered.")


def _part(count: Count, whole: int) -> str:
    return f"{count.messages:,} messages ({share(min(count.messages, whole), whole)})"


MEANINGS = (
    ("blocked using", "A blocklist names this host: /mail rbl says which."),
    ("spamhaus", "A blocklist names this host: /mail rbl says which."),
    ("blocklist", "A blocklist names this host: /mail rbl says which."),
    ("blacklist", "A blocklist names this host: /mail rbl says which."),
    ("reputation", "The provider does not trust this host: /mail check says what it misses."),
    ("unauthenticated", "SPF or DKIM does not pass: /mail check auth says why."),
    ("spf", "SPF does not pass: /mail check auth says why."),
    ("dkim", "DKIM does not pass: /mail check auth says why."),
    ("dmarc", "DMARC does not pass: /mail check auth says why."),
    ("ptr", "The address has no good name: /mail check dns says why."),
    ("reverse dns", "The address has no good name: /mail check dns says why."),
    ("rate limit", "The receiver limits how much it takes at a time."),
    ("too many", "The receiver limits how much it takes at a time."),
    ("connection timed out", "Nothing answers there, or port 25 is closed on the way: /mail check tls tries it."),
    ("connection refused", "Nothing takes mail there at the moment."),
    ("network is unreachable", "There is no way to that network from this host."),
    ("host not found", "A name can't be resolved: look at the host's resolver."),
    ("name service error", "A name can't be resolved: look at the host's resolver."),
    ("tls", "TLS can't be agreed on: /mail check tls says more."),
    ("certificate", "A certificate is not believed: /mail check tls says more."),
    ("over quota", "The mailbox is full."),
    ("mailbox full", "The mailbox is full."),
    ("greylist", "Greylisting: it goes through at a later attempt."),
)
"""What words in a reason mean for whoever runs the host; those that come first in it count."""


_PIECES = re.compile(rf"\b(?:{'|'.join(re.escape(piece) for piece, _ in MEANINGS)})\b")


def _meaning(reason: str) -> str:
    found = re.search(_PIECES, reason[:MAX_TEXT].lower())
    return dict(MEANINGS)[found[0]] if found else ""


def _quoted(value: str) -> str:
    """A value as it is typed in a selector."""
    return f'"{value}"' if any(each.isspace() for each in value) else value
