"""agent.ini: what may be left out, and each mistake by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.agent.config import Instance, read
from bot.agent.errors import AgentError
from bot.agent.verbs import RESULTS


def test_without_the_file_there_is_one_instance(tmp_path: Path) -> None:
    assert read(str(tmp_path / "none.ini")) == {"default": Instance("default", "/etc/postfix", tuple(RESULTS))}


def test_each_section_is_an_instance(tmp_path: Path) -> None:
    (tmp_path / "agent.ini").write_text(
        "[default]\nconfig_directory = /etc/postfix  ; the usual one\n"
        "[out]\nconfig_directory = /etc/postfix-%d\nverbs = info\n  depth\ntrash = /t\ncommand_directory = /opt/sbin\n"
        "[shut]\nconfig_directory = /etc/shut\nverbs =\n"
    )
    assert read(str(tmp_path / "agent.ini")) == {
        "default": Instance("default", "/etc/postfix"),
        "out": Instance("out", "/etc/postfix-%d", ("info", "depth"), "/t", "/opt/sbin"),
        "shut": Instance("shut", "/etc/shut", ()),
    }


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7d", 604_800), ("12h", 43_200), ("90m", 5_400), ("3600s", 3_600), ("2w", 1_209_600), ("1 ; a day", 86_400)],
)
def test_the_retention_is_a_time_of_postfix_and_without_a_unit_it_is_days(
    tmp_path: Path, value: str, seconds: int
) -> None:
    (tmp_path / "agent.ini").write_text(f"[default]\nconfig_directory = /etc/postfix\nretention = {value}\n")
    assert read(str(tmp_path / "agent.ini"))["default"].retention == seconds


def test_deleted_mail_is_kept_for_a_week_where_nothing_else_is_said(tmp_path: Path) -> None:
    assert read(str(tmp_path / "none.ini"))["default"].retention == 604_800


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"", "declares no instance"),
        (b"[default]\n", "[default] has no config_directory"),
        (b"[default]\nconfig_directory =\n", "[default] has no config_directory"),
        (b"[default]\nconfig_directory = etc/postfix\n", "config_directory must be an absolute path"),
        (b"[default]\nconfig_directory = /e\ntrash = t\n", "trash must be an absolute path"),
        (b"[default]\nconfig_directory = /e\ncommand_directory = sbin\n", "command_directory must be an absolute path"),
        (b"[default]\nconfig_directory = /e\nverbs = info destroy\n", "there is no verb 'destroy'"),
        (b"[default]\nconfig_directory = /e\nverbs = info, depth\n", "there is no verb 'info,'"),
        (b"[default]\nconfig_directory = /e\nretention = a week\n", "retention: 'a week' is no time such as 7d"),
        (b"[default]\nconfig_directory = /e\nretention = -1d\n", "retention: '-1d' is no time"),
        (b"[default]\nconfig_directory = /e\nretention = 1d12h\n", "retention: '1d12h' is no time"),
        (b"[default]\nconfig_directory = /e\nretention =\n", "retention: '' is no time"),
        (b"[default]\nconfig_directory = /e\ncolour = red\n", "has 'colour'; known are config_directory"),
        (b"[default]\nconfig_directory\n", "parsing errors"),
        (b"config_directory = /e\n", "no section headers"),
        (b"[a]\nconfig_directory = /e\n[a]\nconfig_directory = /f\n", "section 'a' already exists"),
        (b"[a]\nconfig_directory = /e\nconfig_directory = /f\n", "option 'config_directory' in section 'a'"),
        (b"[a]\nconfig_directory = /\xff\n", "can't decode byte"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_the_file_and_nothing_is_done(tmp_path: Path, text: bytes, says: str) -> None:
    path = tmp_path / "agent.ini"
    path.write_bytes(text)
    with pytest.raises(AgentError) as caught:
        read(str(path))
    assert caught.value.code == "internal"
    assert caught.value.text.startswith(f"{path} has a mistake, so nothing was done: ")
    assert says in caught.value.text
    assert "\n" not in caught.value.text
