"""`maildesk agent install` over the admin's own ssh, to a real sshd: what it lets in, and what it refuses to write."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.commands.machine import AGENT, INFO, MAY_ALL, REAL, Machine
from tests.postfix.instance import PrivatePostfix
from tests.postfix.waiting import wait_until

pytestmark = [*REAL, pytest.mark.real("sshd")]

INSTALL = ("agent", "install", "mx2", "--ssh", "mx2", "--key", "/mnt/ssh/bot.pub")
BOT = ("ssh", "-i", "/mnt/ssh/bot", "-l", "maildesk")


def test_a_key_that_starts_the_agent_and_nothing_else(reached: Machine, postfix: PrivatePostfix) -> None:
    before = reached.files()
    there = ("agent", "install", "mx2", "--ssh", "mx2", "--key", "/mnt/ssh/bot.pub")
    shown = reached.maildesk(*there, "--dry-run")
    assert "+ /var/lib/maildesk-login/.ssh/authorized_keys (root, 0644)" in shown.stdout, shown.stderr
    assert f'      restrict,command="sudo -n {AGENT}" ssh-ed25519 ' in shown.stdout
    assert reached.files() == before
    done = reached.maildesk(*there, stdin="y\n")
    assert done.returncode == 0, done.stdout + done.stderr

    bot = ("ssh", "-i", "/mnt/ssh/bot", "-l", "maildesk")
    answer = json.loads(reached.run(*bot, "mx2", stdin=INFO).stdout)
    assert answer["result"]["parameters"]["queue_directory"] == str(postfix.queue_directory)
    for words in (["id"], ["sudo", "-n", "/usr/bin/id"], ["-t", "sh"], ["sh", "-c", "id"]):
        said = reached.run(*bot, "mx2", *words, stdin="no request\n").stdout
        assert json.loads(said)["code"] == "bad_request", "whatever is asked for, the agent answers"
    assert reached.run("sftp", "-b", "-", "-i", "/mnt/ssh/bot", "maildesk@mx2", stdin="ls\n").returncode != 0
    forwarded = reached.run(*bot, "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:127.0.0.1:25", "mx2")
    assert "forwarding failed" in forwarded.stderr
    for change in ("echo x >>.ssh/authorized_keys", "rm -f .ssh/authorized_keys", "mv .ssh mine", "mkdir mine"):
        assert reached.run("runuser", "-u", "maildesk", "--", "sh", "-c", f"cd && {change}").returncode != 0, change
    assert reached.sh("stat -c '%U %a' ~maildesk ~maildesk/.ssh ~maildesk/.ssh/authorized_keys").split("\n") == [
        *("root 755", "root 755", "root 644", "")
    ]

    undone = reached.maildesk("agent", "install", "mx2", "--ssh", "mx2", "--undo")
    assert undone.returncode == 0, undone.stderr
    assert reached.files() == before
    assert "Permission denied" in reached.run(*bot, "mx2", stdin=INFO).stderr
    assert reached.sh("ls /tmp | grep -c maildesk-agent || true") == "0\n"


def test_a_host_behind_ssh_needs_no_more_than_its_name(reached: Machine) -> None:
    """Where it is, who logs in there and which key stand in the settings; then the whole doctor is content."""
    reached.sh("chmod 0600 /mnt/ssh/bot")
    port = reached.sh("sed -n 's/^Port //p' /mnt/ssh/sshd").strip()
    settings = {
        "MAIL_HOSTS": f"mx2=ssh://postdesk@127.0.0.1:{port}",
        "SSH_KEY_FILE": "/mnt/ssh/bot",
        "SSH_KNOWN_HOSTS_FILE": "/mnt/ssh/known",
    }
    reached.sh("sed -i 's/^Host mx2$/Host 127.0.0.1/; /^ *Port /d' /etc/ssh/ssh_config")
    before = reached.files()
    done = reached.maildesk("agent", "install", "mx2", "--yes", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Tried as postdesk: the agent answers for default." in done.stdout
    assert done.stdout.endswith("the bot's own way there: maildesk doctor --host mx2\n")
    found = reached.maildesk("doctor", "--host", "mx2", **settings)
    assert (found.returncode, found.stderr) == (0, ""), found.stdout
    assert "ok      mx2: Postfix" in found.stdout
    undone = reached.maildesk("agent", "install", "mx2", "--undo", **settings)
    assert (undone.returncode, reached.files()) == (0, before), undone.stdout + undone.stderr


def test_an_admin_who_is_not_root_there_is_one_by_sudo(reached: Machine) -> None:
    reached.sh(
        "useradd --create-home --home-dir /var/lib/ana --password '*' --shell /bin/sh ana; "
        f"cp /mnt/ssh/root.pub /mnt/ssh/ana.pub; {MAY_ALL}"
    )
    there = ("agent", "install", "mx2", "--ssh", "ana@mx2", "--key", "/mnt/ssh/bot.pub")
    done = reached.maildesk(*there, "--yes")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert reached.sh("find /tmp -maxdepth 1 -user ana") == ""
    assert json.loads(reached.run(*BOT, "mx2", stdin=INFO).stdout)["event"] == "done"


def test_another_key_of_the_same_user_stays(reached: Machine) -> None:
    there = ("agent", "install", "mx2", "--ssh", "mx2")
    assert reached.maildesk(*there, "--key", "/mnt/ssh/bot.pub", "--yes").returncode == 0
    keys = "/var/lib/maildesk-login/.ssh/authorized_keys"
    reached.sh(f"echo 'ssh-ed25519 AAAA somebody' >>{keys}")
    done = reached.maildesk(*there, "--undo")
    assert f"Removed: the agent's line in {keys}" in done.stdout
    assert reached.sh(f"cat {keys}") == "ssh-ed25519 AAAA somebody\n"
    assert (done.returncode, "Left: /var/lib/maildesk-login/.ssh, which holds files of others" in done.stdout) == (
        1,
        True,
    )
    reached.sh(f"rm {keys}")
    assert reached.maildesk(*there, "--undo").returncode == 0, "what was left was still noted"
    assert reached.run("test", "-e", "/var/lib/maildesk-login").returncode == 1


def test_root_follows_no_link_of_a_users_and_writes_nothing_where_one_may(reached: Machine) -> None:
    reached.sh(
        "useradd --system --create-home --home-dir /var/lib/bot --shell /bin/sh --password '*' maildesk; "
        "cd /var/lib/bot; mkdir .ssh; ln -s /etc/shadow .ssh/authorized_keys; chown -h -R maildesk: ."
    )
    before = reached.files()
    done = reached.maildesk(*INSTALL, "--yes")
    assert (done.returncode, "leads over a link to /etc/shadow" in done.stderr) == (1, True)
    assert reached.files() == before
    reached.sh("cd /var/lib/bot; rm .ssh/authorized_keys")
    for path, owned in (("/var/lib/bot/.ssh", "maildesk, mode 755"), ("/var/lib/bot", "maildesk, mode 7")):
        done = reached.maildesk(*INSTALL, "--yes")
        assert (done.returncode, f"{path} belongs to {owned}" in done.stderr) == (1, True), done.stderr
        assert "--user maildesk-agent" in done.stderr and "Nothing was changed" in done.stderr
        reached.sh(f"chown root: {path}")
    reached.sh("chmod 0755 /var/lib/bot")
    assert reached.maildesk(*INSTALL, "--yes").returncode == 0
    assert json.loads(reached.run(*BOT, "mx2", stdin=INFO).stdout)["event"] == "done"
    # Undone by root, who was led into another folder since.
    reached.sh(
        "cd /var/lib/bot; mv .ssh his; chown -R maildesk: .; ln -s /etc/shadow his/authorized_keys.new; ln -s his .ssh"
    )
    shadow = reached.sh("cat /etc/shadow; stat -c '%U %a' /etc/shadow")
    done = reached.maildesk(*INSTALL, "--undo")
    assert done.returncode == 1
    assert "Left: the agent's line in /var/lib/bot/.ssh/authorized_keys" in done.stdout
    assert reached.sh("cat /etc/shadow; stat -c '%U %a' /etc/shadow") == shadow


def test_a_bots_own_folder_stays_its_own_and_another_user_logs_in(reached: Machine) -> None:
    """As with deploy/maildesk.service and ssh to 127.0.0.1: what the bot may write decides nothing for sshd."""
    reached.sh("useradd --system --no-create-home --home-dir /var/lib/maildesk --shell /bin/sh maildesk")
    reached.sh("install -d -o maildesk -m 0700 /var/lib/maildesk")
    assert "/var/lib/maildesk belongs to maildesk" in reached.maildesk(*INSTALL, "--yes").stderr
    done = reached.maildesk(*INSTALL, "--yes", "--user", "maildesk-agent")
    assert done.returncode == 0, done.stderr
    bot = ("ssh", "-i", "/mnt/ssh/bot", "-l", "maildesk-agent", "mx2")
    assert json.loads(reached.run(*bot, stdin=INFO).stdout)["event"] == "done"


def test_a_key_that_has_a_line_already_is_refused_since_sshd_takes_the_first(reached: Machine) -> None:
    keys = "/var/lib/maildesk-login/.ssh/authorized_keys"
    reached.sh(f"mkdir -p $(dirname {keys}); cp /mnt/ssh/bot.pub {keys}; chmod 644 {keys}")
    before = reached.files()
    done = reached.maildesk(*INSTALL, "--yes")
    assert (done.returncode, f"{keys} has that key in another line" in done.stderr) == (1, True), done.stderr
    assert reached.files() == before


def test_a_file_of_other_keys_keeps_its_mode_and_its_last_line(reached: Machine) -> None:
    reached.sh("useradd --system --no-create-home --home-dir /var/lib/of --shell /bin/sh --password '*' maildesk")
    keys = "/var/lib/of/.ssh/authorized_keys"
    reached.sh(f"mkdir -p /var/lib/of/.ssh; printf 'ssh-ed25519 AAAA ana' >{keys}; chmod 0600 {keys}")
    done = reached.maildesk(*INSTALL, "--yes")
    assert (done.returncode, f"sshd reads {keys} as maildesk, who may not" in done.stderr) == (1, True)
    reached.sh(f"chgrp maildesk {keys}; chmod 0640 {keys}")
    assert reached.maildesk(*INSTALL, "--yes").returncode == 0
    assert json.loads(reached.run(*BOT, "mx2", stdin=INFO).stdout)["event"] == "done"
    assert reached.sh(f"stat -c '%U %G %a' {keys}; head -n 1 {keys}") == "root maildesk 640\nssh-ed25519 AAAA ana\n"
    # An admin narrows it, as docs/security.md says; the next installation has nothing to object to, or to add.
    reached.sh(f"sed -i 's/^restrict/from=\"127.0.0.1\",restrict/' {keys}")
    again = reached.maildesk(*INSTALL, "--yes")
    assert (again.returncode, f"= {keys}" in again.stdout) == (0, True), again.stderr
    assert json.loads(reached.run(*BOT, "mx2", stdin=INFO).stdout)["event"] == "done"
    undone = reached.maildesk(*INSTALL, "--undo")
    assert undone.returncode == 1
    assert f"the agent's line in {keys}, which was changed since" in undone.stdout


def test_a_user_who_is_at_work_stays_noted_until_it_can_be_taken_away(reached: Machine) -> None:
    assert reached.maildesk(*INSTALL, "--yes").returncode == 0
    with subprocess.Popen(
        ["nsenter", f"--mount=/proc/{reached.pid}/ns/mnt", "runuser", "-u", "maildesk", "--", "sleep", "600"]
    ) as working:
        wait_until(lambda: reached.run("pgrep", "-u", "maildesk").returncode == 0, what="it works")
        done = reached.maildesk(*INSTALL, "--undo")
        working.terminate()
    assert (done.returncode, "Left: the user maildesk" in done.stdout) == (1, True)
    assert reached.run(*BOT, "mx2", stdin=INFO).stdout == "", "the door is closed all the same"
    wait_until(lambda: reached.run("pgrep", "-u", "maildesk").returncode == 1, what="it has ended")
    again = reached.maildesk(*INSTALL, "--undo")
    assert (again.returncode, "Removed: the user maildesk" in again.stdout) == (0, True), again.stderr


def test_a_host_that_ssh_does_not_reach_is_said_to_be_unchanged(reached: Machine) -> None:
    done = reached.maildesk("agent", "install", "mx3", "--ssh", "mx3.invalid", "--key", "/mnt/ssh/bot.pub", "--yes")
    assert (done.returncode, "nothing was changed there" in done.stderr) == (1, True)
