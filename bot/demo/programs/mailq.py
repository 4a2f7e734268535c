"""`postqueue -p`, the table for people that mailq(1) prints."""

from __future__ import annotations

import sys
import time

from bot.demo.programs import postqueue
from bot.demo.spool import EXPIRED, Spool

# The columns are wider where queue IDs are long: heading, a message, a recipient.
SHORT = ("-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------\n", "{:<11} {:7d} {:<20} {}\n", 41)
LONG = ("----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n", "{:<17} {:8d} {:<19} {}\n", 47)
REASON = 78


def table(spool: Spool) -> None:
    """Print the queue; `*` marks what is active, `!` what is on hold, `#` what is to be returned."""
    heading, message, indent = LONG if spool.long_ids else SHORT
    count = total = 0
    for queue, queue_id, status, envelope in postqueue.messages(spool):
        if not count:
            sys.stdout.write(heading)
        mark = "#" if status.st_mode & EXPIRED else {"active": "*", "hold": "!"}.get(queue, "")
        size = postqueue.size(envelope, status)
        arrival = time.strftime("%a %b %e %H:%M:%S", time.localtime(envelope.arrival_time))
        sys.stdout.write(message.format(queue_id + mark, size, arrival, postqueue.address_of(envelope.sender)))
        before = ""
        for address, reason in postqueue.recipients(spool, queue_id, envelope):
            if reason != before:
                sys.stdout.write(f"({reason})\n".rjust(REASON + 1))
                before = reason
            sys.stdout.write(f"{'':{indent}}{address}\n")
        sys.stdout.write("\n")
        count, total = count + 1, total + size
    if count:
        sys.stdout.write(f"-- {total // 1024} Kbytes in {count} Request{'s' if count > 1 else ''}.\n")
    else:
        sys.stdout.write("Mail queue is empty\n")
