"""postconf(1): shows the instance's parameters."""

from __future__ import annotations

import sys

from bot.demo import maincf
from bot.demo.programs import common

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

USAGE = (
    "usage: postconf [-c config_dir] [-d (parameter defaults)] [-h (no names)] [-n (non-default parameters)]"
    " [-x (expand parameter values)] [name...]"
)


def main() -> int:
    return common.run(sys.argv[0], work, 1)


def work(arguments: Sequence[str]) -> int:
    try:
        given, names = common.options(arguments, "c:dhnx")
    except common.Misused as error:
        common.say(sys.argv[0], str(error))
        raise common.Fatal(USAGE) from None
    chosen = dict(given)
    values = common.configuration(chosen.get("c", ""))
    shown = maincf.DEFAULTS if "d" in chosen else values
    if not names:
        names = sorted(name for name in shown if "n" not in chosen or shown[name] != maincf.DEFAULTS.get(name))
    for name in names:
        if name not in shown:
            common.say(sys.argv[0], f"warning: {name}: unknown parameter")
            continue
        value = maincf.expanded(values, name) if "x" in chosen else shown[name]
        sys.stdout.write(f"{value}\n" if "h" in chosen else f"{name} = {value}".rstrip() + "\n")
    return 0
