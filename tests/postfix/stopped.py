"""A few messages in each queue of a stopped Postfix, and agents that can be killed: each message's place tells all."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

from tests.agent.standin import Answer, request
from tests.postfix.filling import Spooled, fill
from tests.postfix.instance import PrivatePostfix
from tests.postfix.killing import Agents

QUEUED = {"deferred": 4, "active": 3, "hold": 2}
WITHOUT_A_LOG = {"maillog_file": ""}
"""While Postfix is down, postsuper(1) can't open its log, and takes a second for each message."""

SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"


class StoppedPostfix:
    """Nobody else moves mail, so that each message's place says what the agent did. `close()` ends the agents."""

    def __init__(self, postfix: PrivatePostfix, folder: Path) -> None:
        self.postfix = postfix
        postfix.stop()
        self.trash = postfix.queue_directory / "maildesk-trash"
        self.agents = Agents(postfix, folder)
        reasons = {"bob@grey.test": "450 4.7.1 Greylisted"}
        now = time.time()
        self.home = {
            queue_id: queue
            for queue, number in QUEUED.items()
            for queue_id in fill(postfix, [Spooled("ann@x.test", reasons, now - 600, queue_name=queue)] * number)
        }
        self.inodes = {path.name: path.stat().st_ino for path in self._queued()}
        listed = {entry.queue_id: entry for entry in postfix.queue()}
        self.targets = [
            [queue_id, listed[queue_id].arrival_time, listed[queue_id].message_size, listed[queue_id].sender]
            for queue_id in self.home
        ]
        self._requeued: set[str] = set()
        self._keys = 0

    def _queued(self) -> Iterator[Path]:
        for queue in ("incoming", "active", "deferred", "hold", "maildrop"):
            yield from self.postfix.files(queue)

    def key(self) -> str:
        self._keys += 1
        return f"{self._keys}-kill"

    def delete(self, key: str, final: bool = False) -> bytes:
        return request("delete", self.targets, key=key, final=final)

    def places(self) -> dict[str, list[str]]:
        """Where the inode of each message lies now: queues, and keys whose deletions keep it."""
        names = {inode: queue_id for queue_id, inode in self.inodes.items()}
        found: dict[str, list[str]] = {queue_id: [] for queue_id in self.home}
        for path in self._queued():
            assert names.get(path.stat().st_ino) == path.name
            found[path.name].append(path.relative_to(self.postfix.queue_directory).parts[0])
        for path in self.trash.glob("*/kept/*"):
            assert names.get(path.stat().st_ino) == path.name
            found[path.name].append(path.parts[-3])
        return found

    def logs(self) -> set[str]:
        return {path.name for path in self.postfix.files("defer")}

    def all_in(self, key: str) -> None:
        assert self.places() == {queue_id: [key] for queue_id in self.home}
        assert not self.logs()

    def all_back(self) -> None:
        """What we put on hold is released, and what was on hold before is there still. Then as at the beginning."""
        places = self.places()
        for queue_id, home in self.home.items():
            assert len(places[queue_id]) == 1, (queue_id, places[queue_id])
            assert (places[queue_id] == ["hold"]) == (home == "hold"), (queue_id, home, places[queue_id])
        for path in list(self._queued()):
            if "maildrop" in path.parts:
                # Without a proof it was requeued (release.py); postsuper takes its log away.
                self._requeued.add(path.name)
            if "maildrop" in path.parts or self.home[path.name] == "active":
                path.rename(self.postfix.queue_directory / "active" / path.name)
        assert self.logs() >= set(self.home) - self._requeued

    def unfinished(self) -> list[str]:
        found: list[str] = self.agents.ask(request("info")).result["unfinished"]
        return found

    def close(self) -> None:
        self.agents.close()


def some(steps: int, number: int, seed: str) -> list[int]:
    """At which steps to kill: all of them in a soak, else some, spread over the whole and the same each time."""
    if SOAK:
        return list(range(1, steps + 1))
    chance = random.Random(seed)
    return [chance.randrange(steps * i // number, steps * (i + 1) // number) + 1 for i in range(number)]


def counts(answer: Answer) -> dict[str, int]:
    found: dict[str, int] = answer.result["counts"]
    return found
