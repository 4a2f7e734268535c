"""What the settings say of blocklists: keys (DNSBL_KEYS), and tables in the file that MAILDESK_CONFIG names."""

import re
from pathlib import Path
from typing import Any

from bot import configfile
from bot.errors import SettingsError

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,23}\Z")
KEY = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\Z")


def keys_from_list(text: str) -> dict[str, str]:
    """`spamhaus=KEY,abusix=KEY`, or each on a line of its own. Raises SettingsError, which never quotes a key."""
    pairs = [entry.partition("=") for entry in text.replace("\n", ",").split(",") if entry.strip()]
    keys: dict[str, str] = {}
    problems = []
    for number, (name, _, key) in enumerate(((name.strip(), _, key.strip()) for name, _, key in pairs), start=1):
        if not ID.match(name) or not KEY.match(key):
            # A key is a label of the names that are asked (RFC 1035 §2.3.1).
            problems.append(f"DNSBL_KEYS: entry {number} is not NAME=KEY with a key of letters, digits and hyphens.")
        elif name in keys:
            problems.append(f"DNSBL_KEYS: there are two keys named {name}.")
        keys[name] = key
    if problems:
        raise SettingsError(problems)
    return keys


def tables_from_toml(path: Path) -> dict[str, Any]:
    """The tables `[blocklists.ID]` as they stand there; bot/reputation/zones.py knows their members."""
    return configfile.content(path).get("blocklists", {})
