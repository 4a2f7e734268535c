"""`maildesk rbl` at a shell: each list with its answer, and the exit status of a monitoring plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.demo import dnsworld
from bot.demo.nameserver import NameServer
from bot.reputation.zones import load
from bot.settings import Settings

KEY = "secret26"


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[NameServer]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    with NameServer() as made:
        made.publish("\n".join(dnsworld.records(load())))
        monkeypatch.setenv("DNS_SERVERS", made.address)
        yield made


def printed(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()


def test_a_listing_comes_first_and_makes_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rbl", dnsworld.LISTED]) == 1
    shown = printed(capsys)
    assert shown[0].startswith(f"WARNING: {dnsworld.LISTED} is listed by SpamCop")
    assert shown[1].startswith("LISTED: SpamCop, weight medium: ") and shown[2] == f"    It says: {dnsworld.REASON}"
    assert any(line.startswith("25 of 26 lists answered") for line in shown)


def test_nothing_listed_is_unknown_while_a_list_that_matters_refuses(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["rbl", "198.51.100.7"]) == 3
    assert printed(capsys)[0].startswith(
        "UNKNOWN: 198.51.100.7 is on none of the 24 blocklists that answered, but what"
    )
    monkeypatch.setenv("DNSBL_DROP", "spamhaus-zen")
    assert main(["rbl", "198.51.100.7"]) == 0
    assert printed(capsys)[0] == "OK: 198.51.100.7 is on none of the 24 blocklists that answered."


def test_json_has_each_list_with_its_answer_cause_codes_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rbl", dnsworld.LISTED, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    lists = {each["id"]: each for each in found["lists"]}
    assert (len(lists), found["asked"], found["answered"], found["exit_status"]) == (26, 26, 25, 1)
    assert lists["spamcop"]["answer"] == "listed" and lists["spamcop"]["reason"] == dnsworld.REASON
    assert lists["spamcop"]["codes"][0]["weight"] == "medium" and lists["spamcop"]["seconds"] > 0
    assert lists["spamhaus-zen"]["cause"] == "refused" and "127.255.255.254" in lists["spamhaus-zen"]["detail"]
    assert lists["psbl"]["answer"] == "not_listed" and found["not_asked"][0]["why"] == "needs a key"


def test_a_key_is_never_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, names: NameServer
) -> None:
    monkeypatch.setenv("DNSBL_KEYS", f"spamhaus={KEY}")
    names.publish(f"2.0.0.127.{KEY}.zen.dq.spamhaus.net. A 127.0.0.2")
    for options in ([], ["--json"]):
        assert main(["rbl", dnsworld.LISTED, *options]) in (1, 3)
        shown = capsys.readouterr()
        assert KEY not in shown.out + shown.err
    assert main(["rbl", "198.51.100.7"]) == 3
    assert "Spamhaus ZEN: Spamhaus ZEN (DQS) is asked instead" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("environment", "argument", "said"),
    [
        ({}, "nonsense", "UNKNOWN: “nonsense” is neither an address nor a domain"),
        ({"DNSBL_DROP": "nobody"}, "192.0.2.1", "UNKNOWN: DNSBL_DROP: there is no list 'nobody'"),
    ],
)
def test_what_hinders_the_look_is_unknown(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    argument: str,
    said: str,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["rbl", argument]) == 3
    assert capsys.readouterr().err.startswith(said)


@pytest.mark.parametrize("arguments", [["rbl"], ["check", "--only", "nonsense"]])
def test_a_call_that_is_not_understood_is_unknown_to_monitoring(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 3
