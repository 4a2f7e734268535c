"""Where DNS questions are sent: name servers as a person writes them, or as resolv.conf(5) names them."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import NamedTuple

PORT = 53
RESOLV_CONF = Path("/etc/resolv.conf")
MAX_SYSTEM_SERVERS = 3
"""resolv.conf(5), MAXNS: further ones are ignored."""

BRACKETED = re.compile(r"\[([^\]]+)\](?::(\d{1,5}))?\Z")
DOTTED = re.compile(r"([0-9.]+):(\d{1,5})\Z")


class NameServer(NamedTuple):
    """An IP address and a port; as text, the port only where it is not 53."""

    address: str
    port: int = PORT

    def __str__(self) -> str:
        if self.port == PORT:
            return self.address
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


def name_server(text: str) -> NameServer:
    """`127.0.0.1`, `127.0.0.1:5353`, `::1` or `[::1]:5353`. Raises ValueError that says what is wrong with it."""
    match = BRACKETED.match(text) or DOTTED.match(text)
    address, port = (match[1], int(match[2] or PORT)) if match else (text, PORT)
    try:
        shown = str(ipaddress.ip_address(address))
    except ValueError:
        raise ValueError(
            f"{text!r} is not a name server: it is an IP address, with its port if that is not 53, "
            "as in 192.0.2.53, 127.0.0.1:5353 or [2001:db8::53]:5353."
        ) from None
    if not 0 < port < 65536:
        raise ValueError(f"{text!r} is not a name server: ports go from 1 to 65535.")
    return NameServer(shown, port)


def of_the_system(path: Path = RESOLV_CONF) -> tuple[NameServer, ...]:
    """The system's name servers; this machine's own when the file names none, as the C library does."""
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError:
        lines = []
    found: list[NameServer] = []
    for line in lines:
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            try:
                found.append(NameServer(str(ipaddress.ip_address(words[1]))))
            except ValueError:
                continue  # the C library skips such a line too
    return tuple(found[:MAX_SYSTEM_SERVERS]) or (NameServer("127.0.0.1"),)
