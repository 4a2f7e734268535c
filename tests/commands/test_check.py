"""`maildesk check` at a shell: what it prints, and the exit status of a monitoring plugin."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.commands.check import lines
from bot.demo import dnsworld
from bot.demo.host import DemoInstance
from bot.demo.mail import Mail
from bot.demo.nameserver import NameServer
from bot.demo.programs import launcher
from bot.demo.story import Queued
from bot.demo.world import World
from bot.reputation.findings import Severity
from bot.reputation.report import from_json
from bot.settings import Settings
from tests.reputation.reports import finding, report

SIGNED = (
    "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple;",
    f"\td={dnsworld.DOMAIN}; s={dnsworld.SELECTOR};",
    "\tt=1700000000; bh=aGVsbG8=; h=From:To; b=aGVsbG8=",
)


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[NameServer]:
    """The settings name a demo host, and this name server."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    launcher.write(tmp_path / "bin")
    demo = DemoInstance(tmp_path / "mx1", tmp_path / "bin", World({}), alive=False)
    demo.write()
    demo.add([Queued(Mail("ann@example.org", ("bob@x.test",), "Hi", 1.7e9, headers=SIGNED), next_attempt=2e10)])
    ini = tmp_path / "agent.ini"
    ini.write_text(f"[mx1]\nconfig_directory = {demo.config_directory}\ncommand_directory = {demo.programs}\n")
    ini.chmod(0o644)
    config = tmp_path / "maildesk.toml"
    config.write_text(f'[hosts.mx1]\nlink = "local"\ninstance = "mx1"\nini = "{ini}"\n')
    with NameServer() as made:
        made.publish("\n".join(dnsworld.records()))
        # There is no way from here to the mail servers of that world.
        made.publish("example.org. MX 10 in.example.org.\nin.example.org. A 127.0.0.9\nin.example.org. A 127.0.0.10")
        monkeypatch.setenv("MAILDESK_CONFIG", str(config))
        monkeypatch.setenv("DNS_SERVERS", made.address)
        yield made


@pytest.mark.usefixtures("names")
def test_problems_are_critical_and_the_first_line_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mx1", "--only", "auth"]) == 2
    first, second, *_ = capsys.readouterr().out.splitlines()
    assert first.startswith("CRITICAL: mx1: 1 problem")
    assert second.startswith("PROBLEM: The SPF record of example.org fails") and "[spf.permerror]" in second


@pytest.mark.usefixtures("names")
def test_a_selector_that_the_settings_do_not_name_is_found_in_the_queue(capsys: pytest.CaptureFixture[str]) -> None:
    main(["check", "--only", "auth", "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    of_dkim = {each["code"]: each for each in found["findings"] if each["code"].startswith("dkim.")}
    assert set(of_dkim) == {"dkim.selector_found", "dkim.ok"}
    assert f'selectors = ["{dnsworld.SELECTOR}"] under [hosts.mx1]' in of_dkim["dkim.selector_found"]["advice"]


@pytest.mark.usefixtures("names")
def test_a_part_that_is_well_is_ok(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--only", "dns"]) == 0
    assert capsys.readouterr().out.startswith("OK: mx1: all checks pass\n")


@pytest.mark.usefixtures("names")
def test_as_json_it_is_all_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json"]) == 2
    (value,) = json.loads(capsys.readouterr().out)
    found = from_json(value)
    assert (found.host, found.scope, found.exit_status) == ("mx1", "all", 2)
    assert value["exit_status"] == 2 and value["worst"] == "problem"
    assert {each["code"] for each in value["findings"]} >= {"ptr.ok", "spf.permerror"}


def test_without_an_answer_it_is_unknown(
    names: NameServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names.stop()
    monkeypatch.setenv("DNS_TIMEOUT", "0.5")
    assert main(["check"]) == 3
    assert capsys.readouterr().out.startswith("UNKNOWN: mx1: ")


@pytest.mark.usefixtures("names")
def test_a_host_that_there_is_not_is_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mx9"]) == 3
    said = capsys.readouterr()
    assert said.out == "" and said.err == "UNKNOWN: There is no mail host named 'mx9'. You can say: mx1.\n"


def test_hostile_text_does_nothing_to_a_terminal() -> None:
    shown = lines(
        report(finding("spf.none", Severity.PROBLEM, text="\x1b[31m\u202e.", publish=("a\r\nOK: all is well",)))
    )
    assert not any(each in "".join(shown) for each in "\x1b\u202e\r\n")
    assert shown[0] == "CRITICAL: mx1: 1 problem"
