"""Whom the ssh link takes for the mail host: who shows a host key that a known_hosts file has for it (sshd(8)).

Nobody is believed on first sight. What is missing is said with the fingerprint that was seen, how to compare it, and
the command that writes it down.
"""

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

import asyncssh
from asyncssh.public_key import get_default_public_key_algs

from bot.hostsettings import HostSettings


class NotTrusted(Exception):
    """There is nobody to be believed; the text says why, and what to do, and `mend` is that alone."""

    def __init__(self, text: str, mend: str) -> None:
        super().__init__(text)
        self.mend = mend


class Visitor(asyncssh.SSHClient):
    """The bot's side of one connection: how far it came, and a host key that it had no reason to believe."""

    def __init__(self) -> None:
        self.reached = False
        self.lost = False
        self.stranger: asyncssh.SSHKey | None = None

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:  # noqa: ARG002 - given by this name
        self.reached = True

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.lost = True

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        """Asked about a key that the file does not have: it is remembered, so that it can be shown, and refused."""
        self.stranger = key
        return False


def known_hosts(settings: HostSettings) -> asyncssh.SSHKnownHosts:
    """The file as it is now, whatever it says of this host. Raises NotTrusted where it can't be read."""
    file, name = settings.known_hosts, known_as(settings)
    try:
        known = asyncssh.read_known_hosts(file)
    except OSError as error:
        raise NotTrusted(
            f"which host key {name} has is not known, since {file} can't be read ({error.strerror}). "
            f"{_learn(settings)}",
            _learning(settings) if isinstance(error, FileNotFoundError) else _let_read(file),
        ) from None
    except (ValueError, UnicodeDecodeError) as error:
        said = f"{file} is no known_hosts file: {error}. {_learn(settings)}"
        raise NotTrusted(said, f"Move {file} away, and then: {_learning(settings)}") from None
    return known


def refusal(settings: HostSettings, visitor: Visitor, error: asyncssh.Error) -> NotTrusted:
    """Why what answered is not taken for the mail host, and what to do: it is not known, or has another key."""
    file, name, stranger = settings.known_hosts, known_as(settings), visitor.stranger
    if stranger is None:
        return NotTrusted(
            f"what answered as {name} is not to be trusted by {file}: {error.reason}. Nothing was asked of it.",
            f"See what the file says of it: ssh-keygen -F {shlex.quote(name)} -f {shlex.quote(file)}",
        )
    seen, known = fingerprint(stranger), _known_keys(settings)
    if not known:
        return NotTrusted(
            f"{file} does not say which host key {name} has. What answered has {seen}. {_learn(settings, stranger)}",
            _learning(settings, stranger),
        )
    forget = f"ssh-keygen -R {shlex.quote(name)} -f {shlex.quote(file)}"
    return NotTrusted(
        f"THE HOST KEY OF {name} IS ANOTHER ONE: by {file} it has {' or '.join(known)}, and what answered has {seen}. "
        "Either the machine was set up anew, or somebody else answers in its place. Nothing was asked of it. "
        f"Compare it on the host itself: `{_compare(stranger)}`. Only if that shows the new one: `{forget}`, "
        f"and then `{_scan(settings, stranger)}`.",
        f"On the mail host: {_compare(stranger)}. Only if that shows {stranger.get_fingerprint()}, here: "
        f"{forget} && {_scan(settings, stranger)}",
    )


def kinds(settings: HostSettings, known: asyncssh.SSHKnownHosts) -> Sequence[str]:
    """Kinds of host keys to ask for (RFC 4253 §7.1): first those that the file has; empty: as asyncssh chooses.

    With those alone, a host that has none of them would end the connection and show no key.
    """
    keys, authorities, *_ = known.match(settings.address, "", _port(settings))
    if authorities or not keys:
        return ()  # what stands for the default with asyncssh; a list without a kind does not
    wanted = [kind for key in keys for kind in key.sig_algorithms]
    return [kind.decode() for kind in dict.fromkeys([*wanted, *get_default_public_key_algs()])]


def fingerprint(key: asyncssh.SSHKey) -> str:
    """As ssh-keygen(1) shows it: `ED25519 SHA256:…`."""
    return f"{_kind(key).upper()} {key.get_fingerprint()}"


def known_as(settings: HostSettings) -> str:
    """The name of the host in the file: with its port where that is not 22 (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT)."""
    return settings.address if settings.port == 22 else f"[{settings.address}]:{settings.port}"


def _learn(settings: HostSettings, key: asyncssh.SSHKey | None = None) -> str:
    return (
        f"Nothing was asked of it. To make it known: `{_scan(settings, key)}`. Before you trust that, compare "
        f"`ssh-keygen -lf {shlex.quote(settings.known_hosts)}` with `{_compare(key)}` on the host itself."
    )


def _learning(settings: HostSettings, key: asyncssh.SSHKey | None = None) -> str:
    file = shlex.quote(settings.known_hosts)
    return f"{_scan(settings, key)}; then compare: ssh-keygen -lf {file}; on the mail host: {_compare(key)}"


def _let_read(file: Path | str) -> str:
    return f"Let the user that the bot runs as read it: ls -ld {shlex.quote(str(file))}"


def _scan(settings: HostSettings, key: asyncssh.SSHKey | None) -> str:
    port = f"-p {settings.port} " if settings.port != 22 else ""
    return f"ssh-keyscan {port}-t {_kind(key)} {settings.address} >> {shlex.quote(settings.known_hosts)}"


def _compare(key: asyncssh.SSHKey | None) -> str:
    return f"ssh-keygen -lf /etc/ssh/ssh_host_{_kind(key)}_key.pub"


def _kind(key: asyncssh.SSHKey | None) -> str:
    """As ssh-keyscan(1) and sshd's own files name it."""
    name = key.get_algorithm() if key else "ssh-ed25519"
    return "ecdsa" if name.startswith("ecdsa") else name.removeprefix("ssh-")


def _known_keys(settings: HostSettings) -> list[str]:
    """Fingerprints that the file has for this host."""
    found, *_ = asyncssh.read_known_hosts(settings.known_hosts).match(settings.address, "", _port(settings))
    return [fingerprint(key) for key in found]


def _port(settings: HostSettings) -> int | None:
    return settings.port if settings.port != 22 else None


def private_key(settings: HostSettings) -> asyncssh.SSHKey:
    """The key that the bot logs in with. Raises NotTrusted where there is none that can be used."""
    file, quoted = Path(settings.key), shlex.quote(settings.key)
    try:
        status = file.stat()
        key = asyncssh.read_private_key(file)
    except OSError as error:
        raise NotTrusted(
            f"the bot's key {file} can't be read ({error.strerror}), so nothing was asked. A new one is made by "
            f"`ssh-keygen -t ed25519 -N '' -f {quoted}`; its public half, {quoted}.pub, then goes into authorized_keys "
            f"of {settings.user} on {settings.address} (maildesk agent install {settings.name}).",
            f"ssh-keygen -t ed25519 -N '' -C maildesk -f {quoted}, and then: maildesk agent install {settings.name}"
            if isinstance(error, FileNotFoundError)
            else _let_read(file),
        ) from None
    except asyncssh.KeyEncryptionError:
        raise _with_passphrase(quoted) from None
    except (asyncssh.KeyImportError, ValueError) as error:
        if "assphrase" in str(error):
            raise _with_passphrase(quoted) from None
        raise NotTrusted(
            f"{file} is no private key of ssh's: {error}.",
            f"In the settings: SSH_KEY_FILE, or key of {settings.name}: the file that ssh-keygen made beside FILE.pub",
        ) from None
    # As ssh(1): what belongs to this user is this user's alone. A secret that a container was given is root's.
    if status.st_uid == os.geteuid() and status.st_mode & 0o077:
        mend = f"chmod 600 {quoted}"
        raise NotTrusted(f"others can read the bot's key {file}, so it was not used: `{mend}`.", mend)
    return key


def _with_passphrase(quoted: str) -> NotTrusted:
    mend = f"ssh-keygen -p -N '' -f {quoted}"
    return NotTrusted(
        f"the bot's key {quoted} has a passphrase, which nobody is there to type, so nothing was asked. "
        f"Take it off: `{mend}`.",
        mend,
    )
