"""The logs in `defer/` and `bounce/`: why each recipient of one message was not served, in bounce(8)'s own format."""

from __future__ import annotations

from bot.demo.queuefile import Recipient, quoted, text


def entry(recipient: Recipient, *, status: str, reason: str, action: str = "delayed") -> bytes:
    """What bounce(8) appends for one recipient; `status` is an RFC 3463 code, `reason` what postqueue shows."""
    address = quoted(recipient.address)
    lines = ["", f"<{address}>: {reason}", f"recipient={address}"]
    if recipient.original and recipient.original.lower() != recipient.address.lower():
        lines.append(f"original_recipient={quoted(recipient.original)}")
    lines += [f"offset={recipient.offset}", f"dsn_orig_rcpt=rfc822;{address}"]
    lines += [f"status={status}", f"action={action}", *_diagnosis(reason), f"reason={reason}", ""]
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def read(data: bytes) -> list[tuple[str, str]]:
    """The quoted address and the reason of each entry, in order."""
    found: list[tuple[str, str]] = []
    address = ""
    for line in text(data).split("\n"):
        name, _, value = line.partition("=")
        if name == "recipient":
            address = value
        elif name == "reason" and address:
            found.append((address, value))
            address = ""
    return found


def _diagnosis(reason: str) -> list[str]:
    """The remote server and its reply, where there was one to talk to."""
    for verb in (" said: ", " refused to talk to me: "):
        before, found, reply = reason.partition(verb)
        if found and before.startswith("host "):
            host = before.removeprefix("host ").partition("[")[0]
            reply = reply.partition(" (in reply to ")[0]
            return ["diag_type=smtp", f"diag_text={reply}", "mta_type=dns", f"mta_mname={host}"]
    return []
