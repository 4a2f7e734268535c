"""`deploy/slack-manifest.yaml` creates the app that the code expects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MANIFEST = Path(__file__).parents[2] / "deploy" / "slack-manifest.yaml"

SCOPES = [
    "commands",
    "chat:write",
    "users:read",
    "usergroups:read",
    "files:write",
    "im:write",
    "channels:read",
    "groups:read",
    "channels:history",
    "groups:history",
]


def read_yaml(text: str) -> dict[str, Any]:
    """The little YAML that the manifest keeps to: nested mappings, lists of scalars and of mappings, quoted strings.

    Raises AssertionError for anything else, so that the file stays readable for every YAML parser.
    """
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    value, rest = _block(lines, 0)
    assert not rest, rest
    assert isinstance(value, dict)
    return value


def _block(lines: list[str], indent: int) -> tuple[Any, list[str]]:
    if lines[0].strip().startswith("- "):
        items = []
        while lines and _indent(lines[0]) == indent and lines[0].strip().startswith("- "):
            content = lines[0].strip()[2:]
            if ": " in content and not content.startswith('"'):
                item, lines = _block([" " * (indent + 2) + content, *lines[1:]], indent + 2)
            else:
                item, lines = _scalar(content), lines[1:]
            items.append(item)
        return items, lines
    mapping: dict[str, Any] = {}
    while lines and _indent(lines[0]) == indent:
        key, colon, content = lines[0].strip().partition(":")
        assert colon, lines[0]
        assert key not in mapping, f"{key} twice"
        lines = lines[1:]
        if content:
            mapping[key] = _scalar(content.strip())
        else:
            assert lines, key
            assert _indent(lines[0]) == indent + 2, lines[0]
            mapping[key], lines = _block(lines, indent + 2)
    assert not lines or _indent(lines[0]) < indent, lines[0]
    return mapping, lines


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _scalar(text: str) -> str | int | bool:
    if text in ("true", "false"):
        return text == "true"
    if text.isdigit():
        return int(text)
    if text.startswith('"'):
        assert text.endswith('"'), text
        assert "\\" not in text, text
        return text[1:-1]
    assert not set(text) & set("#|>&*!%@`{}[]"), f"{text!r} wants quotes"
    assert ": " not in text, f"{text!r} wants quotes"
    return text


def manifest() -> dict[str, Any]:
    return read_yaml(MANIFEST.read_text())


def test_it_asks_for_exactly_the_scopes_that_all_parts_need() -> None:
    assert manifest()["oauth_config"] == {"scopes": {"bot": SCOPES}}


def test_mail_is_a_command_with_a_description_a_hint_and_escaped_mentions() -> None:
    (command,) = manifest()["features"]["slash_commands"]
    assert command["command"] == "/mail"
    assert command["description"]
    assert command["usage_hint"]
    assert command["should_escape"] is True
    assert "url" not in command, "not in Socket Mode"


def test_it_speaks_socket_mode_with_buttons_and_a_home_tab() -> None:
    settings = manifest()["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["interactivity"] == {"is_enabled": True}
    assert settings["event_subscriptions"] == {"bot_events": ["app_home_opened"]}
    assert manifest()["features"]["app_home"]["home_tab_enabled"] is True
    assert manifest()["features"]["bot_user"]["display_name"] == "Maildesk"


def test_it_keeps_within_slacks_limits() -> None:
    information = manifest()["display_information"]
    assert len(information["name"]) <= 35
    assert len(information["description"]) <= 140
    assert manifest()["_metadata"]["major_version"] == 1
