"""Looking for a message while it moves from queue to queue, and for queues that are not as they should be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.queues import Queues
from bot.agent.trust import Trust
from tests.agent.standin import StandIn
from tests.postfix.filling import Spooled, queue_file

ID = "ABCDEF"


def put(standin: StandIn, queue: str) -> Path:
    folder = standin.queue_directory / queue
    if queue == "deferred":
        folder /= ID[0]
        folder.mkdir(mode=0o700, exist_ok=True)
    content, _ = queue_file(Spooled("ann@x.test", {"bob@y.test": None}, 1_700_000_000.5), ID, "mx.test")
    (folder / ID).write_bytes(content)
    return folder / ID


class Restless(Queues):
    """Queues whose message moves on just after one place was looked at, or just before it is opened."""

    moves: tuple[str, Path, Path] | None = None

    def status(self, queue: str, queue_id: str) -> os.stat_result | None:
        found = super().status(queue, queue_id)
        self._move(f"look {queue}")
        return found

    def _open(self, queue: str, queue_id: str) -> tuple[int, os.stat_result] | None:
        self._move(f"open {queue}")
        return super()._open(queue, queue_id)

    def _move(self, moment: str) -> None:
        if self.moves and self.moves[0] == moment:
            self.moves[1].rename(self.moves[2])
            self.moves = None


@pytest.fixture
def restless(standin: StandIn) -> Restless:
    return Restless(standin.postfix)


def test_a_message_that_moves_to_a_queue_already_looked_at_is_not_gone(standin: StandIn, restless: Restless) -> None:
    restless.moves = ("look active", put(standin, "deferred"), standin.queue_directory / "active" / ID)
    place = restless.find(ID)
    assert place is not None
    assert place.queue == "active"


def test_a_message_that_moves_before_it_is_opened_is_looked_for_again(standin: StandIn, restless: Restless) -> None:
    system = MailSystem(standin.instance, Trust({0, os.geteuid()}, sticky=True))
    system.__dict__["queues"] = restless
    restless.moves = ("open deferred", put(standin, "deferred"), standin.queue_directory / "active" / ID)
    place, identity = system.look(ID)
    assert place is not None
    assert place.queue == "active"
    assert identity is not None
    assert identity.sender == "ann@x.test"


def test_a_message_that_is_nowhere_is_gone(restless: Restless) -> None:
    assert restless.find(ID) is None


def test_a_queue_that_is_not_there_is_unknown_and_not_empty(standin: StandIn) -> None:
    (standin.queue_directory / "hold").rmdir()
    assert standin.ask("depth").result["queues"] == {
        "maildrop": 0, "incoming": 0, "active": 0, "deferred": 0, "hold": None, "corrupt": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "said",
    [
        "",
        "queue_directory = /nowhere\n",
        "hash_queue_depth = deep\n",
        "mail_owner = no-such-user\n",
        "queue_directory\n",
    ],
)
def test_what_postconf_says_is_not_trusted_to_make_sense(standin: StandIn, said: str) -> None:
    names = {line.partition(" ")[0] for line in said.splitlines()}
    rest = [f"{name} = {value}\n" for name, value in standin.parameters.items() if name not in names]
    standin.says("postconf", said + "".join(rest) if said else "")
    with pytest.raises(AgentError, match=r"not understood|can't be opened") as caught:
        Queues(standin.postfix)
    assert caught.value.code == "internal"
