"""The TOML file that MAILDESK_CONFIG names: tables `[hosts.NAME]`, `[blocklists.ID]` and `[alerts.RULE]`."""

import tomllib
from pathlib import Path
from typing import Any

from bot.errors import SettingsError

TABLES = {
    "hosts": "mail hosts are [hosts.NAME]",
    "blocklists": "blocklists are [blocklists.ID]",
    "alerts": "rules are [alerts.RULE]",
}


def content(path: Path) -> dict[str, dict[str, Any]]:
    """What it holds, by the tables' first names. Raises SettingsError for what can't be read, or holds other things."""
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise SettingsError([f"MAILDESK_CONFIG: {path} can't be read ({error.strerror})."]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"MAILDESK_CONFIG: {path} is not valid TOML: {error}."]) from None
    problems = [
        f"MAILDESK_CONFIG: {name!r} is not known there; {', '.join(TABLES.values())}."
        for name, table in found.items()
        if name not in TABLES or not isinstance(table, dict)
    ]
    if problems:
        raise SettingsError(problems)
    return found
