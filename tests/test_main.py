"""The command line as people start it: what is missing is said, and the demo plays a tour or a script."""

import asyncio
import os
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.store.audit import Entry, Head
from bot.store.database import Store
from bot.store.key import file_key


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


def audit(folder: Path, *arguments: str, **environment: str) -> tuple[int, str, str]:
    done = maildesk("audit", "verify", *arguments, folder=folder, **environment)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


async def write_down(folder: Path, rows: int) -> Head:
    async with Store(f"sqlite:///{folder}/maildesk.db", file_key(folder / "audit.key")) as store:
        for number in range(rows):
            async with store.transaction() as transaction:
                at = datetime(2026, 3, 1, 9, number, tzinfo=UTC)
                await transaction.audit(Entry(at, "U0ANA", "Ana", "approver", "flush", "mx1"))
        return await store.audit.head()


def test_audit_verify_says_that_all_is_in_order_and_since_when(tmp_path: Path) -> None:
    head = asyncio.run(write_down(tmp_path, 3))
    status, said, _ = audit(tmp_path)
    assert status == 0
    assert said.startswith(f"3 rows are in order, since 2026-03-01 09:00 UTC. The head is {head}.\n")
    status, said, _ = audit(tmp_path, "--head", str(head))
    assert (status, said.splitlines()[1]) == (0, f"{head} is among them.")


def test_audit_verify_names_each_row_that_is_not_as_it_was_written(tmp_path: Path) -> None:
    head = asyncio.run(write_down(tmp_path, 6))
    database = sqlite3.connect(tmp_path / "maildesk.db")
    database.execute("UPDATE audit SET actor = 'U0EVE' WHERE seq = 2")
    database.execute("DELETE FROM audit WHERE seq IN (4, 6)")
    database.commit()
    database.close()
    status, said, _ = audit(tmp_path, "--head", str(head))
    assert status == 1
    assert said.splitlines()[1:] == [
        "- Row 2 was edited, or Maildesk did not write it: its MAC does not fit what it says.",
        "- Row 4 is missing.",
        f"- Row 6 is missing. The head was {head} once.",
    ]


def test_audit_verify_makes_nothing_and_says_what_is_not_there(tmp_path: Path) -> None:
    status, _, said = audit(tmp_path)
    assert (status, said.startswith(f"The database {tmp_path}/maildesk.db does not exist.")) == (1, True)
    assert list(tmp_path.iterdir()) == []
    asyncio.run(write_down(tmp_path, 0))
    assert audit(tmp_path)[:2] == (
        0,
        f"The audit chain in {tmp_path}/maildesk.db is empty: nothing has been written down yet.\n",
    )
    (tmp_path / "audit.key").unlink()
    status, _, said = audit(tmp_path)
    assert (status, said.startswith("The key of the audit chain is gone")) == (1, True)


def test_a_head_that_is_none_is_a_line(tmp_path: Path) -> None:
    asyncio.run(write_down(tmp_path, 1))
    status, _, said = audit(tmp_path, "--head", "57")
    assert (status, "is not the head of an audit chain" in said) == (1, True)


def test_a_database_that_can_not_be_used_stops_the_start_with_a_line(tmp_path: Path) -> None:
    slack = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1", "OPS_CHANNELS": "C0OPS"}
    done = maildesk("run", folder=tmp_path, DATABASE_URL="sqlite:///none/maildesk.db", **slack)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        f"The database {tmp_path}/none/maildesk.db can't be made (No such file or directory). "
        "Its folder must exist and belong to the user the bot runs as."
    ]


@pytest.mark.takes(600)
def test_the_demo_plays_a_tour_where_nobody_sits_at_the_terminal(tmp_path: Path) -> None:
    done = maildesk("console", "--demo", folder=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    for said in (
        "🟡 mx1:",
        "put 640 messages on hold",
        "Undone:",
        "You may not use flush",
        "🔴 mx1: One sender has most of a growing queue",
        "ben acknowledged it.",
        "🟢 Over: One sender has most of a growing queue.",
        "🟡 mx1: On a blocklist: 192.0.2.25 spamcop",
        "2 of 2 mail hosts need somebody: mx1 and mx2.",
        "Queue of mx1",
        "That was the tour",
    ):
        assert said in done.stdout, said
    assert "never checked" not in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_demo_takes_a_script_and_nothing_from_the_settings_of_this_machine(tmp_path: Path) -> None:
    there = {"APPROVAL_TTL": "soon", "CHANNEL_ADDRESSES": "none", "MAIL_HOSTS": "mine=local"}
    done = maildesk("console", "--demo", stdin="status mx2\n# a remark\nhold mx2 all\n", folder=tmp_path, **there)
    assert (done.returncode, done.stderr) == (0, "")
    assert "mx2 is well" in done.stdout
    assert "put 6 messages on hold" in done.stdout
    assert "That was the tour" not in done.stdout
