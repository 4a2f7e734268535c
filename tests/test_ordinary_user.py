"""The ordinary user that the sudo tests stand on is one."""

from __future__ import annotations

import pwd
import subprocess

import pytest

from tests.ordinary_user import SUDOERS, OrdinaryUser

pytestmark = pytest.mark.real("sudo")


def test_it_is_itself_and_nobody_else(ordinary_user: OrdinaryUser) -> None:
    assert ordinary_user.run("id", "-un").stdout.strip() == ordinary_user.name
    assert ordinary_user.run("id", "-Gn").stdout.strip() == ordinary_user.name
    assert ordinary_user.run("cat", "/etc/shadow").returncode != 0
    assert ordinary_user.run("sh", "-c", "touch here && pwd").stdout.strip() == str(ordinary_user.home)


def test_sudo_lets_it_do_what_the_rules_allow_and_nothing_else(ordinary_user: OrdinaryUser) -> None:
    assert ordinary_user.sudo("/usr/bin/id", "-u").returncode != 0
    ordinary_user.allow('{user} ALL=(root) NOPASSWD: /usr/bin/id ""')
    assert ordinary_user.sudo("/usr/bin/id").stdout.startswith("uid=0(root)")
    assert ordinary_user.sudo("/usr/bin/id", "-u").returncode != 0
    assert ordinary_user.sudo("/usr/bin/whoami").returncode != 0


def test_rules_with_a_mistake_are_never_installed(ordinary_user: OrdinaryUser) -> None:
    with pytest.raises(subprocess.CalledProcessError):
        ordinary_user.allow("{user} ALL=(root NOPASSWD: /usr/bin/id")
    assert not ordinary_user.sudoers.exists()
    assert not list(SUDOERS.parent.glob(f"{ordinary_user.name}*"))


def test_closing_leaves_neither_user_nor_rules_nor_home() -> None:
    user = OrdinaryUser()
    user.allow("{user} ALL=(root) NOPASSWD: /usr/bin/id")
    user.close()
    assert user.name not in {account.pw_name for account in pwd.getpwall()}
    assert not user.sudoers.exists()
    assert not user.home.exists()
