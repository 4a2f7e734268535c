"""The command line as people start it: what is missing is said, and the demo plays a tour or a script."""

import os
import subprocess
import sys
from pathlib import Path


def maildesk(*arguments: str, stdin: str = "", folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": os.environ["PATH"], "TMPDIR": str(folder), **environment},
    )


def test_a_start_with_nothing_set_names_each_missing_setting(tmp_path: Path) -> None:
    done = maildesk("run", folder=tmp_path)
    assert done.returncode == 1
    assert [line.partition(" is not set")[0] for line in done.stderr.splitlines()[1:]] == [
        "- SLACK_BOT_TOKEN",
        "- SLACK_APP_TOKEN",
        "- OPS_CHANNELS",
    ]


def test_mistakes_of_every_kind_are_told_at_once(tmp_path: Path) -> None:
    done = maildesk("run", folder=tmp_path, OPS_CHANNELS="ops", MAIL_HOSTS="mx1=pigeon", LOG_LEVEL="LOUD")
    assert done.returncode == 1
    assert all(name in done.stderr for name in ("OPS_CHANNELS", "pigeon", "LOG_LEVEL"))
    assert "Traceback" not in done.stderr


def test_the_demo_plays_a_tour_where_nobody_sits_at_the_terminal(tmp_path: Path) -> None:
    done = maildesk("console", "--demo", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for said in ("🟡 mx1:", "put 640 messages on hold", "Undone:", "You may not use flush", "That was the tour"):
        assert said in done.stdout, said
    assert list(tmp_path.iterdir()) == []


def test_the_demo_takes_a_script(tmp_path: Path) -> None:
    done = maildesk("console", "--demo", stdin="status mx2\n# a remark\nhold mx2 all\n", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mx2 is well" in done.stdout
    assert "put 6 messages on hold" in done.stdout
    assert "That was the tour" not in done.stdout
