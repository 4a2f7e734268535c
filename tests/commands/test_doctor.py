"""`maildesk doctor` at a shell: a line for each thing, the command that mends it, and an exit status for scripts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.__main__ import main
from bot.settings import Settings
from tests.agent.standin import StandIn


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StandIn]:
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mx1").mkdir()
    mx1 = StandIn(tmp_path / "mx1")
    mx1.start()
    (tmp_path / "maildesk.toml").write_text(f'[hosts.mx1]\nlink = "local"\nini = "{mx1.ini}"\n')
    monkeypatch.setenv("MAILDESK_CONFIG", "maildesk.toml")
    monkeypatch.setenv("DNS_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("DNS_TIMEOUT", "0.2")
    yield mx1
    mx1.stop()


def test_one_mail_host_that_is_well(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--host", "mx1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines and all(line.startswith("ok      mx1: ") for line in lines)


def test_a_problem_comes_with_its_command_and_status_2(
    nothing_set: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing_set.stop()
    assert main(["doctor", "--host", "mx1"]) == 2
    assert "\n        → On the mail host: postfix -c " in capsys.readouterr().out


def test_a_warning_is_status_1(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.doctor.mailhosts.__version__", "99.0")
    assert main(["doctor", "--host", "mx1"]) == 1
    assert "→ maildesk agent install mx1" in capsys.readouterr().out


def test_a_first_look_names_all_that_is_to_be_done(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["doctor"]) == 2
    said = capsys.readouterr().out
    for what in ("SLACK_BOT_TOKEN is not set", "SLACK_APP_TOKEN is not set", "OPS_CHANNELS is not set"):
        assert f"problem Slack: {what}" in said
    assert "Nobody has a role" in said and "maildesk.db yet" in said and "ok      mx1: Postfix" in said
    assert sorted(path.name for path in tmp_path.iterdir()) == ["maildesk.toml", "mx1"], "it made nothing"


def test_each_mistake_in_the_settings_is_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIMEZONE", "Madrid")
    monkeypatch.setenv("OPS_CHANNELS", "ops")
    assert main(["doctor"]) == 2
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("problem ")]
    assert [line.split(": ")[1] for line in lines] == ["OPS_CHANNELS", "TIMEZONE"]


def test_a_host_that_there_is_none_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--host", "mx7"]) == 2
    assert "There is no mail host named 'mx7'. You can say: mx1." in capsys.readouterr().err
