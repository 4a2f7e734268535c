"""From nothing to `/mail status` of two mail hosts: a real sshd, sudo and two Postfix instances, and a bot in Slack.

The bot is an ordinary user, started as the README starts it. Only Slack is the local one.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

import pytest

from bot.console.workspace import Workspace, text_of
from tests.commands.machine import REAL, ROOT, Machine, as_user
from tests.dns.misbehaving import MisbehavingServer
from tests.doctor.clinic import honest
from tests.postfix.filling import fill, mixture
from tests.postfix.instance import PrivatePostfix
from tests.postfix.world import World
from tests.slack.desk import APRIL, OPAL, OPS

pytestmark = [*REAL, pytest.mark.real("sshd"), pytest.mark.takes(300)]

MESSAGES = 40
LONG = 60.0
"""Seconds that this machine may take for one answer when it is busy."""


async def test_installed_all_ok_shown_and_a_deletion_brought_back(
    reached: Machine, new_postfix: Callable[..., PrivatePostfix], world: World, misbehaving: MisbehavingServer
) -> None:
    second = new_postfix()
    settings = by_ssh(reached, second) | {"DNS_SERVERS": honest(misbehaving).address}
    done = reached.maildesk("agent", "install", "mx1", "--ssh", "mx2", "--yes", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    queued = set(fill(second, mixture(MESSAGES)))
    async with Workspace(ack_seconds=LONG) as slack:
        for user, name in ((OPAL, "opal"), (APRIL, "april")):
            slack.add_user(user, name)
        slack.add_channel(OPS, "ops", [OPAL, APRIL])
        settings |= {
            **{"SLACK_API_URL": slack.api_url, "SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token},
            **{"OPS_CHANNELS": OPS, "OPERATORS": OPAL, "APPROVERS": APRIL},
        }
        async with running(reached, settings, slack):
            found = await asyncio.to_thread(reached.run, *desk(settings), "doctor")
            assert (found.returncode, found.stderr) == (0, ""), found.stdout
            lines = found.stdout.splitlines()
            assert all(line.startswith("ok ") for line in lines), found.stdout
            about = {line.split()[1] for line in lines}
            assert about == {"settings:", "this", "Slack:", "people:", "database:", "DNS:", "mx1:", "mx2:"}

            await slack.command(OPAL, OPS, "/mail status")
            shown = await slack.wait_message(OPS, "mx1 is well. Nothing is queued.", OPAL, seconds=LONG)
            assert "mx2: the oldest message goes back to its sender in " in text_of(shown), text_of(shown)

            await slack.command(OPAL, OPS, "/mail delete mx2 all")
            question = await slack.wait_message(OPS, f"{MESSAGES} messages", seconds=LONG)
            await slack.press(APRIL, question, "request.approve", confirmed=True)
            record = await slack.wait_message(OPS, f"Deleted {MESSAGES} messages", seconds=LONG)
            assert second.queue() == []
            await slack.press(APRIL, record, "request.restore", confirmed=True)
            await slack.wait_message(OPS, f"Restored {MESSAGES} messages", seconds=LONG)
            assert {entry.queue_id for entry in second.queue()} == queued


def by_ssh(machine: Machine, second: PrivatePostfix) -> dict[str, str]:
    """The settings of a bot whose user, `desk`, has a key and reaches both instances of the machine by ssh."""
    port = machine.sh(
        f"postconf -c {second.config_directory} -e multi_instance_name=postfix-out; "
        f"postconf -e multi_instance_directories={second.config_directory} multi_instance_wrapper=postmulti; "
        "useradd desk; install -d -o desk -m 0700 /mnt/desk; cd /mnt/ssh; install -o desk -m 0600 bot known /mnt/desk; "
        "install -m 0644 bot.pub /mnt/desk; sed -n 's/^Port //p' sshd"
    ).strip()
    return {
        "MAIL_HOSTS": f"mx1=ssh://127.0.0.1:{port},mx2=ssh://127.0.0.1:{port}/postfix-out",
        "SSH_KEY_FILE": "/mnt/desk/bot",
        "SSH_KNOWN_HOSTS_FILE": "/mnt/desk/known",
        "DATABASE_URL": "sqlite:////mnt/desk/maildesk.db",
        "AUDIT_KEY_FILE": "/mnt/desk/audit.key",
    }


def desk(settings: Mapping[str, str]) -> tuple[str, ...]:
    """The beginning of `maildesk` as the bot's user."""
    said = [f"{name}={value}" for name, value in settings.items()]
    return (*as_user("desk"), "env", "HOME=/mnt/desk", f"PYTHONPATH={ROOT}", *said, sys.executable, "-m", "bot")


@asynccontextmanager
async def running(machine: Machine, settings: Mapping[str, str], slack: Workspace) -> AsyncIterator[None]:
    """`maildesk run`, connected to Slack; what it logs in the end is what happened, and no job of its clock."""
    bot = await asyncio.create_subprocess_exec(
        *("nsenter", f"--mount=/proc/{machine.pid}/ns/mnt", "--wd=/mnt", *desk(settings), "run"),
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    logged = asyncio.create_task(bot.communicate())
    try:
        await slack.connected(LONG)
        yield
    finally:
        bot.terminate()
        _, log = await logged
    assert bot.returncode == 0, log.decode()
    assert "apscheduler" not in log.decode()
