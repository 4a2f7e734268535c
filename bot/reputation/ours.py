"""The addresses that the mail hosts send from, to be looked up in blocklists."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.errors import UserError
from bot.mailhost.host import MailHost
from bot.reputation.findings import Severity
from bot.reputation.resolver import Resolver
from bot.reputation.sending import Sending, sending
from bot.reputation.subjects import Subject, subject
from bot.settings import HostSettings


@dataclass(frozen=True, slots=True)
class Ours:
    """`notes`: a line for each host that has no address to be looked up, and why."""

    subjects: tuple[Subject, ...]
    notes: tuple[str, ...]


async def ours(hosts: Sequence[MailHost], settings: Mapping[str, HostSettings], resolver: Resolver) -> Ours:
    """Of all these hosts, each address once; `settings` by the hosts' names, where there are any."""
    found = await asyncio.gather(
        *(sending(host, settings.get(host.name) or HostSettings(host.name), resolver) for host in hosts)
    )
    subjects: dict[Subject, None] = {}
    notes = []
    for host, sends in zip(hosts, found, strict=True):
        if sends.through:
            notes.append(f"{host.name} sends through {sends.through}, so it is that host's address that counts.")
            continue
        for address in sends.addresses:
            try:
                subjects[subject(address)] = None
            except UserError as error:
                notes.append(f"{host.name}: {error}")
        if not sends.addresses:
            notes.append(f"{host.name}: {_why(sends)}")
    return Ours(tuple(subjects), tuple(notes))


def _why(sends: Sending) -> str:
    unknown = [finding.text for finding in sends.findings if finding.severity is Severity.UNKNOWN]
    return unknown[0] if unknown else "It has no public address that its settings, Postfix or the DNS would tell."
