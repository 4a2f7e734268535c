"""Tables of transports: which are asked, for what, and what is made of the answers."""

from __future__ import annotations

import pytest

from bot.agent.protocol import MAX_TEXT
from bot.agent.transports import catch_all
from tests.agent.standin import StandIn


def test_each_file_is_asked_by_itself_until_one_has_it(standin: StandIn) -> None:
    standin.does("postmap", 'case "$5" in *second) echo "relay:[b.test]";; *) exit 1;; esac')
    assert catch_all(standin.postfix, "hash:/first, lmdb:/second hash:/third") == "relay:[b.test]"
    asked = f"postmap -c {standin.config_directory} -q *"
    assert standin.ran() == [f"{asked} hash:/first", f"{asked} lmdb:/second"]


def test_tables_that_are_no_files_are_not_asked(standin: StandIn) -> None:
    standin.says("postmap", "relay:[b.test]\n")
    for table in ("ldap:/x", "mysql:/x", "proxy:pgsql:/x", "tcp:[::1]:1", "socketmap:unix:/x", "unionmap:{hash:/x}"):
        assert catch_all(standin.postfix, table) is None
    assert standin.ran() == []


@pytest.mark.parametrize(
    ("stderr", "status", "found"),
    [
        ("", 1, ""),
        ("postmap: fatal: open database /x.db: No such file or directory", 1, None),
        ("postmap: warning: /x.db and /x: newer than", 0, "relay:[b.test]"),
        ("", 139, None),
    ],
)
def test_nothing_found_is_told_from_nothing_read(standin: StandIn, stderr: str, status: int, found: str | None) -> None:
    standin.says("postmap", "relay:[b.test]\n" if status == 0 else "", stderr, status)
    assert catch_all(standin.postfix, "hash:/x") == found


def test_what_stands_behind_an_instance_is_told_without_postmap(standin: StandIn) -> None:
    lines = "".join(f"{name} = {value}\n" for name, value in standin.parameters.items())
    standin.says("postconf", f"{lines}transport_maps = hash:/etc/postfix/transport\n")
    assert standin.ask("info").result["catch_all"] is None
    standin.says("postmap", "relay:" + "x" * 5000)
    assert len(standin.ask("info").result["catch_all"]) == MAX_TEXT
