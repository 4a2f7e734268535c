"""`maildesk agent install` on a real sudo, Postfix and sshd: shown, written, tried, and taken away again."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from bot.commands import install
from bot.errors import UserError
from tests.commands.machine import ROOT, Machine
from tests.postfix.instance import PrivatePostfix
from tests.postfix.waiting import wait_until
from tests.postfix.world import World

AGENT = "/usr/local/sbin/maildesk-agent"
INFO = json.dumps({"v": 1, "verb": "info", "instance": "default", "args": {}}) + "\n"

real = [pytest.mark.real(name) for name in ("postfix", "sudo", "mount namespace")]


@pytest.fixture
def machine(postfix: PrivatePostfix) -> Iterator[Machine]:
    with Machine(postfix) as made:
        yield made


MAY_ALL = "echo 'ana ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ana; chmod 0440 /etc/sudoers.d/ana"


class TestHere:
    """Where the bot itself runs, through sudo."""

    pytestmark: ClassVar = real

    def test_a_dry_run_shows_each_file_and_line_and_writes_nothing(
        self, machine: Machine, postfix: PrivatePostfix
    ) -> None:
        before = machine.files()
        done = machine.maildesk("agent", "install", "mx1", "--dry-run")
        assert done.returncode == 0, done.stderr
        for line in (
            "+ the user maildesk: useradd --system",
            f"+ {AGENT} (root, 0755)",
            "+ /etc/maildesk/agent.ini (root, 0644)",
            "      config_directory = /etc/postfix",
            "+ /etc/sudoers.d/maildesk (root, 0440)",
            f'      maildesk ALL=(root) NOPASSWD: {AGENT} ""',
            f"+ {postfix.queue_directory}/maildesk-trash (root, 0700)",
        ):
            assert line in done.stdout
        assert machine.files() == before

    @pytest.mark.parametrize("said", ["n\n", ""], ids=["no", "nothing"])
    def test_it_asks_and_without_a_yes_it_writes_nothing_and_says_so(self, machine: Machine, said: str) -> None:
        before = machine.files()
        done = machine.maildesk("agent", "install", "mx1", stdin=said)
        assert (done.returncode, "Write this? [y/N]" in done.stdout, "Not written." in done.stderr) == (1, True, True)
        assert machine.files() == before

    def test_what_was_written_works_and_is_taken_away_again(self, machine: Machine, postfix: PrivatePostfix) -> None:
        before, trash = machine.files(), postfix.queue_directory / "maildesk-trash"
        done = machine.maildesk("agent", "install", "mx1", stdin="y\n")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Tried as maildesk: the agent answers for default." in done.stdout
        assert machine.sh("stat -c '%U %a' /etc/sudoers.d/maildesk /etc/maildesk/agent.ini " + AGENT).splitlines() == [
            "root 440",
            "root 644",
            "root 755",
        ]
        assert (trash.stat().st_uid, trash.stat().st_mode & 0o777) == (0, 0o700)
        answer = machine.run("runuser", "-u", "maildesk", "--", "sudo", "-n", AGENT, stdin=INFO).stdout
        assert json.loads(answer)["result"]["mail_system_up"] is True
        assert machine.run("runuser", "-u", "maildesk", "--", "sudo", "-n", "/usr/bin/id").returncode != 0

        installed = machine.files()
        again = machine.maildesk("agent", "install", "mx1", "--yes")
        assert again.returncode == 0
        assert not [line for line in again.stdout.splitlines() if line[:2] in ("+ ", "~ ")], "nothing is new"
        assert machine.files() == installed

        undone = machine.maildesk("agent", "install", "mx1", "--undo")
        assert undone.returncode == 0, undone.stderr
        assert machine.files() == before
        assert not trash.exists()
        assert "Nothing here was written" in machine.maildesk("agent", "install", "mx1", "--undo").stdout

    def test_each_instance_of_postfix_is_found_and_doctor_is_content_with_all_of_them(
        self, machine: Machine, new_postfix: Callable[..., PrivatePostfix], world: World
    ) -> None:
        second = new_postfix()
        machine.sh(
            f"postconf -c {second.config_directory} -e multi_instance_name=postfix-out; "
            f"postconf -e multi_instance_directories={second.config_directory} multi_instance_wrapper=postmulti"
        )
        done = machine.maildesk("agent", "install", "mx1", "--yes")
        assert done.returncode == 0, done.stdout + done.stderr
        assert "Tried as maildesk: the agent answers for postfix-out." in done.stdout
        assert f"      [postfix-out]\n      config_directory = {second.config_directory}" in done.stdout
        for name in ("mx1", "mx2"):
            found = machine.maildesk("doctor", "--host", name, MAIL_HOSTS="mx1=sudo,mx2=sudo:postfix-out")
            assert (found.returncode, found.stderr) == (0, ""), found.stdout
            assert f"ok      {name}: Postfix" in found.stdout and "can keep deleted mail" in found.stdout
        machine.sh("chmod 0777 " + AGENT)
        found = machine.maildesk("doctor", "--host", "mx1")
        assert (found.returncode, f"→ On the mail host: chmod go-w {AGENT}" in found.stdout) == (2, True)

    def test_undo_leaves_mail_and_what_an_admin_has_changed(self, machine: Machine, postfix: PrivatePostfix) -> None:
        assert machine.maildesk("agent", "install", "mx1", "--yes").returncode == 0
        kept = postfix.queue_directory / "maildesk-trash" / "57-k3qf" / "kept"
        kept.mkdir(parents=True)
        (kept / "ABCDEF123").write_text("mail")
        machine.sh("echo 'verbs = info depth list show' >>/etc/maildesk/agent.ini")
        done = machine.maildesk("agent", "install", "mx1", "--undo")
        said = done.stdout
        assert f"Left: {postfix.queue_directory}/maildesk-trash, which keeps mail" in said
        assert "Left: /etc/maildesk/agent.ini, which was changed since." in said
        assert (done.returncode, "what is left stays noted in /etc/maildesk/installed" in done.stderr) == (1, True)
        assert (kept / "ABCDEF123").read_text() == "mail"
        assert machine.run("test", "-e", AGENT).returncode == 1

    def test_the_hosts_own_agent_ini_stays_as_it_is(self, machine: Machine) -> None:
        machine.sh("mkdir /etc/maildesk; printf '[out]\\nconfig_directory = /etc/postfix\\n' >/etc/maildesk/agent.ini")
        done = machine.maildesk("agent", "install", "mx1", "--yes")
        assert "= /etc/maildesk/agent.ini" in done.stdout
        assert "the agent answers for out." in done.stdout
        undone = machine.maildesk("agent", "install", "mx1", "--undo")
        assert (undone.returncode, "Left: /etc/maildesk, which holds files of others." in undone.stdout) == (0, True)
        assert machine.sh("cat /etc/maildesk/agent.ini").startswith("[out]")

    def test_modes_and_owners_are_mended_too(self, machine: Machine) -> None:
        assert machine.maildesk("agent", "install", "mx1", "--yes").returncode == 0
        machine.sh(f"chown games {AGENT}; chmod 0666 /etc/sudoers.d/maildesk")
        again = machine.maildesk("agent", "install", "mx1", "--yes")
        assert again.returncode == 0, again.stderr
        assert f"~ {AGENT} (root, 0755)" in again.stdout and "~ /etc/sudoers.d/maildesk (root, 0440)" in again.stdout
        assert machine.sh(f"stat -c '%U %a' {AGENT} /etc/sudoers.d/maildesk") == "root 755\nroot 440\n"

    def test_an_admin_who_is_not_root_installs_by_sudo_and_nothing_is_left_behind(self, machine: Machine) -> None:
        machine.sh(f"useradd ana; install -d -o ana /mnt/tmp; {MAY_ALL}")
        before = machine.files()
        # Not root, but she may read where the tests' own Python lies.
        may_read = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
        ana = ("setpriv", "--reuid", "ana", "--regid", "ana", "--init-groups", *may_read)
        settings = ("env", f"PYTHONPATH={ROOT}", "MAIL_HOSTS=mx1=sudo", "TMPDIR=/mnt/tmp")
        maildesk = (*ana, *settings, sys.executable, "-m", "bot")
        done = machine.run(*maildesk, "agent", "install", "mx1", "--user", "ana", "--yes")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
        assert "Tried as ana: the agent answers for default." in done.stdout
        assert machine.sh("ls -A /mnt/tmp") == ""
        again = machine.run(*maildesk, "agent", "install", "mx1", "--yes")
        assert (again.returncode, "= /etc/sudoers.d/maildesk" in again.stdout) == (0, True), "it stays hers"
        assert machine.run(*maildesk, "agent", "install", "mx1", "--undo").returncode == 0
        assert machine.files() == before

    def test_half_a_python_is_said_before_anything_is_written(self, machine: Machine, tmp_path: Path) -> None:
        install.pack(tmp_path, "")
        machine.sh(f"mkdir /mnt/there /mnt/none; cp {tmp_path}/* /mnt/there")
        machine.sh("echo 'raise ModuleNotFoundError(__name__)' >/mnt/none/__init__.py")
        machine.sh("mount --bind /mnt/none $(/usr/bin/python3 -c 'import json; print(json.__path__[0])')")
        before = machine.files()
        done = machine.run("sh", "/mnt/there/install.sh", "install", "maildesk", "--yes")
        assert (done.returncode, "apt-get install python3. Nothing was changed." in done.stderr) == (1, True)
        assert machine.files() == before

    def test_a_sudoers_file_of_somebody_else_stops_it_before_anything_is_written(self, machine: Machine) -> None:
        machine.sh("echo 'Defaults:maildesk !lecture' >/etc/sudoers.d/maildesk")
        before = machine.files()
        done = machine.maildesk("agent", "install", "mx1", "--yes")
        assert done.returncode == 1
        assert "/etc/sudoers.d/maildesk is there and not of this script's making" in done.stderr
        assert machine.files() == before

    def test_what_the_agent_objects_to_is_said_with_the_command_that_mends_it(self, machine: Machine) -> None:
        machine.sh("chmod 0777 /etc/postfix")
        done = machine.maildesk("agent", "install", "mx1", "--yes")
        assert done.returncode == 1
        assert "On the mail host: chmod go-w /etc/postfix" in done.stderr
        assert "taken away with --undo" in done.stderr

    def test_who_may_start_it_is_an_ordinary_users_name(self, machine: Machine, tmp_path: Path) -> None:
        install.pack(tmp_path, "")
        machine.sh(f"mkdir /mnt/there; cp {tmp_path}/* /mnt/there")
        before = machine.files()
        for user in ("root", "a b", "-x", "x;id", "$(id)"):
            done = machine.run("sh", "/mnt/there/install.sh", "install", user, "--yes")
            assert (done.returncode, "no name for an ordinary user" in done.stderr) == (1, True)
        assert machine.files() == before


SSHD = """
Port {port}
ListenAddress 127.0.0.1
HostKey /mnt/ssh/host
PidFile none
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
AuthorizedKeysFile /mnt/ssh/%u.pub .ssh/authorized_keys
"""
CLIENT = """
Host mx2
    HostName 127.0.0.1
    Port {port}
    User root
    IdentityFile /mnt/ssh/root
    UserKnownHostsFile /mnt/ssh/known
"""


@pytest.fixture
def reached(machine: Machine) -> Iterator[Machine]:
    """The machine with an sshd, which its admin reaches as mx2 by their own ssh's configuration; `bot` is a key."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    machine.sh(
        "mkdir -m 0755 /mnt/ssh; cd /mnt/ssh; "
        "for key in host root bot; do ssh-keygen -q -t ed25519 -N '' -f $key; done; "
        f"mkdir -p /run/sshd; printf '%s' '{SSHD.format(port=port)}' >sshd; "
        f"mkdir -p /etc/ssh; printf '%s' '{CLIENT.format(port=port)}' >/etc/ssh/ssh_config; "
        f"echo \"[127.0.0.1]:{port} $(cut -d' ' -f1,2 host.pub)\" >known; chmod 644 *.pub known"
    )
    sshd = subprocess.Popen(
        ["nsenter", f"--mount=/proc/{machine.pid}/ns/mnt", "/usr/sbin/sshd", "-D", "-e", "-f", "/mnt/ssh/sshd"],
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: _listens(port), what="sshd listens")
    yield machine
    sshd.terminate()
    sshd.wait()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


INSTALL = ("agent", "install", "mx2", "--ssh", "mx2", "--key", "/mnt/ssh/bot.pub")
BOT = ("ssh", "-i", "/mnt/ssh/bot", "-l", "maildesk")


class TestElsewhere:
    """Over the admin's own ssh."""

    pytestmark: ClassVar = [*real, pytest.mark.real("sshd")]

    def test_a_key_that_starts_the_agent_and_nothing_else(self, reached: Machine, postfix: PrivatePostfix) -> None:
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

    def test_a_host_behind_ssh_needs_no_more_than_its_name(self, reached: Machine) -> None:
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

    def test_an_admin_who_is_not_root_there_is_one_by_sudo(self, reached: Machine) -> None:
        reached.sh(
            "useradd --create-home --home-dir /var/lib/ana --password '*' --shell /bin/sh ana; "
            f"cp /mnt/ssh/root.pub /mnt/ssh/ana.pub; {MAY_ALL}"
        )
        there = ("agent", "install", "mx2", "--ssh", "ana@mx2", "--key", "/mnt/ssh/bot.pub")
        done = reached.maildesk(*there, "--yes")
        assert (done.returncode, done.stderr) == (0, ""), done.stdout
        assert reached.sh("find /tmp -maxdepth 1 -user ana") == ""
        assert json.loads(reached.run(*BOT, "mx2", stdin=INFO).stdout)["event"] == "done"

    def test_another_key_of_the_same_user_stays(self, reached: Machine) -> None:
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

    def test_root_follows_no_link_of_a_users_and_writes_nothing_where_one_may(self, reached: Machine) -> None:
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
            "cd /var/lib/bot; mv .ssh his; chown -R maildesk: .; "
            "ln -s /etc/shadow his/authorized_keys.new; ln -s his .ssh"
        )
        shadow = reached.sh("cat /etc/shadow; stat -c '%U %a' /etc/shadow")
        done = reached.maildesk(*INSTALL, "--undo")
        assert done.returncode == 1
        assert "Left: the agent's line in /var/lib/bot/.ssh/authorized_keys" in done.stdout
        assert reached.sh("cat /etc/shadow; stat -c '%U %a' /etc/shadow") == shadow

    def test_a_bots_own_folder_stays_its_own_and_another_user_logs_in(self, reached: Machine) -> None:
        """As with deploy/maildesk.service and ssh to 127.0.0.1: what the bot may write decides nothing for sshd."""
        reached.sh("useradd --system --no-create-home --home-dir /var/lib/maildesk --shell /bin/sh maildesk")
        reached.sh("install -d -o maildesk -m 0700 /var/lib/maildesk")
        assert "/var/lib/maildesk belongs to maildesk" in reached.maildesk(*INSTALL, "--yes").stderr
        done = reached.maildesk(*INSTALL, "--yes", "--user", "maildesk-agent")
        assert done.returncode == 0, done.stderr
        bot = ("ssh", "-i", "/mnt/ssh/bot", "-l", "maildesk-agent", "mx2")
        assert json.loads(reached.run(*bot, stdin=INFO).stdout)["event"] == "done"

    def test_a_key_that_has_a_line_already_is_refused_since_sshd_takes_the_first(self, reached: Machine) -> None:
        keys = "/var/lib/maildesk-login/.ssh/authorized_keys"
        reached.sh(f"mkdir -p $(dirname {keys}); cp /mnt/ssh/bot.pub {keys}; chmod 644 {keys}")
        before = reached.files()
        done = reached.maildesk(*INSTALL, "--yes")
        assert (done.returncode, f"{keys} has that key in another line" in done.stderr) == (1, True), done.stderr
        assert reached.files() == before

    def test_a_file_of_other_keys_keeps_its_mode_and_its_last_line(self, reached: Machine) -> None:
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

    def test_a_user_who_is_at_work_stays_noted_until_it_can_be_taken_away(self, reached: Machine) -> None:
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

    def test_a_host_that_ssh_does_not_reach_is_said_to_be_unchanged(self, reached: Machine) -> None:
        done = reached.maildesk("agent", "install", "mx3", "--ssh", "mx3.invalid", "--key", "/mnt/ssh/bot.pub", "--yes")
        assert (done.returncode, "nothing was changed there" in done.stderr) == (1, True)


def test_only_a_public_key_makes_a_line(tmp_path: Path) -> None:
    key = tmp_path / "key"
    for text in (
        "",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n",
        'command="sh" ssh-ed25519 AAAA',
        "ssh-rsa A\nssh-rsa B",
    ):
        key.write_text(text)
        with pytest.raises(UserError, match="is not one public key"):
            install.authorized(key)
    key.write_text("ssh-ed25519 AAAAC3Nza maildesk@bot\n")
    assert install.authorized(key) == f'restrict,command="sudo -n {AGENT}" ssh-ed25519 AAAAC3Nza maildesk@bot'
    with pytest.raises(UserError, match="ssh-keygen"):
        install.authorized(None)


def test_a_local_link_needs_nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAIL_HOSTS", "mx1=local")
    with pytest.raises(UserError, match="nothing has to be installed"):
        install.main("mx1", install.Deed("install"))
    with pytest.raises(UserError, match="There is no mail host named 'mx7'"):
        install.main("mx7", install.Deed("install"))
    with pytest.raises(UserError, match="no destination"):
        install.main("mx1", install.Deed("undo"), ssh="-oProxyCommand=id")
