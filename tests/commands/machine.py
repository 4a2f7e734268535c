"""This machine in a mount namespace of its own (unshare(1)): what is installed there is never on the real one.

/etc is a copy, /usr/local/sbin and /var/lib are empty and in memory, /etc/postfix is that of a private instance, which
runs outside. Users, sudo and sshd are real in it, and gone with it.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.postfix.instance import PrivatePostfix
from tests.postfix.waiting import wait_until

ROOT = Path(__file__).parents[2]
AGENT = "/usr/local/sbin/maildesk-agent"
INFO = json.dumps({"v": 1, "verb": "info", "instance": "default", "args": {}}) + "\n"
MAY_ALL = "echo 'ana ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ana; chmod 0440 /etc/sudoers.d/ana"
"""In it, an admin who is not root."""
REAL = [pytest.mark.real(name) for name in ("postfix", "sudo", "mount namespace")]

SETUP = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/etc
# Others may change users meanwhile: their locks come and go.
for try in 1 2 3 4 5 6 7 8 9; do
    if cp -a /etc/. /mnt/etc; then try=; break; fi
    sleep 0.2
done
test -z "$try"
rm -f /mnt/etc/passwd.* /mnt/etc/group.* /mnt/etc/shadow.* /mnt/etc/gshadow.*
rm -rf /mnt/etc/maildesk /mnt/etc/sudoers.d/maildesk /mnt/etc/postfix
cp -a "$2" /mnt/etc/postfix
mkdir /mnt/old
mount --rbind /var/lib /mnt/old
mount --bind /mnt/etc /etc
mount -t tmpfs -o mode=755 tmpfs /usr/local/sbin
mount -t tmpfs -o mode=755 tmpfs /var/lib
# Processes are everybody's here: no user of it has the number of one that another test made.
sed -i -e '/^#*SYS_UID_M/d' /etc/login.defs
echo "SYS_UID_MAX $((300 + $$ % 600))" >>/etc/login.defs
mkdir /var/lib/sudo /var/lib/private
case $1 in /var/lib/*)
    top=$(echo "$1" | cut -d/ -f1-4)
    mkdir "$top"
    mount --rbind "/mnt/old/$(basename "$top")" "$top" ;;
esac
echo ready
exec cat
"""

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


class Machine:
    """Alive inside a `with` block."""

    def __init__(self, postfix: PrivatePostfix) -> None:
        self._postfix = postfix
        self.pid = 0

    def __enter__(self) -> Machine:
        self._process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", SETUP, "sh", str(ROOT), str(self._postfix.config_directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid = self._process.pid
        assert self._process.stdout and self._process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(
        self, *command: str, stdin: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in it, as root."""
        return subprocess.run(
            ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", "--wd=/mnt", *command],
            input=stdin,
            env={"PATH": os.environ["PATH"], **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    def sh(self, script: str) -> str:
        """What a piece of shell prints. Raises AssertionError when it fails."""
        done = self.run("sh", "-ec", script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def maildesk(self, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        settings = {"MAIL_HOSTS": "mx1=sudo", "PYTHONPATH": str(ROOT), **env}
        return self.run(sys.executable, "-m", "bot", *arguments, stdin=stdin, env=settings)

    def files(self) -> str:
        """Everything that an installation could touch, with owners, modes and content."""
        return self.sh(
            "find /etc /usr/local/sbin /var/lib -xdev ! -path '/var/lib/maildesk-tests*' | sort | "
            "while read -r file; do "
            'if [ -f "$file" ]; then sum=$(sha256sum <"$file"); else sum=; fi; '
            'echo "$(stat -c "%n %U %G %a" "$file") $sum"; done | '
            # Changing users leaves backups and numbers behind, as any useradd does.
            "grep -v -e '^/etc/[a-z]*- ' -e '^/etc/sub[ug]id'"
        )


def as_user(name: str) -> tuple[str, ...]:
    """The beginning of a command that somebody else than root runs, who may read where the tests' own Python lies."""
    may_read = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
    return ("setpriv", "--reuid", name, "--regid", name, "--init-groups", *may_read)


@pytest.fixture
def machine(postfix: PrivatePostfix) -> Iterator[Machine]:
    with Machine(postfix) as made:
        yield made


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
