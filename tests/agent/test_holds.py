"""The records of holds: what is too old is forgotten, and costs a queue ID at the most."""

import os
import time
from pathlib import Path

from bot.agent import holds
from bot.agent.trash import Trash
from bot.agent.trust import Trust
from tests.agent.standin import StandIn


def test_records_older_than_three_months_are_forgotten(standin: StandIn, tmp_path: Path) -> None:
    trash = Trash(standin.instance, str(standin.queue_directory), Trust({0, os.geteuid()}, sticky=True))
    trash.prepare()
    folder = Path(trash.path) / "holds"
    for key, days in (("h-newer", 89), ("h-older", 91)):
        (folder / key).write_text("{}\n")
        moment = time.time() - days * 24 * 3600
        os.utime(folder / key, (moment, moment))
    holds.forget(trash, time.time() - holds.KEPT_SECONDS)
    assert holds.keys(trash) == ["h-newer"]
