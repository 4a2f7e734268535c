"""What a restore goes by: the journal of a deletion, read once, with a view to bringing its messages back."""

from __future__ import annotations

from typing import Dict, Set

from bot.agent.holds import NEVER_ACTIVE
from bot.agent.journal import Journal
from bot.agent.lifetimes import Lifetimes
from bot.agent.manager import Managers
from bot.agent.story import Pasts, Settled


class Restorable:
    """`stays` says of messages why they have to stay on hold, because of where they were, or because of their age.

    `safe` are those of what we put on hold that no living queue manager can remember, and `idle` those of them that
    were never active, so that nobody has them in hand. Former restores put some back: those `under_way` may have been
    by one that was cut short, and what became of `settled` was by that same one.
    """

    def __init__(self, journal: Journal, managers: Managers, lifetimes: Lifetimes, now: float) -> None:
        """`now` in seconds since the epoch."""
        self.stays: Dict[str, str] = {}
        self.under_way: Set[str] = set()
        self.settled: Dict[str, Settled] = {}
        self.pasts = Pasts()
        for line in journal.read(*Pasts.LINES, "targets", "restoring", "restored", "restore_finished"):
            self.pasts.told(line)
            for queue_id, arrival_time, _, sender, _, queue in line.get("targets", ()):
                if queue == "hold":
                    self.stays[queue_id] = "on_hold"
                elif queue is not None and lifetimes.over(arrival_time, sender, now):
                    self.stays[queue_id] = "past_lifetime"
            self.under_way.update(line.get("restoring", ()))
            for queue_id, outcome, detail in line.get("restored", ()):
                self.under_way.discard(queue_id)
                self.settled[queue_id] = (outcome, detail)
            if "restore_finished" in line:
                self.settled = {}
        self.safe = self.pasts.safe(managers)
        self.idle = {queue_id for queue_id, past in self.pasts.found.items() if past.queue in NEVER_ACTIVE}

    def put_back_before(self, queue_id: str) -> None:
        """It lay on hold again already, and nobody knows what happened to it since."""
        self.safe.discard(queue_id)
        self.idle.discard(queue_id)
