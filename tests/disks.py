"""Small disks of their own, in memory, which can be filled, and mounted so that nothing can be written (mount(8))."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a disk: run `sudo make test`")


class Disk:
    """A mounted tmpfs(5)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self, leave: int = 0) -> None:
        """Write until so many bytes are left."""
        space = os.statvfs(self.path)
        with self._ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), space.f_bavail * space.f_frsize - leave)

    def make_room(self) -> None:
        self._ballast.unlink()

    def read_only(self, yes: bool) -> None:
        subprocess.run(["mount", "-o", f"remount,{'ro' if yes else 'rw'}", str(self.path)], check=True)


@contextmanager
def disk(parent: Path, megabytes: int) -> Iterator[Disk]:
    """Mounted in a new folder of this one until the block ends."""
    path = Path(tempfile.mkdtemp(prefix="maildesk-disk-", dir=parent))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(path)], check=True)
    try:
        yield Disk(path)
    finally:
        subprocess.run(["umount", str(path)], check=True)
        path.rmdir()
