"""Fixtures with a real sshd, for any test below `tests/`; each needs `@pytest.mark.real` of "sshd" and of "sudo"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ordinary_user import OrdinaryUser
from tests.ssh.server import PrivateSSHD


@pytest.fixture
def sshd(ordinary_user: OrdinaryUser, tmp_path: Path) -> Iterator[PrivateSSHD]:
    """One that runs, and lets nobody in yet."""
    server = PrivateSSHD(tmp_path, ordinary_user)
    server.start()
    try:
        yield server
    finally:
        server.close()
