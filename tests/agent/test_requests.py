"""Every request is hostile until it has passed every check: `bad_request`, a clear text, and nothing done."""

from __future__ import annotations

import io
import json
import string
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.agent import protocol, requests
from bot.agent.errors import AgentError
from bot.agent.protocol import Cursor, Selection, Term
from bot.agent.queueid import is_queue_id
from bot.agent.verbs import RESULTS
from tests.agent.standin import StandIn, request

ID = "4jYTY25PbJzBBBB"
OTHER = "5F00DCAFE"

GOOD: list[bytes] = [
    request("info"),
    request("depth"),
    request("list"),
    request("list", selection={"terms": [{"kind": "queue", "value": "hold"}]}, sort="size", limit=100),
    request("list", selection={"terms": [{"kind": "older", "value": "3600", "negated": True}]}, select=True),
    request("list", limit=10, after={"key": "1700000000", "queue_id": ID}),
    request("show", queue_id=ID),
    request("flush"),
    request("flush", site="example.org", wait=0),
    request("flush", [ID, OTHER]),
    request("hold", [ID, [OTHER, 1, 2, "ann@sender.test"]], key="h-4k2f"),
    request("release", [ID]),
    request("release", key="h-4k2f"),
    request("hold", [ID], key="57-k3qf", not_after=1_700_000_000.5),
    request("delete", [[ID, 1, 2, "ann@sender.test"]], key="57-k3qf", not_after=1_700_000_000, final=True),
    request("delete", [ID, OTHER], key="57-k3qf"),
    request("restore", key="57-k3qf"),
    request("restore", [ID], key="57-k3qf"),
    request("trash"),
    request("trash", key="57-k3qf"),
    request("purge"),
    request("purge", key="57-k3qf", not_after=0),
    request("requeue", [ID, [OTHER, 1, 2, "ann@sender.test"]]),
    request("expire", [[ID, 1, 2, "ann@sender.test"]], key="57-k3qf", not_after=1_700_000_000),
    request("probe", smtp=["192.0.2.25", "2001:db8::25"], compare=["192.0.2.80"], wait=5),
]

BAD_VALUES = st.one_of(
    st.integers(),
    st.floats(),
    st.booleans(),
    st.text(max_size=50),
    st.sampled_from(["/etc/passwd", "../../etc", "a\0b", "ALL", "-", "-h", "", " ", "x" * 2000, "\ud800", "１２３"]),
    st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=5), st.integers(), max_size=3),
)


def refusal(data: bytes) -> AgentError:
    with pytest.raises(AgentError) as caught:
        requests.read(io.BytesIO(data))
    return caught.value


def head(**members: Any) -> bytes:
    return json.dumps({"v": 1, "verb": "info", "instance": "default", "args": {}, **members}).encode() + b"\n"


@pytest.mark.parametrize("data", GOOD)
def test_a_request_that_is_right_is_read(data: bytes) -> None:
    read = requests.read(io.BytesIO(data))
    assert read.verb == json.loads(data.splitlines()[0])["verb"]


def test_what_was_not_said_has_its_default() -> None:
    read = requests.read(io.BytesIO(request("list", limit=5, after={"key": "7", "queue_id": ID})))
    assert read.args == {
        "selection": Selection(),
        "select": False,
        "sort": "age",
        "limit": 5,
        "after": Cursor("7", ID),
        "before": None,
        "behind": 0,
    }
    terms = [{"kind": "from", "value": "@example.org", "negated": True}]
    read = requests.read(io.BytesIO(request("list", selection={"terms": terms})))
    assert read.args["selection"] == Selection((Term("from", "@example.org", True),))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "not a line of JSON"),
        (b"\n", "not a line of JSON"),
        (b"\xff\xfe\n", "not a line of JSON"),
        (b"[1]\n", "not a JSON object"),
        (b'"info"\n', "not a JSON object"),
        (b"[" * 60_000 + b"\n", "not a line of JSON"),
        (b'{"v":1' + b"," * 70_000 + b"}\n", "longer than 65536 bytes"),
        (head(v=2), "protocol version 2; this agent speaks version 1"),
        (head(v=True), "protocol version True"),
        (head(v="1"), "protocol version '1'"),
        (head(verb="destroy"), "there is no verb 'destroy'"),
        (head(verb="INFO"), "there is no verb"),
        (head(verb=["info"]), "there is no verb"),
        (head(verb={}), "there is no verb"),
        (head(path="/etc"), "the request has an unknown member 'path'"),
        (head(config_directory="/evil"), "unknown member 'config_directory'"),
        (head(instance=""), "an instance must be named"),
        (head(instance=7), "an instance must be named"),
        (head(instance="x" * 101), "an instance must be named"),
        (head(args=[]), "args is not a JSON object"),
        (head(args=None), "args is not a JSON object"),
        (head(args={"command": "rm"}), "args has an unknown member 'command'"),
        (request("info", targets=1), "unknown member 'targets'"),
        (request("list", limit=101), "limit is a whole number from 0 to 100"),
        (request("list", limit=-1), "limit is a whole number"),
        (request("list", limit=True), "limit is a whole number"),
        (request("list", limit=1.0), "limit is a whole number"),
        (request("list", select=1), "select is true or false"),
        (request("list", sort="random"), "sort: 'random' is none of age size sender"),
        (request("list", sort=["age"]), "is none of"),
        (request("list", selection=[]), "selection is not a JSON object"),
        (request("list", selection={"terms": "all"}), "terms is a list"),
        (request("list", selection={"terms": [{"kind": "all", "value": "x"}]}), "no term of the kind 'all'"),
        (request("list", selection={"terms": [{"kind": ["id"], "value": "x"}]}), "no term of the kind"),
        (request("list", selection={"terms": [{"kind": "queue", "value": "corrupt"}]}), "there is no queue 'corrupt'"),
        (request("list", selection={"terms": [{"kind": "queue", "value": "../etc"}]}), "there is no queue"),
        (request("list", selection={"terms": [{"kind": "id", "value": "ALL"}]}), "'ALL' is not a queue ID"),
        (request("list", selection={"terms": [{"kind": "from", "value": "a\0b"}]}), "a term's value"),
        (request("list", selection={"terms": [{"kind": "from", "value": "x" * 1025}]}), "a term's value"),
        (request("list", selection={"terms": [{"kind": "older", "value": "2h"}]}), "'2h' is not a whole number"),
        (request("list", selection={"terms": [{"kind": "older", "value": "-1"}]}), "is not a whole number"),
        (request("list", selection={"terms": [{"kind": "older", "value": "٣"}]}), "is not a whole number"),
        (request("list", selection={"terms": [{"kind": "older", "value": "9" * 16}]}), "is not a whole number"),
        (request("list", selection={"terms": [{"kind": "older", "value": "1", "negated": "no"}]}), "true or false"),
        (request("list", selection={"terms": [{"kind": "to", "value": "a@b"}] * 201}), "at most 200"),
        (request("list", after={"key": 7, "queue_id": ID}), "the key is not a string"),
        (request("list", after={"key": "7", "queue_id": "../x"}), "is not a queue ID"),
        (request("list", after={"key": "x" * 1025, "queue_id": ID}), "the key is not a string"),
        (request("show"), "None is not a queue ID"),
        (request("show", queue_id="../../etc/passwd"), "is not a queue ID"),
        (request("show", queue_id=f"{ID}\n"), "is not a queue ID"),
        (request("show", queue_id="-q"), "is not a queue ID"),
        (request("show", queue_id=ID, part="body"), "unknown member 'part'"),
        (request("flush", site="-f"), "'-f' is not a site"),
        (request("flush", site="a b"), "is not a site"),
        (request("flush", site="example.org\n"), "is not a site"),
        (request("flush", site="x" * 256), "is not a site"),
        (request("flush", wait=61), "wait is a whole number from 0 to 60"),
        (request("hold", [ID]), "hold needs a key, by which it can be asked about, finished and undone"),
        (request("delete", [ID]), "delete needs a key"),
        (request("restore"), "restore needs a key"),
        (request("expire", [ID]), "expire needs a key"),
        (request("delete", [ID], key="57-k3qf", final=1), "final is true or false"),
        (request("delete", [ID], key="57-k3qf", final="no"), "final is true or false"),
        (request("delete", [ID], key="57-k3qf", not_after="now"), "not_after is a moment, in seconds since the epoch"),
        (request("expire", [ID], key="57-k3qf", not_after=True), "not_after is a moment"),
        (request("expire", [ID], key="57-k3qf", not_after=-1), "not_after is a moment"),
        (request("hold", [ID], key="57-k3qf", not_after=1e300), "not_after is a moment"),
        (request("hold", [ID], key="57-k3qf", not_after=float("nan")), "not_after is a moment"),
        (request("purge", not_after=float("inf")), "not_after is a moment"),
        (request("probe"), "probe needs an address to connect to"),
        (request("probe", smtp="192.0.2.25"), "smtp is a list of at most 8 addresses"),
        (request("probe", smtp=[f"192.0.2.{number}" for number in range(9)]), "smtp is a list of at most 8"),
        (request("probe", smtp=["mx.example.org"]), "smtp: 'mx.example.org' is not an IP address"),
        (request("probe", smtp=["192.0.2.25:587"]), "is not an IP address"),
        (request("probe", smtp=["fe80::1%eth0"]), "is not an IP address"),
        (request("probe", compare=[3221225985]), "is not an IP address"),
        (request("probe", compare=[["192.0.2.25"]]), "is not an IP address"),
        (request("probe", smtp=["192.0.2.25"], port=587), "args has an unknown member 'port'"),
        (request("probe", smtp=["192.0.2.25"], wait=0), "wait is a whole number from 1 to 60"),
        (request("probe", ["8.8.8.8"], smtp=["192.0.2.25"]), "args has an unknown member 'targets'"),
        (request("purge", key="../holds"), "is not a key"),
        (request("purge", [ID], key="57-k3qf"), "args has an unknown member 'targets'"),
        (request("trash", key="57"), "is not a key"),
        (request("trash") + b"x", "lines that it does not take"),
        (request("restore", ["ALL"], key="57-k3qf"), "'ALL' is not a queue ID"),
        (request("delete", ["ALL"], key="57-k3qf"), "'ALL' is not a queue ID"),
        (request("requeue", ["ALL"]), "'ALL' is not a queue ID"),
        (request("requeue", [ID], key="57-k3qf"), "args has an unknown member 'key'"),
        (request("requeue", [ID], final=True), "args has an unknown member 'final'"),
        (request("hold", [ID], key="../../x"), "is not a key"),
        (request("hold", [ID], key="H-4K2F"), "is not a key"),
        (request("hold", [ID], key="h-4k2f\n"), "is not a key"),
        (request("hold", [ID], key="h-4k2f", targets=2), "2 targets were announced and 1 came"),
        (request("hold", [ID, OTHER], key="h-4k2f", targets=1), "1 targets were announced and 2 came"),
        (request("hold", [ID], key="h-4k2f", targets=0), "lines that it does not take"),
        (request("hold", [ID], key="h-4k2f", targets=100_001), "targets is a whole number"),
        (request("hold", [ID, ID], key="h-4k2f"), f"{ID} stands twice"),
        (request("hold", ["ALL"], key="h-4k2f"), "'ALL' is not a queue ID"),
        (request("hold", ["-"], key="h-4k2f"), "'-' is not a queue ID"),
        (request("hold", [f"{ID}\0"], key="h-4k2f"), "is not a queue ID"),
        (request("hold", [f"/var/spool/{ID}"], key="h-4k2f"), "is not a queue ID"),
        (request("hold", [[ID, 1, 2]], key="h-4k2f"), "a target is an array"),
        (request("hold", [[]], key="h-4k2f"), "a target is an array"),
        (request("hold", [[ID, "1", 2, "a@b"]], key="h-4k2f"), "members of the wrong type"),
        (request("hold", [[ID, 1, True, "a@b"]], key="h-4k2f"), "members of the wrong type"),
        (request("hold", [[ID, 1, 2, None]], key="h-4k2f"), "members of the wrong type"),
        (request("hold", [[ID, 1, 2, "x" * 5000]], key="h-4k2f"), "cut off or too long"),
        (request("hold", [ID], key="h-4k2f")[:-1], "cut off or too long"),
        (request("hold", [ID, OTHER], key="h-4k2f")[:-5], "cut off or too long"),
        (request("info") + b"x", "lines that it does not take"),
        (request("depth") + request("depth"), "lines that it does not take"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused_and_named(data: bytes, says: str) -> None:
    error = refusal(data)
    assert error.code == "bad_request"
    assert error.text.startswith("The request was refused and nothing was done: ")
    assert says in error.text


def test_one_target_too_many_is_refused() -> None:
    many = [f"{number:010X}" for number in range(protocol.MAX_TARGETS + 1)]
    error = refusal(request("release", many, targets=protocol.MAX_TARGETS))
    assert "more than 100,000 targets" in error.text
    assert len(requests.read(io.BytesIO(request("release", many[:-1]))).targets) == protocol.MAX_TARGETS


def test_every_verb_has_a_right_request_here() -> None:
    assert {json.loads(data.splitlines()[0])["verb"] for data in GOOD} == set(RESULTS)


def _spoiled(draw: st.DrawFn) -> bytes:
    """A good request with one thing in it made wrong, or bytes that never were one."""
    first, *rest = draw(st.sampled_from(GOOD)).splitlines(keepends=True)
    members = json.loads(first)
    how = draw(st.sampled_from(["member", "args", "argument", "target", "bytes", "cut", "verb"]))
    if how == "member":
        members[draw(st.sampled_from(["v", "verb", "instance", "args", "path"]))] = draw(BAD_VALUES)
    elif how == "args":
        members["args"][draw(st.text(string.ascii_letters + "/._", min_size=1, max_size=20))] = draw(BAD_VALUES)
    elif how == "argument" and members["args"]:
        members["args"][draw(st.sampled_from(sorted(members["args"])))] = draw(BAD_VALUES)
    elif how == "verb":
        members["verb"] = draw(st.one_of(st.text(max_size=20), st.sampled_from(sorted(RESULTS))))
    lines = [json.dumps(members).encode() + b"\n", *rest]
    if how == "target":
        lines.insert(draw(st.integers(1, len(lines))), json.dumps(draw(BAD_VALUES)).encode() + b"\n")
    data = b"".join(lines)
    if how == "bytes":
        place = draw(st.integers(0, len(data)))
        return data[:place] + draw(st.binary(min_size=1, max_size=20)) + data[place:]
    return data[: draw(st.integers(0, len(data) - 1))] if how == "cut" else data


@given(st.composite(_spoiled)())
def test_a_hostile_request_is_refused_with_a_clear_text_or_is_a_right_one(data: bytes) -> None:
    refused: AgentError | None = None
    try:
        read = requests.read(io.BytesIO(data))
    except AgentError as error:
        refused = error
    if refused:
        assert refused.code == "bad_request"
        assert refused.text.isprintable() and len(refused.text) < 400
        return
    assert read.verb in RESULTS
    assert all(is_queue_id(target.queue_id) for target in read.targets)
    assert len({target.queue_id for target in read.targets}) == len(read.targets)


@given(data=st.one_of(st.composite(_spoiled)(), st.binary(max_size=300)))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_refused_runs_no_program_and_touches_no_file(standin: StandIn, data: bytes) -> None:
    before = sorted(standin.queue_directory.rglob("*"))
    answer = standin.send(data)
    ran = standin.ran()
    if answer.code == "bad_request" and "The request was refused" in answer.last["text"]:
        assert answer.status == 64
        assert ran == []
        assert sorted(standin.queue_directory.rglob("*")) == before
    else:
        requests.read(io.BytesIO(data))  # it was a right one
    assert "Traceback" not in answer.complaints
