"""The configured mail hosts, found by their names."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from bot.errors import UserError
from bot.mailhost.host import MailHost
from bot.text import listed


class MailHosts(Mapping[str, MailHost]):
    """The configured mail hosts by name, in the order of the settings; names are compared without case."""

    def __init__(self, hosts: Sequence[MailHost]) -> None:
        self._hosts = {host.name: host for host in hosts}

    def __getitem__(self, name: str) -> MailHost:
        for known, host in self._hosts.items():
            if known.lower() == name.lower():
                return host
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._hosts)

    def __len__(self) -> int:
        return len(self._hosts)

    def named(self, name: str) -> MailHost:
        """Raises UserError, which names the hosts that there are."""
        try:
            return self[name]
        except KeyError:
            raise UserError(f"There is no mail host named {name!r}. You can say: {listed(list(self), 'or')}.") from None

    def only(self) -> MailHost:
        """The only host. Raises UserError, which asks for one of several."""
        if len(self._hosts) != 1:
            raise UserError(
                f"Which mail host? Nothing was done: there are {listed(list(self))}. Name one behind the command."
            )
        return next(iter(self._hosts.values()))

    async def close(self) -> None:
        """Stop waiting for answers, and give up every link."""
        await asyncio.gather(*(host.close() for host in self._hosts.values()))
