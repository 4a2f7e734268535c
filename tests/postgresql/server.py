"""A private, real PostgreSQL for tests (initdb(1), pg_ctl(1)): its own data and a socket of its own, no port.

Nothing of the machine's own clusters is read or changed. Everything lies in `/var/tmp/maildesk-pg-XXXXXXXX` and runs
as the distribution's user postgres, since a server refuses to run as root.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.postfix.processes import identity, is_running

PARENT = Path("/var/tmp")  # noqa: S108 (mkdtemp makes the folder)
PREFIX = "maildesk-pg-"
USER, PASSWORD = "maildesk", "secret-of-the-database"

PG_HBA = """\
local all postgres trust
local all all scram-sha-256
"""

POSTGRESQL_CONF = """
listen_addresses = ''
unix_socket_directories = '{root}'
max_connections = 60
shared_buffers = 16MB
fsync = off
synchronous_commit = off
full_page_writes = off
autovacuum = off
"""


class PrivatePostgreSQL:
    """One server; nothing runs before `start()`. `close()` stops it and leaves nothing behind."""

    def __init__(self) -> None:
        self._bin = newest()
        self._account = pwd.getpwnam("postgres")
        self.root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=PARENT))
        self._data = self.root / "data"
        self._numbers = 0
        self.pid = 0
        (self.root / "owner").write_text(identity(str(os.getpid())))
        os.chown(self.root, self._account.pw_uid, self._account.pw_gid)

    def start(self) -> None:
        """Raises CalledProcessError, with the server's own words, when it does not start."""
        self._run("initdb", "-D", str(self._data), "-U", "postgres", "--no-sync", "--encoding=UTF8", "--locale=C")
        (self._data / "pg_hba.conf").write_text(PG_HBA)
        with (self._data / "postgresql.conf").open("a") as conf:
            conf.write(POSTGRESQL_CONF.format(root=self.root))
        self._run("pg_ctl", "-D", str(self._data), "-l", str(self.root / "log"), "-w", "start")
        self.pid = int((self._data / "postmaster.pid").read_text().split()[0])
        self.sql(f"CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}'")

    def close(self) -> None:
        stop(self.root)

    def new_database(self, template: str = "template1") -> str:
        """Make a database that belongs to USER; its name."""
        self._numbers += 1
        name = f"test_{self._numbers}"
        self.sql(f"CREATE DATABASE {name} OWNER {USER} TEMPLATE {template}")
        return name

    def drop_database(self, name: str) -> None:
        self.sql(f"DROP DATABASE {name} WITH (FORCE)")

    def url(self, name: str, password: str = PASSWORD) -> str:
        """DATABASE_URL of a database here."""
        return f"postgresql://{USER}:{password}@/{name}?host={self.root}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Run a statement as the administrator; its rows, fields with | between them."""
        options = ("-h", str(self.root), "-U", "postgres", "-d", database, "-v", "ON_ERROR_STOP=1", "-qAtX")
        return self._run("psql", *options, "-c", statement)

    def _run(self, program: str, *arguments: str) -> str:
        # Output goes to a file: the server that pg_ctl leaves behind would hold a pipe open for good.
        with tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(
                [self._bin / program, *arguments],
                user=self._account.pw_uid,
                group=self._account.pw_gid,
                extra_groups=[],
                cwd=self.root,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "HOME": str(self.root)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            output.seek(0)
            said = output.read()
        if done.returncode:
            raise subprocess.CalledProcessError(done.returncode, [program, *arguments], said)
        return said.strip()


def newest() -> Path:
    """The folder with initdb of the newest version that is installed."""
    found = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    return max(found, key=lambda path: int(path.parts[-3].split(".")[0])).parent


def stop(root: Path) -> None:
    """Stop the server in this folder, if one runs, and remove all of it."""
    account = pwd.getpwnam("postgres")
    if (root / "data" / "postmaster.pid").exists():
        subprocess.run(
            [newest() / "pg_ctl", "-D", root / "data", "-m", "immediate", "-w", "stop"],
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            cwd=root,
            capture_output=True,
            check=False,
        )
    shutil.rmtree(root, ignore_errors=True)


def sweep() -> None:
    """Stop and remove what a killed test run left: servers whose owning process is gone."""
    for root in PARENT.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError, IndexError):  # one that is just being made, or removed
            if not is_running((root / "owner").read_text()):
                stop(root)
