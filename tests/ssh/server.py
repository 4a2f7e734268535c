"""A private, real sshd(8) for tests: its own port on loopback, host keys, configuration and log.

Nothing of the machine's own sshd is read or changed. It allows all that it can (pseudo-terminals, forwarding, sftp, any
environment), so that what a key may not is what the line in authorized_keys(5) takes away.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.hostsettings import HostSettings
from bot.mailhost.host import MailHost
from bot.mailhost.link import link_to
from tests.ordinary_user import OrdinaryUser
from tests.postfix.waiting import wait_until

PRIVILEGE_SEPARATION = Path("/run/sshd")
"""Where sshd's unprivileged part lives; the distribution's own unit makes it too."""

SSHD_CONFIG = """\
Port {port}
ListenAddress 127.0.0.1
PidFile none
HostKey {folder}/host_key
AuthorizedKeysFile .ssh/authorized_keys
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
LogLevel VERBOSE
AcceptEnv *
PermitUserEnvironment yes
AllowTcpForwarding yes
AllowAgentForwarding yes
GatewayPorts yes
PermitTunnel yes
X11Forwarding yes
PermitTTY yes
Subsystem sftp internal-sftp
{more}
"""


class PrivateSSHD:
    """An sshd to which `user` may log in; nothing runs before `start()`. `close()` ends it and all its sessions."""

    def __init__(self, folder: Path, user: OrdinaryUser) -> None:
        self.folder = folder
        self.user = user
        self.port = free_port()
        self.log = folder / "sshd.log"
        self.key = folder / "ssh.key"
        self.known_hosts = folder / "known_hosts"
        self._process: subprocess.Popen[bytes] | None = None
        # Without a password, and not locked: to a locked account sshd says no before it looks at a key.
        subprocess.run(["usermod", "--password", "*", user.name], check=True)
        keygen(self.key)
        keygen(folder / "host_key")
        self.know(folder / "host_key")

    def know(self, host_key: Path) -> None:
        """Have the bot believe this host key."""
        kind, key, *_ = host_key.with_suffix(".pub").read_text().split()
        self.known_hosts.write_text(f"[127.0.0.1]:{self.port} {kind} {key}\n")

    def authorize(self, command: str, options: str = "restrict", key: Path | None = None) -> None:
        """Let this key in, for this forced command alone."""
        folder, public = self.user.home / ".ssh", (key or self.key).with_suffix(".pub").read_text()
        folder.mkdir(mode=0o700, exist_ok=True)
        lines = folder / "authorized_keys"
        quoted = command.replace('"', '\\"')
        lines.write_text(f'{options},command="{quoted}" {public}')
        for path in (folder, lines):
            os.chown(path, self.user.account.pw_uid, self.user.account.pw_gid)

    def start(self, more: str = "") -> None:
        """`more` are further lines of sshd_config(5); what stands there first counts."""
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
        config = self.folder / "sshd_config"
        config.write_text(SSHD_CONFIG.format(port=self.port, folder=self.folder, more=more))
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                ["/usr/sbin/sshd", "-D", "-e", "-f", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        wait_until(lambda: b"Server listening" in self.log.read_bytes()[before:], what=self.log.read_text())

    def stop(self) -> None:
        """End it, with everything that it started for its sessions."""
        if self._process is None:
            return
        for pid in (*descendants(self._process.pid), self._process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def close(self) -> None:
        """End it, and what outlived its connection: agents whose listener went away."""
        self.stop()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if process.stat().st_uid == self.user.account.pw_uid:
                    os.kill(int(process.name), signal.SIGKILL)

    def connections(self) -> list[int]:
        """The processes of the connections, sshd's own and root's."""
        assert self._process is not None
        return children(self._process.pid)

    def cut(self) -> None:
        """End every connection, as a network does: what runs in their sessions is told nothing."""
        for pid in self.connections():
            for each in (*[child for child in children(pid) if _name(child) == "sshd"], pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)

    def freeze(self, sent: signal.Signals = signal.SIGSTOP) -> None:
        """Answer nothing any more, or go on (SIGCONT)."""
        assert self._process is not None
        for pid in (self._process.pid, *descendants(self._process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sent)

    def accepted(self) -> int:
        """How often somebody logged in."""
        return self.log.read_text().count("Accepted publickey for ")

    def settings(self, name: str = "mx1", **changes: Any) -> HostSettings:
        """How the bot reaches it."""
        made = HostSettings(
            name,
            "ssh",
            address="127.0.0.1",
            port=self.port,
            user=self.user.name,
            key=str(self.key),
            known_hosts=str(self.known_hosts),
            timeout=60.0,
        )
        return replace(made, **changes)

    def host(self, name: str = "mx1", **changes: Any) -> MailHost:
        settings = self.settings(name, **changes)
        return MailHost(link_to(settings), settings.instance)


def keygen(path: Path, kind: str = "ed25519") -> None:
    """A key pair without a passphrase: `path`, and the public half beside it."""
    path.unlink(missing_ok=True)
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-C", "a test", "-f", str(path)], check=True)
    path.with_name(f"{path.name}.pub").rename(path.with_suffix(".pub"))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def children(pid: int) -> list[int]:
    """By proc(5); none of a process that is gone."""
    with contextlib.suppress(OSError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def descendants(pid: int) -> list[int]:
    found = children(pid)
    return [*found, *(each for child in found for each in descendants(child))]


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""
