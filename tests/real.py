"""Tests on real servers: which they need, whether this machine has it, and the command that would enable them.

A test says `@pytest.mark.real("postfix")`. Where that is missing the test is skipped, by name and with the command;
with `MAILDESK_REQUIRE_REAL=1`, as in `.ci/run`, it fails instead.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

INSTALL = "sudo make test"


@dataclass(frozen=True, slots=True)
class Server:
    """A program of the distribution; `present` looks for it, `package` is what brings it."""

    name: str
    package: str
    present: Callable[[], bool]


def _program(name: str) -> bool:
    return shutil.which(name) is not None


def _postgresql() -> bool:
    return any(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def _mount_namespace() -> bool:
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


SERVERS = {
    server.name: server
    for server in (
        Server("postfix", "postfix", lambda: _program("postfix") and Path("/usr/lib/postfix/sbin/master").exists()),
        Server("sudo", "sudo", lambda: _program("sudo") and _program("visudo")),
        Server("sshd", "openssh-server", lambda: _program("sshd")),
        Server("mount namespace", "util-linux, and CAP_SYS_ADMIN", _mount_namespace),
        Server("postgresql", "postgresql", _postgresql),
        Server("nsd", "nsd", lambda: _program("nsd")),
        Server("rbldnsd", "rbldnsd", lambda: _program("rbldnsd")),
        Server("unbound", "unbound", lambda: _program("unbound")),
    )
}


def missing(name: str) -> str | None:
    """Why tests on this real server can't run here, in one sentence with the command that helps; None if they can.

    Raises KeyError for a server that is not in the table.
    """
    server = SERVERS[name]
    if not server.present():
        return f"needs a real {name} (package {server.package}): run `{INSTALL}`"
    if os.geteuid() != 0:
        return f"needs root to run a private {name}: run `{INSTALL}`"
    return None


def required() -> bool:
    """Whether a missing server is a failure: MAILDESK_REQUIRE_REAL=1."""
    return os.environ.get("MAILDESK_REQUIRE_REAL", "") not in ("", "0")
