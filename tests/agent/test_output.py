"""A listener that goes away stops what has not begun, and nothing that has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import BinaryIO

import pytest

from bot.agent.errors import AgentError
from bot.agent.outcomes import Outcome
from bot.agent.output import Output
from bot.agent.protocol import Identity

Pipe = tuple[int, BinaryIO]


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as stream:
        yield reading, stream


def told(pipe: Pipe) -> list[dict[str, object]]:
    reading, stream = pipe
    stream.flush()
    data = os.read(reading, 65536)
    os.close(reading)
    return [json.loads(line) for line in data.splitlines()]


def test_each_event_is_a_line_and_outcomes_are_counted(pipe: Pipe) -> None:
    output = Output(pipe[1])
    output.identity(Identity("ABCDEF", 1, 2, "gr\u00fc\u00df\n@a.test"))
    assert output.outcomes([Outcome("A", "held"), Outcome("B", "held"), Outcome("C", "gone", "why")]) == {
        "held": 2,
        "gone": 1,
    }
    output.done({"count": 1})
    events = told(pipe)
    assert events[0] == {"event": "message", "identity": ["ABCDEF", 1, 2, "gr\u00fc\u00df\n@a.test"]}
    assert events[3] == {"event": "message", "outcome": ["C", "gone", "why"]}
    assert events[-1] == {"event": "done", "result": {"count": 1}}


def test_progress_is_told_at_most_twice_a_second_but_for_the_end_of_a_step(pipe: Pipe) -> None:
    output = Output(pipe[1])
    for number in range(1000):
        output.progress(number, 1000, "asked")
    output.progress(1000, 1000, "asked")
    events = told(pipe)
    assert len(events) < 20
    assert events[-1]["done"] == 1000


def test_a_pipe_that_is_closed_before_anything_began_stops_it(pipe: Pipe) -> None:
    os.close(pipe[0])
    output = Output(pipe[1])
    with pytest.raises(AgentError, match=r"Nobody listens .* nothing was begun"):
        output.progress(0, 0, "asked")
    output.error(AgentError("internal", "said to nobody"))


def test_a_pipe_that_is_closed_in_the_middle_stops_nothing(pipe: Pipe) -> None:
    output = Output(pipe[1])
    output.begin()
    os.close(pipe[0])
    output.progress(1, 1, "asked")
    assert output.outcomes(Outcome(f"{number:06X}", "held", "x" * 100) for number in range(5000)) == {"held": 5000}
    output.done({"count": 5000})
