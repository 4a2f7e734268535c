"""`maildesk agent install`: brings install.sh and the agent to a mail host, and starts it there.

Here it runs as root, by sudo(8) where the admin is not root. Elsewhere it goes over the admin's own ssh(1): their
program, their configuration, their login. Of the bot's settings it takes where the host is, who logs in there for the
bot, and which key; the admin can say each of these otherwise.
"""

import io
import os
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bot.agent.build import build
from bot.errors import UserError
from bot.settings import INSTALLED_AGENT, HostSettings, load

SCRIPT = Path(__file__).with_name("install.sh")

FORCED = f'restrict,command="sudo -n {INSTALLED_AGENT}"'
"""What a key may do (sshd(8), AUTHORIZED_KEYS FILE FORMAT): start the agent, without a terminal or any forwarding."""
KEY = re.compile(r"(?:ssh-[a-z0-9@.-]+|ecdsa-[a-z0-9@.-]+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+(?: [^\x00-\x1f]*)?\Z")

UNPACK = 'umask 077 && folder=$(mktemp -d) && tar -xf - -C "$folder" && printf \'%s\\n\' "$folder"'
START = 'if [ "$(id -u)" = 0 ]; then sh {0}; else sudo sh {0}; fi; status=$?; rm -rf {1}; exit $status'
FOLDER = re.compile(r"/[A-Za-z0-9._/-]+\Z")


@dataclass(frozen=True, slots=True)
class Deed:
    """What install.sh is to do (`plan`, `install`, `undo`), for which user, and whether it need not ask.

    Without a user it is the one who logs in by ssh, as the settings have it; or who may already; or `maildesk`.
    """

    name: str
    user: str = ""
    yes: bool = False

    @property
    def arguments(self) -> list[str]:
        return [self.name, self.user, *(["--yes"] if self.yes else [])]


def main(host: str, deed: Deed, *, ssh: str = "", key: Path | None = None) -> int:
    """Install on a host of the settings, or, by `ssh`, wherever that destination leads; the exit status.

    Raises UserError for what can't be installed so.
    """
    settings = next((each for each in load().hosts() if each.name.lower() == host.lower()), None)
    if settings is None and not ssh:
        known = ", ".join(each.name for each in load().hosts())
        raise UserError(f"There is no mail host named {host!r} in the settings; there are: {known}.")
    by_ssh = bool(ssh) or (settings is not None and settings.link == "ssh")
    if not deed.user and settings is not None and settings.link == "ssh":
        deed = replace(deed, user=settings.user)
    with tempfile.TemporaryDirectory(prefix="maildesk-install-") as folder:
        if by_ssh:
            pack(Path(folder), authorized(key or _public(settings)) if deed.name != "undo" else "")
            status = _there([ssh] if ssh else _destination(settings), Path(folder), deed)
            if status == 0 and deed.name == "install" and settings is not None:
                print(f"What remains to be tried is the bot's own way there: maildesk doctor --host {settings.name}")
            return status
        assert settings is not None
        _only_sudo(settings)
        pack(Path(folder), "")
        return _here(Path(folder), deed)


def pack(folder: Path, line: str) -> None:
    """Everything that the mail host gets: the script, the agent, and a line for authorized_keys if there is one."""
    (folder / SCRIPT.name).write_bytes(SCRIPT.read_bytes())
    build(folder / "maildesk-agent")
    if line:
        (folder / "authorized_keys").write_text(line + "\n")


def _destination(settings: HostSettings | None) -> list[str]:
    """Where the settings say that the host is, for ssh(1): the login is the admin's, by their own configuration."""
    assert settings is not None
    return [*(["-p", str(settings.port)] if settings.port != 22 else []), settings.address]


def _public(settings: HostSettings | None) -> Path | None:
    """The public half of the key that the bot logs in with, as ssh-keygen puts it beside the private one."""
    return Path(f"{settings.key}.pub") if settings is not None and settings.link == "ssh" else None


def authorized(key: Path | None) -> str:
    """The forced-command line for a public key. Raises UserError for what is none."""
    if key is None:
        raise UserError(
            "Which key may start the agent there? The settings do not reach this host by ssh, so name the bot's public "
            "key: --key FILE.pub. "
            "To make one: ssh-keygen -t ed25519 -N '' -C maildesk -f FILE"
        )
    try:
        text = key.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"The public key {key} can't be read: {error}. Nothing was done. Name another file with --key, or make the "
            f"pair: ssh-keygen -t ed25519 -N '' -C maildesk -f {shlex.quote(str(key.with_suffix('')))}"
        ) from None
    if not KEY.match(text):
        raise UserError(
            f"{key} is not one public key in one line, as ssh-keygen writes it (FILE.pub). Nothing was done."
        )
    return f"{FORCED} {text}"


def _only_sudo(settings: HostSettings) -> None:
    if settings.link != "sudo":
        raise UserError(
            f"{settings.name} is reached by the link {settings.link}, which starts the agent of this checkout: nothing "
            f"has to be installed. For an ordinary user, say in the settings: MAIL_HOSTS={settings.name}=sudo"
        )
    if settings.agent != INSTALLED_AGENT:
        raise UserError(
            f"The settings say that the agent of {settings.name} is {settings.agent}; what is installed here is always "
            f"{INSTALLED_AGENT}. Take that member out of the settings, or put it there by hand (docs/install.md)."
        )


def _here(folder: Path, deed: Deed) -> int:
    root = [] if os.geteuid() == 0 else ["sudo"]
    return _run([*root, "sh", str(folder / SCRIPT.name), *deed.arguments])


def _there(destination: list[str], folder: Path, deed: Deed) -> int:
    """Two connections: one brings the folder, one has a terminal, so that sudo can ask for the admin's password."""
    if destination[-1].startswith("-"):
        raise UserError(f"{destination[-1]!r} is no destination for ssh.")
    sent = subprocess.run(
        ["ssh", *destination, UNPACK], input=_tar(folder), stdout=subprocess.PIPE, check=False, env=os.environ
    )
    there = sent.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
    if sent.returncode != 0 or not there or not FOLDER.match(there[0]):
        print(
            f"{shlex.join(['ssh', *destination])} did not take the files; nothing was changed there. "
            "That is your own ssh: another login or another way there is named with --ssh ADMIN@ADDRESS.",
            file=sys.stderr,
        )
        return 1
    script = shlex.join([f"{there[0]}/{SCRIPT.name}", *deed.arguments])
    terminal = ["-t"] if sys.stdin.isatty() else []
    return _run(["ssh", *terminal, *destination, START.format(script, shlex.quote(there[0]))])


def _tar(folder: Path) -> bytes:
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w") as archive:
        for path in sorted(folder.iterdir()):
            archive.add(path, path.name)
    return written.getvalue()


def _run(command: Sequence[str]) -> int:
    try:
        return subprocess.run(command, check=False).returncode
    except FileNotFoundError:
        raise UserError(f"There is no {command[0]} on this machine. Nothing was done.") from None
