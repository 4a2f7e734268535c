"""Files in spool and trash: never through a link, never another's, only names of the grammar, on standard input."""

from __future__ import annotations

import json
import os

import pytest

from tests.agent.spooled import ID, OTHER, put, queue_file, whole
from tests.agent.standin import StandIn

KEY = "57-k3qf"


def test_a_link_in_a_queue_is_no_message(standin: StandIn) -> None:
    secret = standin.folder / "shadow"
    secret.write_bytes(queue_file())
    (standin.queue_directory / "hold" / ID).symlink_to(secret)
    assert "There is no message" in standin.ask("show", queue_id=ID).last["text"]
    assert standin.ask("hold", [ID], key="h-test").result["counts"] == {"gone": 1}


def test_a_link_in_place_of_a_hash_folder_or_a_queue_is_not_followed(standin: StandIn) -> None:
    real = standin.folder / "elsewhere"
    real.mkdir()
    (real / ID).write_bytes(queue_file())
    (real / ID).chmod(0o700)
    for name in "0123456789ABCDEF":
        (standin.queue_directory / "deferred" / name).symlink_to(real)
    answer = standin.ask("hold", [ID], key="h-test")
    assert answer.code or answer.result["counts"] == {"gone": 1}
    depth = standin.ask("depth").result["queues"]
    assert depth["deferred"] is None, "a queue that can't be read is unknown, not empty"
    assert depth["hold"] == 0


def test_a_link_in_place_of_the_trash_is_not_followed(standin: StandIn) -> None:
    elsewhere = standin.folder / "elsewhere"
    elsewhere.mkdir(mode=0o777)
    elsewhere.chmod(0o777)
    (standin.queue_directory / "maildesk-trash").symlink_to(elsewhere)
    put(standin, "hold")
    assert standin.ask("release", [ID]).code == "denied"
    assert list(elsewhere.iterdir()) == []


def test_a_link_in_place_of_a_holds_record_is_not_followed(standin: StandIn) -> None:
    secret = standin.folder / "shadow"
    secret.write_text(json.dumps({"target": [ID, 1_700_000_000, 1, "a secret"]}) + "\n")
    holds = standin.queue_directory / "maildesk-trash" / "holds"
    holds.mkdir(mode=0o700, parents=True)
    holds.parent.chmod(0o700)
    (holds / "h-link").symlink_to(secret)
    before = secret.read_bytes()
    put(standin, "incoming")
    put(standin, "hold", OTHER)
    for verb, targets, args in (
        ("release", (), {"key": "h-link"}),
        ("hold", [ID], {"key": "h-link"}),
        # It looks through all records for what they tell of held files.
        ("release", [OTHER], {}),
        ("info", (), {}),
    ):
        answer = standin.ask(verb, targets, **args)
        assert answer.last["event"] == "error", (verb, answer.last)
        assert "a secret" not in json.dumps(answer.events)
    assert not any(line.startswith("postsuper") for line in standin.ran())
    assert secret.read_bytes() == before


@pytest.mark.parametrize("what", ["expiries", f"expiries/{KEY}"])
def test_a_link_in_place_of_an_expirys_record_or_of_their_folder_is_not_followed(standin: StandIn, what: str) -> None:
    put(standin, "incoming")
    elsewhere = standin.folder / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    secret = elsewhere / KEY
    secret.write_text(json.dumps({"outcome": [ID, "a secret", ""]}) + "\n")
    before = secret.read_bytes()
    path = standin.queue_directory / "maildesk-trash" / what
    path.parent.mkdir(mode=0o700, parents=True)
    (standin.queue_directory / "maildesk-trash").chmod(0o700)
    path.symlink_to(elsewhere if what == "expiries" else secret)
    for verb, targets, args in (("expire", [ID], {"key": KEY}), ("info", (), {})):
        answer = standin.ask(verb, targets, **args)
        assert answer.last["event"] == "error", (verb, answer.last)
        assert "a secret" not in json.dumps(answer.events)
    assert not any(line.startswith("postsuper") for line in standin.ran())
    assert [path.name for path in elsewhere.iterdir()] == [KEY]
    assert secret.read_bytes() == before


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_queue_file_of_another_user_is_no_message(standin: StandIn) -> None:
    os.chown(put(standin, "hold"), 65534, -1)
    assert standin.ask("show", queue_id=ID).code == "bad_request"


@pytest.mark.parametrize("name", ["../../etc/passwd", "ALL", "-", ".", "..", "a/b", "4jYT\n", "4jYT*", ""])
def test_a_name_off_the_grammar_never_gets_anywhere(standin: StandIn, name: str) -> None:
    assert standin.ask("show", queue_id=name).code == "bad_request"
    assert standin.ask("hold", [name], key="h-test").code == "bad_request"
    assert standin.ran() == []


@pytest.mark.parametrize("verb", ["hold", "release", "delete", "restore", "trash", "purge", "expire"])
@pytest.mark.parametrize(
    "key", ["../x-abcd", "h-", "h-abcd/..", "H-ABCD", "h-abcd\n", "journal", "-abcd", "57-k3qf.expired"]
)
def test_a_key_is_no_path(standin: StandIn, verb: str, key: str) -> None:
    targets = [ID] if verb in ("hold", "delete", "expire") else []
    assert standin.ask(verb, targets, key=key).code == "bad_request"
    assert standin.ran() == []
    assert not (standin.queue_directory / "maildesk-trash").exists()


@pytest.mark.parametrize(
    ("verb", "actions"),
    [
        ("hold", {"-h"}),
        ("delete", {"-h", "-d", "-H", "-r"}),
        ("requeue", {"-r"}),
        ("expire", {"-e"}),
    ],
)
def test_ids_reach_postsuper_on_standard_input_only(standin: StandIn, verb: str, actions: set[str]) -> None:
    typed = standin.folder / "typed"
    message = whole(put(standin, "incoming"))
    standin.does("postsuper", f"cat >>{typed}")
    standin.ask(verb, [message], **({} if verb == "requeue" else {"key": KEY}))
    calls = [line.split() for line in standin.ran() if line.startswith("postsuper")]
    assert calls
    for _, _, directory, action, what, *queues in calls:
        assert directory == str(standin.config_directory)
        assert action in actions and what == "-"
        assert set(queues) <= {"incoming", "active", "deferred", "hold"}
        assert action != "-d" or queues == ["hold"]
    assert ID in typed.read_text().split()
