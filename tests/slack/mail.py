"""Mail that lies in the queues and in the trash of a private Postfix, and where all of it must be in the end."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping

from tests.postfix.filling import Spooled, fill
from tests.postfix.instance import QUEUES, PrivatePostfix


def filled(postfix: PrivatePostfix, messages: Mapping[str, int]) -> tuple[dict[str, str], dict[str, str]]:
    """Write so many messages into each queue: each one's queue, and its recipient, by queue ID."""
    queues = [queue for queue, number in messages.items() for _ in range(number)]
    recipients = [f"{number}@grey.test" for number in range(len(queues))]
    reasons = [None if queue == "active" else "450 4.7.1 Greylisted" for queue in queues]
    now = time.time()
    ids = fill(
        postfix,
        [
            Spooled("ann@sender.test", {to: reason}, now - 600, queue_name=queue)
            for queue, to, reason in zip(queues, recipients, reasons, strict=True)
        ],
    )
    return dict(zip(ids, queues, strict=True)), dict(zip(ids, recipients, strict=True))


def emptied(postfix: PrivatePostfix) -> None:
    """Take away what `filled` wrote, without a restart: the queue manager never met it."""
    for folder in (*QUEUES, "defer"):
        for path in list(postfix.files(folder)):
            path.unlink(missing_ok=True)
    shutil.rmtree(postfix.queue_directory / "maildesk-trash", ignore_errors=True)


def kept(postfix: PrivatePostfix, key: str) -> list[str]:
    """The queue IDs that this deletion keeps."""
    folder = postfix.queue_directory / "maildesk-trash" / key / "kept"
    return sorted(path.name for path in folder.glob("*"))


def unfinished(postfix: PrivatePostfix) -> list[str]:
    """Keys that the host has not finished."""
    trash = postfix.queue_directory / "maildesk-trash"
    return [path.name for path in (trash / "unfinished").glob("*")]


def check_places(
    postfix: PrivatePostfix, home: Mapping[str, str], recipients: Mapping[str, str], key: str = ""
) -> list[str]:
    """Each message is kept by this deletion once, or queued once; on hold is what was before. What is kept."""
    in_trash = kept(postfix, key) if key else []
    places = Counter(recipients[queue_id] for queue_id in in_trash)
    places += Counter(entry.recipients[0].address for entry in postfix.queue())
    assert places == Counter(recipients.values()), places - Counter(recipients.values())
    on_hold = {path.name for path in postfix.files("hold")}
    assert on_hold == {each for each, queue in home.items() if queue == "hold"} - set(in_trash), "held because of us"
    assert unfinished(postfix) == []
    return in_trash


def check_untouched(postfix: PrivatePostfix, home: Mapping[str, str], recipients: Mapping[str, str]) -> None:
    """All of it lies where it did, and no agent was ever asked for a deletion or a hold."""
    check_places(postfix, home, recipients)
    assert {entry.queue_id: entry.queue_name for entry in postfix.queue()} == home
    assert not (postfix.queue_directory / "maildesk-trash").exists()
