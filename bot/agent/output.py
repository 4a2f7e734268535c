"""What the agent says: JSON Lines on standard output, one event a line, the last one `done` or `error`."""

from __future__ import annotations

import json
import os
import time
from typing import Any, BinaryIO, Dict, Iterable, Optional

from bot.agent.errors import AgentError
from bot.agent.outcomes import Outcome
from bot.agent.protocol import Identity
from bot.agent.wire import to_json

PROGRESS_SECONDS = 0.5


class Output:
    """Once a change has `begun` it goes on to its end, even if nobody listens any more: `begin()` says so."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.begun = False
        self._last_progress = 0.0

    def begin(self) -> None:
        """From here on a closed pipe must not stop the work."""
        self.begun = True

    def progress(self, done: int, total: Optional[int], text: str) -> None:
        """Said at once for the end of a step, else at most twice a second."""
        now = time.monotonic()
        if done == total or now - self._last_progress >= PROGRESS_SECONDS:
            self._last_progress = now
            self._event({"event": "progress", "done": done, "total": total, "text": text}, at_once=True)

    def identity(self, identity: Identity) -> None:
        line = [identity.queue_id, identity.arrival_time, identity.message_size, identity.sender]
        self._event({"event": "message", "identity": line})

    def outcomes(self, outcomes: Iterable[Outcome]) -> Dict[str, int]:
        """Say what became of each message, and return how many had which outcome."""
        counts: Dict[str, int] = {}
        for each in outcomes:
            counts[each.outcome] = counts.get(each.outcome, 0) + 1
            if each.detail:
                self._event({"event": "message", "outcome": [each.queue_id, each.outcome, each.detail]})
            else:
                # As json.dumps() has it, at a fraction of the time: both are plain letters, digits and underscores.
                self._say(f'{{"event": "message", "outcome": ["{each.queue_id}", "{each.outcome}", ""]}}')
        return counts

    def done(self, result: Any) -> None:
        self.begin()  # There is nothing left that could be stopped.
        self._event({"event": "done", "result": to_json(result)}, at_once=True)

    def error(self, error: AgentError) -> None:
        self.begin()
        self._event({"event": "error", "code": error.code, "text": error.text}, at_once=True)

    def _event(self, event: Dict[str, Any], at_once: bool = False) -> None:
        self._say(json.dumps(event), at_once)

    def _say(self, event: str, at_once: bool = False) -> None:
        """Raises AgentError when nobody listens any more and nothing was begun."""
        try:
            self._stream.write(event.encode("ascii") + b"\n")
            if at_once:
                self._stream.flush()
        except OSError as error:
            # What waits to be written, and whatever is said from here on, goes nowhere.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)
            if not self.begun:
                raise AgentError("internal", f"Nobody listens ({error.strerror}), so nothing was begun.") from None
