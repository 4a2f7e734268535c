"""The machine that the bot runs on: its time zone, its disk, and who can read its secrets."""

import os
import shutil
import stat
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bot.doctor.lines import Line, ok, problem, warning
from bot.mailhost.verdict import HARDLY_ANY_SPACE, LITTLE_SPACE
from bot.settings import Settings
from bot.text import share, size

ABOUT = "this machine"
LOCALTIME = Path("/etc/localtime")


def lines(settings: Settings, folder: Path | None, now: datetime, localtime: Path = LOCALTIME) -> list[Line]:
    """`folder` is where the bot keeps its files; None where it keeps none but the audit key."""
    found = [_zone(settings, now, localtime), _disk(folder or settings.audit_key_file.absolute().parent)]
    return [*found, *(line for path in _secrets(settings) if (line := _readable(path)))]


def _zone(settings: Settings, now: datetime, localtime: Path) -> Line:
    there = now.astimezone(ZoneInfo(settings.timezone))
    digest = "No digest comes" if settings.digest_at == "never" else f"The digest comes at {settings.digest_at}"
    text = f"{digest} by the clocks of {settings.timezone}, where it is {there:%H:%M} now."
    own = _own_zone(localtime)
    if settings.timezone == "UTC" and own and now.astimezone(ZoneInfo(own)).utcoffset() != there.utcoffset():
        return warning(ABOUT, f"{text} This machine itself goes by {own}.", f"In the settings: TIMEZONE={own}")
    return ok(ABOUT, text)


def _own_zone(localtime: Path) -> str:
    """The machine's own zone, by localtime(5); empty where that does not tell."""
    _, found, name = str(localtime.resolve()).partition("/zoneinfo/")
    try:
        return ZoneInfo(name).key if found else ""
    except (OSError, ValueError, KeyError):
        return ""


def _disk(folder: Path) -> Line:
    try:
        disk = shutil.disk_usage(folder)
    except OSError as error:
        return warning(
            ABOUT, f"How much room there is in {folder} is not known ({error.strerror}).", f"ls -ld {folder}"
        )
    text = f"{size(disk.free)} ({share(disk.free, disk.total)}) are free in {folder}."
    if disk.free < disk.total * HARDLY_ANY_SPACE:
        return problem(ABOUT, f"{text} Requests and records can soon not be written.", f"Make room: du -xsh {folder}/*")
    if disk.free < disk.total * LITTLE_SPACE:
        return warning(ABOUT, text, f"Make room: du -xsh {folder}/*")
    return ok(ABOUT, text)


def _secrets(settings: Settings) -> list[Path]:
    """The files that hold secrets, whether they are there or not, each once."""
    told = (settings.slack_bot_token_file, settings.slack_app_token_file, settings.dnsbl_keys_file)
    kept = None if settings.audit_key else settings.audit_key_file
    keys = (Path(host.key) for host in settings.hosts() if host.link == "ssh")
    return list(dict.fromkeys(path for path in (Path(".env"), *told, kept, *keys) if path))


def _readable(path: Path) -> Line | None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None  # Whoever needs it says so.
    except OSError as error:
        text = f"Who can read the secrets in {path} is not known: it can't be looked at ({error.strerror})."
        return warning(ABOUT, text, f"The user that the bot runs as must be able to enter {path.absolute().parent}")
    if not mode & (stat.S_IROTH | stat.S_IWOTH):
        return None
    can = "changed" if mode & stat.S_IWOTH else "read"
    return warning(ABOUT, f"{path} holds secrets and can be {can} by every user here.", f"chmod o-rwx {path}")


def user() -> str:
    """Whom the bot runs as, as a number: the account may have no name."""
    return "root" if os.geteuid() == 0 else f"user {os.geteuid()}"
