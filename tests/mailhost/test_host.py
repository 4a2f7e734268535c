"""A mail host's verbs: what each asks of the agent, what it makes of the answer, and what silence means to it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bot import errors
from bot.agent import requests, wire
from bot.agent.outcomes import Deleted, Deletion, Expired, Outcome, Purged, Released, Requeued, Restored, TrashListing
from bot.agent.probed import Peer, Probed
from bot.agent.protocol import Identity, Listing, QueuedMessage, Selection, Summary, Term
from bot.agent.verbs import RESULTS
from bot.mailhost.asking import CHANGING, PATIENCE
from bot.mailhost.host import Change, MailHost, Selected
from tests.mailhost.agents import DEPTH, agent, says

KEY = "57-k3qf"
FIRST = Identity("4jYTY25PbJzBvT8", 1_700_000_000, 1000, "ann@sender.test")
SECOND = Identity("5F00DCAFE", 1_700_000_060, 2000, "MAILER-DAEMON")
BOTH = [json.loads(FIRST.line()), json.loads(SECOND.line())]


class Verb(NamedTuple):
    """A verb as the bot calls it; the arguments and targets that must reach the agent; what it answers."""

    name: str
    call: Callable[[MailHost], Awaitable[Any]]
    args: dict[str, Any]
    targets: list[list[Any]]
    result: Any
    outcomes: tuple[Outcome, ...] = ()


VERBS = [
    Verb(
        "delete",
        lambda host: host.delete(KEY, [FIRST, SECOND], not_after=1_700_000_900.5),
        {"key": KEY, "not_after": 1_700_000_900.5, "final": False, "targets": 2},
        BOTH,
        Deleted(KEY, counts={"deleted": 1, "changed": 1}, in_flight=1, kept_bytes=4096, kept_until=1_700_600_000.0),
        (Outcome(FIRST.queue_id, "deleted", "in_flight"), Outcome(SECOND.queue_id, "changed")),
    ),
    Verb(
        "delete",
        lambda host: host.delete(KEY, [FIRST], final=True),
        {"key": KEY, "final": True, "targets": 1},
        BOTH[:1],
        Deleted(KEY, begun=False),
    ),
    Verb(
        "restore",
        lambda host: host.restore(KEY),
        {"key": KEY},
        [],
        Restored(KEY, {"restored": 1, "in_queue": 1}, left=1, mail_system_up=False),
        (Outcome(FIRST.queue_id, "restored"), Outcome(SECOND.queue_id, "in_queue", "deferred")),
    ),
    Verb(
        "restore",
        lambda host: host.restore(KEY, [FIRST.queue_id, SECOND]),
        {"key": KEY, "targets": 2},
        [[FIRST.queue_id], BOTH[1]],
        Restored(KEY, {"on_hold": 2}),
        (Outcome(FIRST.queue_id, "on_hold"), Outcome(SECOND.queue_id, "on_hold")),
    ),
    Verb(
        "trash",
        lambda host: host.trash(),
        {},
        [],
        TrashListing(1.0, (Deletion(KEY, 1.0, deleted=3, kept=2, bytes=9, until=8.0),), retention=604_800, bytes=9),
    ),
    Verb("trash", lambda host: host.trash(KEY), {"key": KEY}, [], TrashListing(1.0, messages=(FIRST, SECOND))),
    Verb("purge", lambda host: host.purge(), {}, [], Purged((KEY,), messages=3, bytes=9000)),
    Verb(
        "purge",
        lambda host: host.purge(KEY, not_after=1_700_000_900),
        {"key": KEY, "not_after": 1_700_000_900},
        [],
        Purged(begun=False),
    ),
    Verb(
        "requeue",
        lambda host: host.requeue([FIRST, SECOND.queue_id]),
        {"targets": 2},
        [BOTH[0], [SECOND.queue_id]],
        Requeued({"requeued": 1, "in_delivery": 1}),
        (Outcome(FIRST.queue_id, "requeued"), Outcome(SECOND.queue_id, "in_delivery")),
    ),
    Verb(
        "expire",
        lambda host: host.expire(KEY, [FIRST, SECOND], not_after=1_700_000_900),
        {"key": KEY, "not_after": 1_700_000_900, "targets": 2},
        BOTH,
        Expired(KEY, {"expired": 1, "on_hold": 1}),
        (Outcome(FIRST.queue_id, "expired"), Outcome(SECOND.queue_id, "on_hold", "unproven")),
    ),
    Verb(
        "probe",
        lambda host: host.probe(["192.0.2.25"], ["192.0.2.80"], wait=9),
        {"smtp": ["192.0.2.25"], "compare": ["192.0.2.80"], "wait": 9},
        [],
        Probed(
            "mail.example.org",
            (
                Peer("192.0.2.25", 25, "connected", "", 0.1, "10.0.0.5", "220 a", ("250 a",), True, "TLSv1.3"),
                Peer("192.0.2.80", 443, "timeout"),
            ),
        ),
    ),
    Verb(
        "release",
        lambda host: host.release_hold("h-4k2f"),
        {"key": "h-4k2f"},
        [],
        Released({"released": 1}),
        (Outcome(FIRST.queue_id, "released"),),
    ),
]


def answering(folder: Path, *lines: str) -> tuple[MailHost, Path]:
    """A host whose agent answers so, and the file in which it writes down what it was asked."""
    asked = folder / "asked"
    answer = chr(10).join(lines)
    return agent(folder, f"open({str(asked)!r}, 'w').write(sys.stdin.read())\nprint({answer!r})\n"), asked


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
async def test_a_verb_asks_for_what_it_was_called_with_and_gives_back_what_the_agent_said(
    tmp_path: Path, verb: Verb
) -> None:
    lines = [{"event": "message", "outcome": [each.queue_id, each.outcome, each.detail]} for each in verb.outcomes]
    done = {"event": "done", "result": wire.to_json(verb.result)}
    host, asked = answering(tmp_path, *map(json.dumps, [*lines, done]))
    answer = await verb.call(host)
    if isinstance(answer, Change):
        assert (answer.result, answer.outcomes) == (verb.result, verb.outcomes)
    else:
        assert answer == verb.result
    head, *targets = map(json.loads, asked.read_text().splitlines())
    assert head == {"v": 1, "verb": verb.name, "instance": "default", "args": verb.args}
    assert targets == verb.targets
    with asked.open("rb") as file:
        requests.read(file)  # the agent takes it


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb.name in CHANGING], ids=lambda verb: verb.name)
async def test_a_change_whose_answer_never_came_is_unknown(tmp_path: Path, verb: Verb) -> None:
    silent = agent(tmp_path, "sys.stdin.read()\nos.kill(os.getpid(), signal.SIGKILL)\n")
    with pytest.raises(errors.OutcomeUnknown, match=rf"it is not known whether the {verb.name} was carried out"):
        await verb.call(silent)


async def test_a_look_at_the_trash_whose_answer_never_came_changed_nothing(tmp_path: Path) -> None:
    with pytest.raises(errors.HostUnreachable, match="Nothing was changed"):
        await agent(tmp_path, "sys.stdin.read()\n").trash()


def test_every_verb_is_waited_for_and_those_that_change_nothing_are_questions() -> None:
    assert set(PATIENCE) == set(RESULTS)
    assert set(RESULTS) - CHANGING == {"info", "depth", "list", "show", "trash", "probe"}


async def test_progress_is_told_while_a_deletion_goes_on(tmp_path: Path) -> None:
    told: list[tuple[int, int | None, str]] = []

    async def progress(done: int, total: int | None, text: str) -> None:
        told.append((done, total, text))

    lines = [json.dumps({"event": "progress", "done": done, "total": 2, "text": "deleted"}) for done in (0, 1, 2)]
    lines.append(json.dumps({"event": "done", "result": {"key": KEY, "counts": {"deleted": 2}}}))
    await agent(tmp_path, says(*lines)).delete(KEY, [FIRST, SECOND], progress=progress)
    assert told == [(0, 2, "deleted"), (1, 2, "deleted"), (2, 2, "deleted")]


LISTING = Listing(
    5.0,
    total=7,
    summary=Summary(messages=2, bytes=3000),
    page=(QueuedMessage("deferred", FIRST.queue_id, FIRST.arrival_time, FIRST.message_size, FIRST.sender),),
)


async def test_what_is_selected_comes_with_its_own_summary_and_page(tmp_path: Path) -> None:
    lines = [json.dumps({"event": "message", "identity": row}) for row in BOTH]
    lines.append(json.dumps({"event": "done", "result": wire.to_json(LISTING)}))
    host, asked = answering(tmp_path, *lines)
    deferred = Selection((Term("queue", "deferred"),))
    assert await host.selected(deferred, limit=5) == Selected((FIRST, SECOND), LISTING)
    assert json.loads(asked.read_text())["args"] == {
        "selection": {"terms": [{"kind": "queue", "value": "deferred", "negated": False}]},
        "select": True,
        "limit": 5,
    }
    assert await host.select(deferred) == (FIRST, SECOND)


@pytest.mark.parametrize(
    "line", ['{"event": "message", "identity": ["ABCDEF"]}', '{"event": "message", "identity": 7}']
)
async def test_an_identity_that_is_not_understood_selects_nothing(tmp_path: Path, line: str) -> None:
    done = json.dumps({"event": "done", "result": wire.to_json(LISTING)})
    with pytest.raises(errors.AgentFault, match="not understood"):
        await agent(tmp_path, says(line, done)).select(Selection())


async def test_an_agent_without_a_summary_of_what_it_selected_is_not_understood(tmp_path: Path) -> None:
    with pytest.raises(errors.AgentFault, match="not understood"):
        await agent(tmp_path, says('{"event": "done", "result": {"count": 0}}')).selected(Selection())


async def test_the_same_question_is_asked_once_and_a_waiter_who_leaves_takes_nothing_away(tmp_path: Path) -> None:
    script = f"sys.stdin.read()\nopen({str(tmp_path / 'asked')!r}, 'a').write('x')\ntime.sleep(0.4)\n{says(DEPTH)}"
    host = agent(tmp_path, script)
    waiting = [asyncio.create_task(host.depth()) for _ in range(10)]
    await asyncio.sleep(0.1)
    waiting.pop().cancel()
    assert {(await each).queues["deferred"] for each in waiting} == {3}
    assert (tmp_path / "asked").read_text() == "x"
    await host.depth()
    assert (tmp_path / "asked").read_text() == "xx"


async def test_a_flush_of_no_messages_is_not_a_flush_of_all(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    done = json.dumps({"event": "done", "result": {"asked": 7}})
    script = f"open({str(asked)!r}, 'w').write(sys.stdin.read())\nprint({done!r})\n"
    assert (await agent(tmp_path, script).flush([])).result.asked == 0
    assert not asked.exists()
    assert (await agent(tmp_path, script).flush()).result.asked == 7
    assert "targets" not in asked.read_text()
