"""An ordinary system user for one test, and what root allows that user in sudoers(5); both gone afterwards."""

from __future__ import annotations

import contextlib
import fcntl
import itertools
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

SUDOERS = Path("/etc/sudoers.d")
NAME = re.compile(r"mdtest-(\d+)-\d+")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_numbers = itertools.count(1)


class OrdinaryUser:
    """A system user without any privilege: its own home folder, no groups but its own, no password."""

    def __init__(self) -> None:
        self.name = f"mdtest-{os.getpid()}-{next(_numbers)}"
        self.sudoers = SUDOERS / self.name
        self.home = Path(tempfile.mkdtemp(prefix=f"{self.name}-", dir="/var/tmp"))
        try:
            with _alone():
                _account(
                    "useradd", "--system", "--user-group", "--no-create-home", "--home-dir", str(self.home), self.name
                )
        except BaseException:
            self.home.rmdir()
            raise
        self.account = pwd.getpwnam(self.name)
        os.chown(self.home, self.account.pw_uid, self.account.pw_gid)

    def allow(self, rules: str) -> Path:
        """Install these lines as the user's sudoers file, root's and 0440; raises CalledProcessError if visudo objects.

        `{user}` in the rules stands for the user's name. A second call replaces the first one's rules.
        """
        draft = SUDOERS.parent / f"{self.name}.sudoers"  # not in sudoers.d: nobody reads it before visudo has
        try:
            draft.write_text(rules.replace("{user}", self.name).rstrip("\n") + "\n")
            draft.chmod(0o440)
            subprocess.run(["visudo", "--check", "--file", str(draft)], check=True, capture_output=True, text=True)
            draft.rename(self.sudoers)
        finally:
            draft.unlink(missing_ok=True)
        return self.sudoers

    def run(
        self,
        *command: str,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        umask: int = 0o022,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as this user, in its home folder, with a plain environment and what `env` adds to it."""
        return subprocess.run(
            command,
            input=stdin,
            env={"PATH": PATH, "HOME": str(self.home), "USER": self.name, "LOGNAME": self.name, **(env or {})},
            cwd=cwd or self.home,
            user=self.account.pw_uid,
            group=self.account.pw_gid,
            extra_groups=[],
            umask=umask,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )

    def sudo(self, *command: str, stdin: str = "", options: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        """`sudo -n COMMAND` as this user."""
        return self.run("sudo", "-n", *options, *command, stdin=stdin)

    def close(self) -> None:
        _remove(self.name)


def _account(*command: str) -> None:
    """Change the user database; userdel(8) waits for init to collect the user's last process."""
    for _ in range(100):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not ("cannot lock" in done.stderr or "currently used by" in done.stderr):
            break
        time.sleep(0.1)
    done.check_returncode()


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    """One test process at a time changes users: useradd and userdel get in each other's way."""
    folder = os.open(SUDOERS, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _remove(name: str) -> None:
    (SUDOERS / name).unlink(missing_ok=True)
    (SUDOERS.parent / f"{name}.sudoers").unlink(missing_ok=True)
    with _alone(), contextlib.suppress(KeyError):  # no such user: another worker's sweep was quicker
        shutil.rmtree(pwd.getpwnam(name).pw_dir, ignore_errors=True)
        _account("userdel", name)


def sweep() -> None:
    """Remove the users of test runs that were killed."""
    for account in pwd.getpwall():
        found = NAME.fullmatch(account.pw_name)
        if found and not Path("/proc", found[1]).exists():
            _remove(account.pw_name)


@pytest.fixture
def ordinary_user() -> Iterator[OrdinaryUser]:
    """A system user for this test; needs `@pytest.mark.real("sudo")`."""
    sweep()
    user = OrdinaryUser()
    try:
        yield user
    finally:
        user.close()
