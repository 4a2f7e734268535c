"""`maildesk agent install` on a real sudo and Postfix: shown, written, tried, and taken away again."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

import pytest

from bot.commands import install
from bot.errors import UserError
from tests.commands.machine import AGENT, INFO, MAY_ALL, REAL, ROOT, Machine, as_user
from tests.postfix.instance import PrivatePostfix
from tests.postfix.world import World


class TestHere:
    """Where the bot itself runs, through sudo."""

    pytestmark: ClassVar = REAL

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

    def test_without_postfix_it_says_what_is_to_be_done_and_writes_nothing(self, machine: Machine) -> None:
        machine.sh("mount --bind /dev/null $(command -v postconf)")
        before = machine.files()
        done = machine.maildesk("agent", "install", "mx1", "--yes")
        assert done.returncode == 1
        assert "There is no Postfix here: apt-get install postfix, or name the host that has it." in done.stderr
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
        settings = ("env", f"PYTHONPATH={ROOT}", "MAIL_HOSTS=mx1=sudo", "TMPDIR=/mnt/tmp")
        maildesk = (*as_user("ana"), *settings, sys.executable, "-m", "bot")
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
