"""The configured mail hosts, found by their names and by their groups."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence

from bot.errors import UserError
from bot.mailhost.host import MailHost
from bot.text import listed


class MailHosts(Mapping[str, MailHost]):
    """The configured mail hosts by name, in the order of the settings; names are compared without case.

    `groups` says of hosts, by name, which groups they are in.
    """

    def __init__(self, hosts: Sequence[MailHost], groups: Mapping[str, Sequence[str]] | None = None) -> None:
        self._hosts = {host.name: host for host in hosts}
        self._groups: dict[str, list[MailHost]] = {}
        for host in hosts:
            for group in (groups or {}).get(host.name, ()):
                self._groups.setdefault(group.lower(), []).append(host)

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

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the groups, as people write them: `@eu`."""
        return tuple(f"@{name}" for name in self._groups)

    def group(self, name: str) -> tuple[MailHost, ...]:
        """The hosts of a group, `@eu`. Raises UserError, which names the groups that there are."""
        found = self._groups.get(name.removeprefix("@").lower())
        if found is None:
            known = f"You can say: {listed(self.groups, 'or')}." if self._groups else "The settings name no group."
            raise UserError(f"There is no group of mail hosts {name!r}. {known}")
        return tuple(found)

    async def close(self) -> None:
        """Stop waiting for answers, and give up every link."""
        await asyncio.gather(*(host.close() for host in self._hosts.values()))
