"""postmap(1): asks a table (`-q`), of the kinds that need no database."""

from __future__ import annotations

import os
import sys

from bot.demo.programs import common

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = "usage: postmap [-c config_dir] -q key [map_type:]file..."


def main() -> int:
    # Unlike its siblings it calls itself by its name alone.
    return common.run(os.path.basename(sys.argv[0]), work, 1)


def work(arguments: Sequence[str]) -> int:
    try:
        given, tables = common.options(arguments, "c:q:")
    except common.Misused as error:
        common.say("postmap", str(error))
        raise common.Fatal(USAGE) from None
    chosen = dict(given)
    if not chosen.get("q") or not tables:
        raise common.Fatal(USAGE)
    common.configuration(chosen.get("c", ""))
    for table in tables:
        if value := lookup(table, chosen["q"]):
            sys.stdout.write(f"{value}\n")
            return 0
    return 1


def lookup(table: str, key: str) -> str:
    """What the table has for the key, or nothing. Raises Fatal."""
    kind, _, name = table.partition(":")
    if kind == "static":
        return name
    if kind != "texthash":
        raise common.Fatal(f"unsupported dictionary type: {kind}")
    try:
        with open(name, encoding="utf-8") as file:
            rows = [line.split(None, 1) for line in file if line.strip() and not line.startswith("#")]
    except OSError as error:
        raise common.Fatal(f"open database {name}: {error.strerror}") from None
    return {row[0].lower(): row[1].strip() for row in rows if len(row) == 2}.get(key.lower(), "")
