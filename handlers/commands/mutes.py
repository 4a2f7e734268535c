"""`/mail mute` and `/mail unmute`: for maintenance, no alert begins; a mute ends by itself."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import UserError
from bot.text import listed
from bot.watch.rows import Mute
from handlers.blocks import alerts as blocks
from handlers.commands.attending import time_of
from handlers.commands.command import Command
from handlers.door import Request

USUALLY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Meant:
    """What a mute is of; empty: every rule, every host. `lasting` is None where no time was said."""

    rule: str
    host: str
    lasting: timedelta | None


async def mute(request: Request) -> None:
    meant = _meant(request, "mute")
    services = request.services
    made = await services.mutes.mute(meant.rule, meant.host, meant.lasting or USUALLY, request.actor)
    await request.reply.publicly(blocks.muted(made, services.alerts.rules.of(made.host), services.settings.timezone))


async def unmute(request: Request) -> None:
    meant = _meant(request, "unmute")
    service, rules = request.services.mutes, request.services.alerts.rules
    if meant.lasting is not None:
        raise UserError("A mute is ended now or not at all: /mail unmute takes no time. Nothing was done.")
    there = await service.in_force()
    if not await service.unmute(meant.rule, meant.host, request.actor):
        raise UserError(f"There is no such mute, so nothing was done. {_there(there)}")
    now, by = request.services.now(), request.actor
    ended = Mute(meant.rule, meant.host, now, now, by.id, by.name)
    await request.reply.publicly(blocks.unmuted(ended, rules.of(ended.host), by.id, by.name))


def _meant(request: Request, verb: str) -> Meant:
    """A rule or `all`, perhaps a host, perhaps a time, in whatever order. Raises UserError."""
    hosts = {name.lower(): name for name in request.services.hosts}
    rules = request.services.alerts.rules.of("")
    meant: dict[str, list[str]] = {"rule": [], "host": [], "time": []}
    for word in request.words.replace("/", " ").split():
        low = word.lower()
        if low in rules or low == "all":
            meant["rule"].append(low)
        elif low in hosts:
            meant["host"].append(hosts[low])
        elif low[:1].isdecimal():
            meant["time"].append(low)
        elif low not in ("for", "on"):
            raise UserError(_no_such(word, [*rules, "all"], list(hosts.values()), verb))
    if any(len(said) > 1 for said in meant.values()):
        raise UserError(f"One rule, one mail host and one time at the most, so nothing was done. {_example(verb)}")
    if not meant["rule"]:
        raise UserError(f"Which rule? Nothing was done. There are {listed([*rules])}; or say all. {_example(verb)}")
    rule, host = meant["rule"][0], "".join(meant["host"])
    lasting = time_of(meant["time"][0], f"Nothing was done. {_example(verb)}") if meant["time"] else None
    return Meant("" if rule == "all" else rule, host, lasting)


def _no_such(word: str, rules: Sequence[str], hosts: Sequence[str], verb: str) -> str:
    near = difflib.get_close_matches(word.lower()[:40], [*rules, *hosts], 1, cutoff=0.7)
    meant = f" Did you mean {near[0]}?" if near else f" The rules are {listed(rules)}; the mail hosts {listed(hosts)}."
    return f"“{word[:60]}” is neither a rule nor a mail host nor a time, so nothing was done.{meant} {_example(verb)}"


def _example(verb: str) -> str:
    return (
        "For example: /mail mute deferred mx1 for 2h." if verb == "mute" else "For example: /mail unmute deferred mx1."
    )


def _there(mutes: Sequence[Mute]) -> str:
    if not mutes:
        return "Nothing is muted."
    said = [f"/mail unmute {mute.rule or 'all'} {mute.host}".strip() for mute in mutes[:10]]
    return f"What is muted ends with {listed(said, 'or')}."


COMMANDS = (
    Command(
        name="mute",
        usage="mute rule|all [host] [for 2h]",
        summary="Let no alert begin during maintenance: for an hour, or up to 30d",
        examples=("/mail mute all mx1 for 2h", "/mail mute deferred"),
        run=mute,
    ),
    Command(
        name="unmute",
        usage="unmute rule|all [host]",
        summary="End a mute before its time",
        examples=("/mail unmute all mx1",),
        run=unmute,
    ),
)
