"""`/mail mute` and `/mail unmute`: for maintenance, no alert begins; a mute ends by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.errors import UserError
from bot.services import Services
from bot.text import listed
from bot.watch.rows import Mute
from handlers.blocks import alerts as blocks
from handlers.commands.command import Command
from handlers.commands.lasting import lasting
from handlers.commands.meant import ALL, LONG, meant, unknown
from handlers.door import Request

USUALLY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a mute is of; empty: every rule, every host. `lasting` is None where no time was said."""

    rule: str
    host: str
    lasting: timedelta | None


async def mute(request: Request) -> None:
    scope = _meant(request, "mute")
    services = request.services
    made, former = await services.mutes.mute(scope.rule, scope.host, scope.lasting or USUALLY, request.actor)
    wider = [each for each in await _wider(services, made) if each.until > made.until]
    rules, zone = services.alerts.rules.of(made.host), services.settings.timezone
    await request.reply.publicly(blocks.muted(made, former, wider, rules, zone))


async def unmute(request: Request) -> None:
    services = request.services
    if not request.words.strip():
        raise UserError(f"Which mute? Nothing was done. {_there(await services.mutes.in_force())}")
    scope = _meant(request, "unmute")
    if scope.lasting is not None:
        raise UserError("A mute is ended now or not at all: /mail unmute takes no time. Nothing was done.")
    ended = await services.mutes.unmute(scope.rule, scope.host, request.actor)
    if ended is None:
        raise UserError(f"There is no such mute, so nothing was done. {_there(await services.mutes.in_force())}")
    wider, rules = await _wider(services, ended), services.alerts.rules.of(ended.host)
    await request.reply.publicly(blocks.unmuted(ended, wider, rules, services.settings.timezone, request.actor))


async def _wider(services: Services, mute: Mute) -> list[Mute]:
    """The other mutes in force that cover all that this one does."""
    scope = (mute.rule, mute.host)
    return [each for each in await services.mutes.in_force() if each.covers(*scope) and (each.rule, each.host) != scope]


def _meant(request: Request, verb: str) -> Scope:
    """A rule or `all`, perhaps a host, perhaps a time, in whatever order. Raises UserError."""
    hosts, rules = request.services.hosts, request.services.alerts.rules.of("")
    time = lasting(request.words)
    found = meant(time.rest, hosts, rules, (ALL,))
    nothing = f"Nothing was done. {_example(verb)}"
    if time.time is not None and found.strange.removeprefix("#").isdecimal():
        raise UserError(
            f"A mute is of a rule, and “{found.strange[:LONG]}” is none. Nothing was done. What fires already can be "
            f"snoozed by its number: /mail snooze {found.strange[:LONG]} {time.said}."
        )
    if found.strange[:1].isdecimal():
        raise UserError(f"“{found.strange[:LONG]}” is no time: say 90m, 2h or 3d, from 1m to 30d. {nothing}")
    if found.strange:
        raise UserError(f"{unknown(found, hosts, rules, (ALL,))} {nothing}")
    if len(found.rules) > 1 or len(found.hosts) > 1:
        raise UserError(f"One rule, one mail host and one time at the most, so nothing was done. {_example(verb)}")
    if not found.rules:
        raise UserError(f"Which rule? Nothing was done. There are {listed([*rules])}; or say all. {_example(verb)}")
    return Scope("" if found.rule == ALL else found.rule, found.host, time.time)


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
        usage="mute rule|all [host] [time]",
        summary="Let no alert begin during maintenance: for an hour, or any time from 1m to 30d",
        examples=("/mail mute all mx1 for 2h", "/mail mute deferred"),
        run=mute,
    ),
    Command(
        name="unmute",
        usage="unmute rule|all [host]",
        summary="End a mute before its time",
        examples=("/mail unmute all mx1", "/mail unmute deferred"),
        run=unmute,
    ),
)
