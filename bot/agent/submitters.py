"""The terms `login:` and `client:`: who submitted a message, which postqueue(1) does not tell and queue files do.

So a file is opened for each message of which all other terms hold, and no more files and no longer than is bearable.
"""

from __future__ import annotations

import ipaddress
import time
from typing import Callable, List, Optional

from bot.agent import queuefile
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.matching import glob
from bot.agent.protocol import MAX_TEXT, Identity, Selection, Term
from bot.agent.queuefile import Submission
from bot.agent.report import Entry
from bot.agent.requests import Target

KINDS = ("login", "client")
MAX_FILES = 100_000
MAX_SECONDS = 120
NAMED = 5

Test = Callable[[Submission], bool]


class Submitters:
    """Whether messages were submitted by whom the terms say. `problem` tells why an answer is not the whole one."""

    def __init__(self, system: MailSystem, selection: Selection) -> None:
        self._system = system
        self._tests = [_test(term) for term in selection.terms if term.kind in KINDS]
        self._files = 0
        self._until = time.monotonic() + MAX_SECONDS
        self._unreadable: List[str] = []
        self._unread = 0

    def match(self, entry: Entry) -> bool:
        """Messages that left meanwhile don't; nor do those that can't be read, which are counted.

        Raises AgentError(bad_request) when there is more to read than is bearable.
        """
        if not self._tests:
            return True
        if self._files >= MAX_FILES or time.monotonic() > self._until:
            raise AgentError(
                "bad_request",
                f"`login:` and `client:` need each message's queue file, and after {self._files:,} of them reading was "
                "given up, so the answer is not whole. Narrow the selection, for example with newer:1d, "
                "from:@example.org or a queue's name.",
            )
        found = self._submission(entry)
        return found is not None and all(test(found) for test in self._tests)

    def _submission(self, entry: Entry) -> Optional[Submission]:
        queue_id = entry["queue_id"]
        self._files += 1
        place, found = self._system.submission(queue_id)
        if place is None:
            return None
        if place.queue == "maildrop":
            # Whoever handed it in can have written anything into it; nothing there is Postfix's own word yet.
            return Submission(Identity(queue_id, 0, 0, ""), "", "")
        if found is None:
            self._unread += 1
            self._unreadable = [*self._unreadable, queue_id][:NAMED]
            return None
        meant = Target(queue_id, entry["arrival_time"], entry["message_size"], entry["sender"][:MAX_TEXT])
        return found if queuefile.same(meant, found.identity) else None

    @property
    def problem(self) -> str:
        if not self._unread:
            return ""
        words = " ".join(f"-{queue_id}" for queue_id in self._unreadable)
        return (
            f"{self._unread:,} queue files could not be read, so nobody knows who submitted them. To leave them out, "
            f"add: {words}{' …' if self._unread > NAMED else ''}"
        )


def _test(term: Term) -> Test:
    test = _login(term.value) if term.kind == "login" else _client(term.value)
    return (lambda found: not test(found)) if term.negated else test


def _login(value: str) -> Test:
    match = glob(value.lower())
    return lambda found: bool(found.login) and match(found.login.lower())


def _client(value: str) -> Test:
    network = ipaddress.ip_network(value, strict=False)

    def test(found: Submission) -> bool:
        try:
            return ipaddress.ip_address(found.client) in network
        except ValueError:
            return False  # None is known, or it is no address.

    return test
