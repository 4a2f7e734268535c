"""postqueue(1): lists the queue as JSON lines, and asks for new attempts."""

# Importing pathlib takes longer than all that this program does with it.
from __future__ import annotations

import os
import stat
import sys

from bot.demo import deferlog, maincf, queueid
from bot.demo.programs import common
from bot.demo.queuefile import Envelope, parse, printable, quoted
from bot.demo.spool import EXPIRED, QUEUES, UNTHROTTLED, Spool

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USAGE = "usage: postqueue -f | postqueue -i queueid | postqueue -j | postqueue -p | postqueue -s site"
DOWN = "Cannot flush mail queue - mail system is down"
NOT_LISTENING = "Connect to the Postfix showq service: Connection refused"

# What JSON wants escaped. Control characters never get here: Postfix prints `?` for them.
ESCAPES = {ord('"'): '\\"', ord("\\"): "\\\\"}


def main() -> int:
    return common.run("postqueue", work, 69)


def work(arguments: Sequence[str]) -> int:
    try:
        given, others = common.options(arguments, "c:fi:jps:v")
    except common.Misused as error:
        common.say("postqueue", str(error))
        raise common.Fatal(USAGE) from None
    values = dict(given)
    directory = values.pop("c", "")
    values.pop("v", None)
    if len(values) != 1 or others:
        raise common.Fatal(USAGE)
    settings = common.configuration(directory)
    spool = Spool(settings)
    if not common.privileged(spool.owner):
        common.say("postqueue", f"error: unauthorized configuration directory name: {directory}")
        wanted = " or ".join(f'"{name}_directories = {directory}"' for name in ("alternate_config", "multi_instance"))
        raise common.Fatal(f"specify {wanted} in /etc/postfix/main.cf")
    ((action, value),) = values.items()
    if action in "jp":
        report(spool, as_json=action == "j")
    elif action == "f":
        ask(spool, common.FLUSH)
    elif action == "i":
        flush_message(spool, value)
    else:
        flush_site(spool, settings, value)
    return 0


def report(spool: Spool, *, as_json: bool) -> None:
    """The whole queue on standard output, also behind a stopped mail system's back. Raises Fatal at a damaged file."""
    if not common.running(spool.directory):
        common.say("postqueue", f"warning: Mail system is down -- accessing queue directly ({NOT_LISTENING})")
    if not as_json:
        from bot.demo.programs.mailq import table

        table(spool)
        return
    out = sys.stdout.buffer
    for queue, queue_id, status, envelope in messages(spool):
        expired = "true" if status.st_mode & EXPIRED else "false"
        people = ", ".join(
            f'{{"address": {_json(address)}' + (f', "delay_reason": {_json(reason)}}}' if reason else "}")
            for address, reason in recipients(spool, queue_id, envelope)
        )
        out.write(
            f'{{"queue_name": "{queue}", "queue_id": "{queue_id}", "arrival_time": {int(envelope.arrival_time)}, '
            f'"message_size": {size(envelope, status)}, "forced_expire": {expired}, '
            f'"sender": {_json(address_of(envelope.sender))}, "recipients": [{people}]}}\n'.encode()
        )


def messages(spool: Spool) -> Iterator[tuple[str, str, os.stat_result, Envelope]]:
    """Each queue file with its envelope, in the order of showq(8): also a damaged one, if its sender can be read.

    Raises Fatal at a file with a recipient in front of its sender: that crashes showq(8).
    """
    for queue in QUEUES:
        for queue_id in spool.scan(queue):
            status = spool.status(queue, queue_id)
            if status is None:
                continue
            try:
                envelope = parse(spool.read(queue, queue_id))
            except FileNotFoundError:
                continue  # it moved on while the queue was listed
            if envelope.headless:
                sys.stdout.flush()
                sys.stdout.buffer.flush()
                raise common.Fatal("malformed showq server response")
            if envelope.sender is not None:
                yield queue, queue_id, status, envelope


def recipients(spool: Spool, queue_id: str, envelope: Envelope) -> Iterator[tuple[str, str]]:
    """Those not yet done: first what the defer log tells of, with its reason, then the others of the queue file."""
    logged = deferlog.read(spool.log("defer", queue_id))
    for address, reason in logged:
        yield printable(address), printable(reason)
    seen = {printable(address) for address, _ in logged}
    for each in envelope.recipients:
        address = address_of(each.address)
        if not each.done and address not in seen:
            yield address, ""


def address_of(raw: str | None) -> str:
    """An address as Postfix prints it; the empty one is the mail system's own."""
    return printable(quoted(raw)) if raw else "MAILER-DAEMON"


def size(envelope: Envelope, status: os.stat_result) -> int:
    return envelope.size if envelope.size >= 0 else status.st_size


def flush_message(spool: Spool, queue_id: str) -> None:
    """What flush(8) does: the message is due now, and its destination is not thought dead. Raises Fatal."""
    if not queueid.is_queue_id(queue_id):
        # flush(8), not postqueue(1), knows which names can be a queue file's; a wrong one is simply not found.
        if not queue_id or not queue_id.isascii() or not queue_id.isalnum():
            raise common.Fatal(f'Cannot flush queue ID - invalid name: "{queue_id}"')
        return
    if not common.running(spool.directory):
        common.say("postqueue", "warning: connect to public/flush: Connection refused")
        raise common.Fatal(DOWN)
    make_due(spool, queue_id)
    ask(spool, common.SCAN_INCOMING)


def flush_site(spool: Spool, settings: dict[str, str], site: str) -> None:
    """Raises Fatal when the site is none of `fast_flush_domains`."""
    domain = site.strip("[]").lower()
    if not domain or not domain.isascii() or not domain.replace("-", "a").replace(".", "a").replace(":", "a").isalnum():
        raise common.Fatal(f'Cannot flush mail queue - invalid destination: "{site}"')
    domains = maincf.expanded(settings, "fast_flush_domains").replace(",", " ").lower().split()
    if domain not in domains:
        raise common.Fatal(f'Flush service is not configured for destination "{site}"')
    if not common.running(spool.directory):
        common.say("postqueue", "warning: connect to public/flush: Connection refused")
        raise common.Fatal(DOWN)
    for queue_id in list(spool.scan("deferred")):
        try:
            envelope = parse(spool.read("deferred", queue_id))
        except FileNotFoundError:
            continue
        if any(each.address.lower().endswith(f"@{domain}") for each in envelope.recipients):
            make_due(spool, queue_id)
    ask(spool, common.SCAN_INCOMING)


def make_due(spool: Spool, queue_id: str) -> None:
    try:
        path = spool.path("deferred", queue_id)
        os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | UNTHROTTLED)
        os.utime(path)
        spool.move(queue_id, "deferred", "incoming")
    except FileNotFoundError:
        pass  # an unknown ID is nothing to complain of, says postqueue(1) by saying nothing


def ask(spool: Spool, request: bytes) -> None:
    try:
        common.trigger(spool.directory, request)
    except OSError:
        raise common.Fatal(DOWN) from None


def _json(text: str) -> str:
    return f'"{text.translate(ESCAPES)}"'
