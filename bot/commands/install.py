"""`maildesk agent install`: brings install.sh and the agent to a mail host, and starts it there.

Here it runs as root, by sudo(8) where the admin is not root. Elsewhere it goes over the admin's own ssh(1): their
program, their configuration, their login; the bot's key and its settings for reaching hosts have no part in it.
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
from dataclasses import dataclass
from pathlib import Path

from bot.agent.build import build
from bot.errors import UserError
from bot.settings import INSTALLED_AGENT, HostSettings, load

SCRIPT = Path(__file__).with_name("install.sh")
USER = "maildesk"

FORCED = f'restrict,command="sudo -n {INSTALLED_AGENT}"'
"""What a key may do (sshd(8), AUTHORIZED_KEYS FILE FORMAT): start the agent, without a terminal or any forwarding."""
KEY = re.compile(r"(?:ssh-[a-z0-9@.-]+|ecdsa-[a-z0-9@.-]+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/=]+(?: [^\x00-\x1f]*)?\Z")

UNPACK = 'umask 077 && folder=$(mktemp -d) && tar -xf - -C "$folder" && printf \'%s\\n\' "$folder"'
START = 'if [ "$(id -u)" = 0 ]; then sh {0}; else sudo sh {0}; fi; status=$?; rm -rf {1}; exit $status'
FOLDER = re.compile(r"/[A-Za-z0-9._/-]+\Z")


@dataclass(frozen=True, slots=True)
class Deed:
    """What install.sh is to do (`plan`, `install`, `undo`), for which user, and whether it need not ask."""

    name: str
    user: str = USER
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
    with tempfile.TemporaryDirectory(prefix="maildesk-install-") as folder:
        if ssh:
            pack(Path(folder), authorized(key) if deed.name != "undo" else "")
            return _there(ssh, Path(folder), deed)
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


def authorized(key: Path | None) -> str:
    """The forced-command line for a public key. Raises UserError for what is none."""
    if key is None:
        raise UserError(
            "Which key may start the agent there? Name the bot's public key: --key FILE.pub. "
            "To make one: ssh-keygen -t ed25519 -N '' -C maildesk -f FILE"
        )
    try:
        text = key.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"The public key {key} can't be read: {error}. Nothing was done.") from None
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


def _there(destination: str, folder: Path, deed: Deed) -> int:
    """Two connections: one brings the folder, one has a terminal, so that sudo can ask for the admin's password."""
    if destination.startswith("-"):
        raise UserError(f"{destination!r} is no destination for ssh.")
    sent = subprocess.run(
        ["ssh", destination, UNPACK], input=_tar(folder), stdout=subprocess.PIPE, check=False, env=os.environ
    )
    there = sent.stdout.decode("utf-8", "replace").strip().splitlines()[-1:]
    if sent.returncode != 0 or not there or not FOLDER.match(there[0]):
        print(f"ssh {destination} did not take the files; nothing was changed there.", file=sys.stderr)
        return 1
    script = shlex.join([f"{there[0]}/{SCRIPT.name}", *deed.arguments])
    terminal = ["-t"] if sys.stdin.isatty() else []
    return _run(["ssh", *terminal, destination, START.format(script, shlex.quote(there[0]))])


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
