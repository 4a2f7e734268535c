"""The bot's own machine broken on purpose: its database and record, the DNS, secrets, the time zone, the disk."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from bot.doctor import Level, here
from bot.settings import given
from bot.store.audit import Entry
from tests.dns.misbehaving import SILENT, MisbehavingServer
from tests.doctor.clinic import Clinic
from tests.reputation.lists import a

PROBLEM, WARNING = Level.PROBLEM, Level.WARNING
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@contextlib.contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Root may write everything, so for this block it is nobody (seteuid(2))."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def database(clinic: Clinic) -> Path:
    return clinic.folder / "maildesk.db"


async def the_one_about_the_database(clinic: Clinic) -> tuple[Level, str, str]:
    (line,) = [line for line in await clinic.look() if line.about == "database"]
    return line.level, line.text, line.mend


async def test_all_is_well(well: Clinic) -> None:
    level, text, _ = await the_one_about_the_database(well)
    assert level is Level.OK
    assert text == f"{database(well)} can be written, and the 0 rows of its audit chain are in order."


async def test_no_database_yet_is_made_by_the_first_start(well: Clinic) -> None:
    database(well).unlink()
    level, text, mend = await the_one_about_the_database(well)
    assert (level, "the bot makes it when it starts" in text, mend) == (WARNING, True, "maildesk run")
    assert not database(well).exists(), "doctor made nothing"
    well.settings["database_url"] = f"sqlite:///{well.folder}/none/maildesk.db"
    level, text, mend = await the_one_about_the_database(well)
    assert (level, mend.startswith(f"mkdir -m 700 {well.folder}/none")) == (PROBLEM, True)


async def test_migrations_that_are_behind(well: Clinic) -> None:
    with contextlib.closing(sqlite3.connect(database(well))) as connection:
        connection.execute("UPDATE maildesk_schema SET version_num = '0003'")
        connection.commit()
    level, text, mend = await the_one_about_the_database(well)
    assert (level, "is not up to date" in text) == (PROBLEM, True)
    assert mend == "Start the bot once, which sees to that."


async def test_a_database_of_a_newer_version(well: Clinic) -> None:
    with contextlib.closing(sqlite3.connect(database(well))) as connection:
        connection.execute("UPDATE maildesk_schema SET version_num = '9999'")
        connection.commit()
    level, text, _ = await the_one_about_the_database(well)
    assert (level, "newer Maildesk" in text) == (PROBLEM, True)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody can enter, unlike pytest's own."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def test_a_database_that_can_not_be_written(well: Clinic, open_folder: Path) -> None:
    well.folder = open_folder
    async with well.services().store:
        pass
    database(well).chmod(0o444)
    services = well.services()
    with an_ordinary_user():
        (line,) = [line for line in await services.doctor.look() if line.about == "database"]
    assert line.level is PROBLEM
    assert f"The database {database(well)} can't be" in line.text
    assert "must be able to write the file and its folder" in line.mend


async def test_a_database_in_a_folder_that_can_not_be_entered(well: Clinic, open_folder: Path) -> None:
    well.folder = open_folder / "inner"
    well.folder.mkdir(0o700)
    services = well.services()
    with an_ordinary_user():
        (line,) = [line for line in await services.doctor.look() if line.about == "database"]
    assert (line.level, "can't be looked at (Permission denied)" in line.text) == (PROBLEM, True)
    assert "must be able to enter" in line.mend


async def test_something_that_is_no_database(well: Clinic) -> None:
    database(well).write_text("Dear diary, " * 1000)
    level, text, mend = await the_one_about_the_database(well)
    assert (level, "is not a SQLite database" in text) == (PROBLEM, True)
    assert "DATABASE_URL" in mend


async def test_another_key_than_the_database_was_begun_with(well: Clinic) -> None:
    well.settings["audit_key"] = SecretStr("quite another key of the audit chain")
    level, text, mend = await the_one_about_the_database(well)
    assert (level, "keeps its audit chain with another key" in text) == (PROBLEM, True)
    assert "AUDIT_KEY" in mend


async def test_a_row_of_the_record_that_was_edited(well: Clinic) -> None:
    async with well.services().store as store, store.transaction() as transaction:
        for _ in range(2):
            await transaction.audit(Entry(NOON, "U0ANA", "Ana", "approver", "flush", "mx1"))
    with contextlib.closing(sqlite3.connect(database(well))) as connection:
        connection.execute("UPDATE audit SET actor = 'U0EVE' WHERE seq = 1")
        connection.commit()
    level, text, mend = await the_one_about_the_database(well)
    assert (level, "Row 1 was edited" in text, mend) == (PROBLEM, True, "maildesk audit verify")


async def test_a_resolver_that_invents_answers(well: Clinic, names: MisbehavingServer) -> None:
    names.below(".", a("198.51.100.80"))
    (line,) = await well.wrong()
    assert (line.level, line.about) == (PROBLEM, "DNS")
    assert f"The resolver {names.address} invents answers" in line.text
    assert "run a resolver of your own" in line.mend


async def test_a_resolver_that_spamhaus_refuses(well: Clinic, names: MisbehavingServer) -> None:
    names.below("spamhaus.org", a("127.255.255.254"))
    (line,) = await well.wrong()
    assert (line.level, "Spamhaus" in line.text, "refused" in line.text) == (WARNING, True, True)
    assert "run a resolver of your own" in line.mend


async def test_a_resolver_that_is_not_there(well: Clinic, names: MisbehavingServer) -> None:
    names.below(".", SILENT)
    for parent in ("com", "net", "org"):
        names.at(parent, SILENT)
    well.settings["dns_timeout"] = 0.5
    (line,) = await well.wrong()
    assert (line.level, "does not answer" in line.text) == (WARNING, True)
    assert "DNS_SERVERS" in line.mend


def test_a_machine_elsewhere_than_its_settings_say(tmp_path: Path) -> None:
    localtime = tmp_path / "localtime"
    localtime.symlink_to("/usr/share/zoneinfo/Europe/Madrid")
    line = here.lines(given(), tmp_path, NOON, localtime)[0]
    assert (line.level, line.mend) == (WARNING, "In the settings: TIMEZONE=Europe/Madrid")
    line = here.lines(given(timezone="Europe/Madrid"), tmp_path, NOON, localtime)[0]
    assert (line.level, "The digest comes at 08:00" in line.text, "14:00 now" in line.text) == (Level.OK, True, True)


def test_secrets_that_others_can_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    token = tmp_path / "token"
    token.write_text("xoxb-1")
    token.chmod(0o644)
    settings = given(slack_bot_token_file=token)
    (line,) = [line for line in here.lines(settings, tmp_path, NOON) if "holds secrets" in line.text]
    assert (line.level, line.mend) == (WARNING, f"chmod o-rwx {token}")
    token.chmod(0o600)
    assert not [line for line in here.lines(settings, tmp_path, NOON) if "holds secrets" in line.text]


def test_a_key_for_ssh_is_a_secret_too(tmp_path: Path) -> None:
    key = tmp_path / "ssh.key"
    key.write_text("a key")
    key.chmod(0o644)
    settings = given(mail_hosts="mx2=ssh://maildesk@mx2.example.org,mx3=ssh://mx3.example.org", ssh_key_file=key)
    (line,) = [line for line in here.lines(settings, tmp_path, NOON) if "holds secrets" in line.text]
    assert (line.level, line.mend) == (WARNING, f"chmod o-rwx {key}")


async def test_a_secret_in_a_folder_that_can_not_be_entered(well: Clinic, open_folder: Path) -> None:
    (open_folder / "inner").mkdir(0o700)
    well.settings |= {"audit_key": None, "audit_key_file": open_folder / "inner" / "audit.key"}
    services = well.services()
    with an_ordinary_user():
        lines = await services.doctor.look()
    assert {line.about for line in lines} >= {"settings", "mx1", "database"}, "each part says its lines"
    (line,) = [line for line in lines if "audit.key is not known" in line.text]
    assert (line.level, "Permission denied" in line.text) == (WARNING, True)
    assert line.mend == f"The user that the bot runs as must be able to enter {open_folder}/inner"


async def test_a_part_that_fails_is_a_line_and_keeps_no_other_from_saying_its_own(
    well: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    def defect(*_: object) -> None:
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("bot.doctor.here.lines", defect)
    lines = await well.look()
    assert {line.about for line in lines} >= {"settings", "mx1", "database"}
    (line,) = [line for line in lines if line.about == "settings"]
    assert line.level is WARNING
    assert line.text == "This could not be found out: ZeroDivisionError: division by zero."


async def test_a_record_that_can_not_be_read_is_a_line(well: Clinic) -> None:
    with contextlib.closing(sqlite3.connect(database(well))) as connection:
        connection.execute("ALTER TABLE audit RENAME COLUMN actor TO who")
        connection.commit()
    level, text, mend = await the_one_about_the_database(well)
    assert (level, "could not be found out" in text) == (PROBLEM, False)
    assert mend


@pytest.mark.parametrize(("free", "level"), [(50, Level.OK), (8, WARNING), (3, PROBLEM)])
def test_a_disk_that_fills(tmp_path: Path, free: int, level: Level, monkeypatch: pytest.MonkeyPatch) -> None:
    from shutil import _ntuple_diskusage as usage

    monkeypatch.setattr("bot.doctor.here.shutil.disk_usage", lambda _: usage(100 << 30, (100 - free) << 30, free << 30))
    (line,) = [line for line in here.lines(given(), tmp_path, NOON) if "are free in" in line.text]
    assert line.level is level
    assert ("Make room" in line.mend) == (level is not Level.OK)
