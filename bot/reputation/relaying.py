"""Whether a mail server takes mail from strangers for strangers: tried as far as RCPT, and reset (RFC 5321 §4.1.1.5).

Codes: smtp.open_relay smtp.relay_unknown smtp.relay_not_tested.
"""

from __future__ import annotations

from bot.reputation.conversation import Recipient, Reply, Talk
from bot.reputation.findings import Finding, Severity

SOURCE = "RFC 5321 §7.9; Postfix's smtpd_relay_restrictions"

FOREIGN = "maildesk-relay-test@gmail.com"
"""An address that no server but its own has to take mail for; nothing is ever sent to it."""


def recipients(domain: str, foreign: str) -> tuple[Recipient, ...]:
    """From nobody, and from the server's own domain, which some believe without proof."""
    return Recipient("", foreign), Recipient(f"postmaster@{domain}", foreign)


def judge(name: str, seen: Talk, foreign: str) -> tuple[Finding, ...]:
    """Nothing where it was not tried, and nothing where it was refused for good."""
    said = tuple(f"RCPT TO:<{foreign}>: {reply.shown}" for reply in seen.relayed)
    if any(200 <= reply.code < 300 for reply in seen.relayed):
        if seen.local == seen.remote:
            text = f"The bot runs on {name} itself, which relays for its own machine, so relaying could not be tried."
            advice = "Try it from a machine that is not in mynetworks."
            return (Finding("tls", Severity.INFO, "smtp.relay_not_tested", name, text, said, SOURCE, advice),)
        text = f"{name} is an open relay: it takes mail from {seen.local} for {foreign}."
        advice = (
            "At once, end smtpd_relay_restrictions with reject_unauth_destination and keep mynetworks small: relays are"
            f" found and abused within hours. If {seen.local} belongs in mynetworks, try it from a stranger's machine."
        )
        return (Finding("tls", Severity.PROBLEM, "smtp.open_relay", name, text, said, SOURCE, advice),)
    doubtful = next((reply for reply in seen.relayed if not _is_refusal(reply)), None)
    if doubtful is None:
        return ()
    text = f"It could not be found out whether {name} relays for anybody: it said “{doubtful.shown}”."
    advice = "Check again later; if it is the bot's address that it dislikes, try it from another machine."
    return (Finding("tls", Severity.UNKNOWN, "smtp.relay_unknown", name, text, said, SOURCE, advice),)


def _is_refusal(reply: Reply) -> bool:
    """For good, and of the recipient: who refuses the sender already says nothing of relaying."""
    return reply.code >= 500 and not reply.to_sender
