"""postfix(1): tells whether the mail system is up. The demo itself starts and stops its queue managers."""

from __future__ import annotations

from bot.demo import maincf
from bot.demo.programs import common

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main() -> int:
    return common.run("postfix", work, 1)


def work(arguments: Sequence[str]) -> int:
    try:
        given, commands = common.options(arguments, "c:Dv")
    except common.Misused as error:
        common.say("postfix", str(error))
        raise common.Fatal("usage: postfix [-c config_dir] [-Dv] command") from None
    directory = maincf.expanded(common.configuration(dict(given).get("c", "")), "queue_directory")
    if commands == ["status"]:
        return 0 if common.running(directory) else 1
    raise common.Fatal(f"the demo's postfix knows only `status`, not {' '.join(commands)!r}; nothing was done")
