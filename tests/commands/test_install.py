"""`maildesk agent install` on a real sudo, Postfix and sshd: shown, written, tried, and taken away again."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from bot.commands import install
from bot.errors import UserError
from tests.commands.machine import Machine
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

    def test_it_asks_and_a_no_writes_nothing(self, machine: Machine) -> None:
        before = machine.files()
        done = machine.maildesk("agent", "install", "mx1", stdin="n\n")
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
        said = machine.maildesk("agent", "install", "mx1", "--undo").stdout
        assert f"Left: {postfix.queue_directory}/maildesk-trash, which keeps mail" in said
        assert "Left: /etc/maildesk/agent.ini, which was changed since." in said
        assert "Left: /etc/maildesk, which holds files of others." in said
        assert (kept / "ABCDEF123").read_text() == "mail"
        assert machine.run("test", "-e", AGENT).returncode == 1

    def test_the_hosts_own_agent_ini_stays_as_it_is(self, machine: Machine) -> None:
        machine.sh("mkdir /etc/maildesk; printf '[out]\\nconfig_directory = /etc/postfix\\n' >/etc/maildesk/agent.ini")
        done = machine.maildesk("agent", "install", "mx1", "--yes")
        assert "= /etc/maildesk/agent.ini" in done.stdout
        assert "the agent answers for out." in done.stdout
        machine.maildesk("agent", "install", "mx1", "--undo")
        assert machine.sh("cat /etc/maildesk/agent.ini").startswith("[out]")

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
        for user in ("root", "a b", "-x", "x;id", "$(id)", ""):
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


class TestElsewhere:
    """Over the admin's own ssh."""

    pytestmark: ClassVar = [*real, pytest.mark.real("sshd")]

    def test_a_key_that_starts_the_agent_and_nothing_else(self, reached: Machine, postfix: PrivatePostfix) -> None:
        before = reached.files()
        there = ("agent", "install", "mx2", "--ssh", "mx2", "--key", "/mnt/ssh/bot.pub")
        shown = reached.maildesk(*there, "--dry-run")
        assert "+ /var/lib/maildesk/.ssh/authorized_keys (root, 0644)" in shown.stdout, shown.stderr
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
        assert reached.run("runuser", "-u", "maildesk", "--", "sh", "-c", "echo x >>~/.ssh/authorized_keys").returncode

        undone = reached.maildesk("agent", "install", "mx2", "--ssh", "mx2", "--undo")
        assert undone.returncode == 0, undone.stderr
        assert reached.files() == before
        assert "Permission denied" in reached.run(*bot, "mx2", stdin=INFO).stderr
        assert reached.sh("ls /tmp | grep -c maildesk-agent || true") == "0\n"

    def test_another_key_of_the_same_user_stays(self, reached: Machine) -> None:
        there = ("agent", "install", "mx2", "--ssh", "mx2")
        assert reached.maildesk(*there, "--key", "/mnt/ssh/bot.pub", "--yes").returncode == 0
        reached.sh("echo 'ssh-ed25519 AAAA somebody' >>/var/lib/maildesk/.ssh/authorized_keys")
        said = reached.maildesk(*there, "--undo").stdout
        assert "Removed: the agent's line in /var/lib/maildesk/.ssh/authorized_keys" in said
        assert reached.sh("cat /var/lib/maildesk/.ssh/authorized_keys") == "ssh-ed25519 AAAA somebody\n"

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
