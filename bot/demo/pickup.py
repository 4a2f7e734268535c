"""What pickup(8) and cleanup(8) do to requeued mail: copied out of the maildrop, it comes in as a new queue file."""

from __future__ import annotations

import time

from bot.demo.mail import stamp
from bot.demo.maillog import MailLog
from bot.demo.queuefile import DamagedFile, build, content, lines, parse, quoted, records, text
from bot.demo.spool import Spool

# cleanup(8) writes these anew.
REWRITTEN = ("create_time=", "dsn_orig_rcpt=")


def collect(spool: Spool, log: MailLog, host: str, now: float) -> int:
    """Move everything that is complete in the maildrop to `incoming`, under new queue IDs; returns how many."""
    collected = 0
    for old_id in list(spool.scan("maildrop")):
        status = spool.status("maildrop", old_id)
        if status is None:
            continue
        try:
            data = spool.read("maildrop", old_id)
            new_id = spool.add("incoming", now, lambda new_id, data=data: copy(data, new_id, host, now))  # type: ignore[misc]
            sender = parse(data).sender
        except (FileNotFoundError, DamagedFile):
            continue
        spool.remove("maildrop", old_id)
        log.write("pickup", f"{new_id}: uid={status.st_uid} from=<{quoted(sender or '')}> orig_id={old_id}")
        collected += 1
    return collected


def copy(data: bytes, new_id: str, host: str, now: float) -> bytes:
    """The same message under another ID: its time of arrival stays, recipients that are done are left out.

    Raises DamagedFile.
    """
    envelope = parse(data)
    before: list[tuple[str, str]] = []
    after: list[tuple[str, str]] = []
    attributes = before
    for _, kind, value in records(data):
        if kind == "S":
            attributes = after
        elif kind == "A" and not text(value).startswith(REWRITTEN):
            name, _, rest = text(value).partition("=")
            attributes.append((name, rest))
        elif kind == "M":
            break
    received = [f"Received: by {host} (Postfix, from userid 0)", f"\tid {new_id}; {stamp(now)}"]
    return build(
        arrival=envelope.arrival_time or time.time(),
        sender=envelope.sender or "",
        recipients=[each.address for each in envelope.recipients if not each.done],
        before_sender=before,
        after_sender=after,
        content=lines([*received, *content(data, envelope)]),
    )
