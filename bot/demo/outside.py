"""All that the demo's hosts meet outside, on loopback: the DNS (dnsworld.py), and mail servers with certificates."""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

from bot.demo import dnsworld
from bot.demo.certificates import Authority
from bot.demo.mailserver import MailServer
from bot.demo.nameserver import NameServer
from bot.demo.started import Started
from bot.reputation import zones

SOON, LATE = timedelta(days=6, hours=3), timedelta(days=71)
"""For so long the certificates of mx1 and of all others are good."""


class Outside(Started):
    """Nothing runs before `start()`; as a context manager it starts, and stops at the end. `folder` must exist.

    `names` can be told otherwise while it runs; `servers` are the mail servers by their public address.
    """

    def __init__(self, folder: Path) -> None:
        self.names = NameServer()
        self.authority = Authority(folder)
        self.servers: dict[str, MailServer] = {}
        for name, address in dnsworld.HOSTS.items():
            full = f"{name}.{dnsworld.DOMAIN}"
            tls = self.authority.server(full, SOON if name == "mx1" else LATE)
            self.servers[address] = MailServer(full, (dnsworld.DOMAIN,), tls)
        for provider, address in dnsworld.PROVIDERS.items():
            full = f"mx.{provider}"
            self.servers[address] = MailServer(full, (provider,), self.authority.server(full, LATE))
        self._running = ExitStack()

    def road(self, address: str, port: int) -> tuple[str, int]:
        """Where a connection to a public address of this world really goes; to any other one it stays as it is."""
        server = self.servers.get(address)
        return ("127.0.0.1", server.port) if server and port in (25, 443) else (address, port)

    def ways(self) -> str:
        """The same as the agent's `probe_road` says it."""
        wanted = [(address, port) for address in self.servers for port in (25, 443)]
        return " ".join("{}:{}={}:{}".format(*each, *self.road(*each)) for each in wanted)

    def start(self) -> None:
        """Start all of it, or leave nothing running. Raises OSError."""
        with ExitStack() as starting:
            starting.enter_context(self.names)
            self.names.publish("\n".join(dnsworld.records(zones.load())))
            for server in self.servers.values():
                starting.enter_context(server)
            self._running = starting.pop_all()

    def stop(self) -> None:
        self._running.close()
