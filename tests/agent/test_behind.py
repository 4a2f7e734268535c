"""Who is behind the most frequent sender, by the queue files that are there."""

from __future__ import annotations

from typing import Any

import pytest

from bot.agent import behind
from bot.agent.protocol import Count, Tally
from tests.agent.standin import StandIn, entry, lines
from tests.postfix.filling import Spooled, queue_file

NOW = 1_700_000_000


def put(standin: StandIn, number: int, sender: str, queue: str = "hold", **attributes: str) -> dict[str, Any]:
    """A queue file, and the entry that tells of it."""
    queue_id = f"{number:06X}"
    content, _ = queue_file(
        Spooled(sender, {"bob@y.test": None}, NOW + number, attributes=attributes), queue_id, "mx.test"
    )
    path = standin.queue_directory / queue / queue_id
    path.write_bytes(content)
    path.chmod(0o700)
    return entry(queue_id, queue_name=queue, arrival_time=NOW + number, message_size=int(content[2:18]), sender=sender)


def asked(standin: StandIn, entries: list[dict[str, Any]], number: int) -> Any:
    standin.says("postqueue", lines(entries))
    return standin.ask("list", behind=number).result["behind"]


def test_the_newest_messages_of_the_most_frequent_sender_tell_logins_and_clients(standin: StandIn) -> None:
    entries = [
        put(standin, n, "boss@x.test", sasl_username="ana" if n < 7 else "eve", client_address=f"192.0.2.{n % 2}")
        for n in range(10)
    ]
    entries += [put(standin, 100 + n, "ann@x.test", sasl_username="ann") for n in range(5)]
    assert asked(standin, entries[::-1], 5) == {
        "sender": "boss@x.test",
        "read": 5,
        "logins": [{"name": "eve", "messages": 3}, {"name": "ana", "messages": 2}],
        "clients": [{"name": "192.0.2.1", "messages": 3}, {"name": "192.0.2.0", "messages": 2}],
    }
    assert asked(standin, entries, 20)["read"] == 10


def test_what_left_changed_or_is_damaged_is_not_among_those_that_were_read(standin: StandIn) -> None:
    entries = [put(standin, n, "boss@x.test", sasl_username="eve") for n in range(5)]
    folder = standin.queue_directory / "hold"
    (folder / "000000").unlink()
    (folder / "000001").write_bytes(b"nonsense")
    put(standin, 2, "someone@else.test", sasl_username="other")
    found = asked(standin, entries, 20)
    assert (found["read"], found["logins"]) == (2, [{"name": "eve", "messages": 2}])


def test_mail_without_a_login_counts_for_none_and_a_maildrop_file_is_not_believed(standin: StandIn) -> None:
    entries = [put(standin, 1, "boss@x.test"), put(standin, 2, "boss@x.test", "maildrop", sasl_username="forged")]
    assert asked(standin, entries, 20) == {"sender": "boss@x.test", "read": 1, "logins": [], "clients": []}


def test_nobody_is_behind_an_empty_queue_or_when_it_was_not_asked(standin: StandIn) -> None:
    assert asked(standin, [], 5) is None
    assert asked(standin, [put(standin, 1, "boss@x.test")], 0) is None
    assert standin.ask("list", behind=21).code == "bad_request"


def test_the_most_frequent_sender_is_not_forgotten_among_many(
    standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "MAX_SENDERS", 20)
    newest = behind.Newest(3)
    for n in range(400):
        newest.add(entry(f"{n:06X}", sender=f"u{n}@x.test"))
        if n % 4 == 0:
            newest.add(put(standin, 1000 + n, "boss@x.test", sasl_username="eve"))
    found = newest.behind(standin.system, Tally((Count("boss@x.test", 100),)))
    assert found is not None
    assert (found.read, found.logins) == (3, (Count("eve", 3),))
