"""`/mail help`, and the answer to a command that there is none of."""

import difflib
from collections.abc import Mapping, Sequence

from bot.actors import Roster
from handlers.blocks import help as blocks
from handlers.blocks.help import Entry
from handlers.commands.command import Command
from handlers.door import Request

# What people type out of habit, and what it is called here.
HABITS: Mapping[str, str] = {
    "mailq": "queue",
    "postqueue": "queue",
    "list": "queue",
    "ls": "queue",
    "cat": "show",
    "postcat": "show",
    "info": "status",
    "retry": "flush",
    "unhold": "release",
    "undo": "release",
    "remove": "delete",
    "rm": "delete",
    "undelete": "restore",
    "bounce": "expire",
    "approve": "pending",
    "requests": "pending",
    "log": "audit",
    "history": "audit",
    "reputation": "check",
    "deliverability": "check",
    "spf": "check",
    "dkim": "check",
    "dmarc": "check",
    "dns": "check",
    "alarms": "alerts",
    "silence": "mute",
    "unsilence": "unmute",
    "wake": "unsnooze",
    "downtime": "mute",
    "maintenance": "mute",
    "selftest": "doctor",
    "diagnose": "doctor",
}


class Help:
    """Knows the other commands, which it tells of."""

    def __init__(self, others: Sequence[Command]) -> None:
        self.command = Command(
            name="help",
            usage="help [command]",
            summary="What you may do here, with examples",
            examples=("/mail help queue",),
            run=self.run,
        )
        self._commands = {command.name: command for command in (*others, self.command)}
        self._also = {name: command.name for command in others for name in command.also}

    async def run(self, request: Request) -> None:
        name = request.words.lower()
        name = self._also.get(name, name)
        if name in self._commands:
            entry = _entry(self._commands[name], request.services.roster)
            rules = tuple(request.services.alerts.rules.of(""))
            await request.reply.privately(blocks.one(request.actor, entry, tuple(request.services.hosts), rules))
        elif name:
            await self.unknown(request, name)
        else:
            hosts = tuple(request.services.hosts)
            entries = self.entries(request.services.roster)
            await request.reply.privately(blocks.overview(request.actor, entries, hosts))

    async def unknown(self, request: Request, name: str) -> None:
        entries = self.entries(request.services.roster)
        await request.reply.privately(blocks.unknown(request.actor, entries, self._unknown(name)))

    def entries(self, roster: Roster) -> list[Entry]:
        """Every command, and who may use it."""
        return [_entry(command, roster) for command in self._commands.values()]

    def _unknown(self, name: str) -> str:
        text = f"There is no command “{name[:60]}”, so nothing was done."
        near = difflib.get_close_matches(name.lower()[:60], self._commands, n=1)
        meant = HABITS.get(name.lower()) or (near[0] if near else "")
        return f"{text} Did you mean /mail {meant}?" if meant else text


def _entry(command: Command, roster: Roster) -> Entry:
    who = roster.who_may(command.name)
    return Entry(command.name, command.usage, command.summary, command.examples, command.role, who)
