"""`/mail acknowledge` and `/mail snooze`: what people say of what fires, without its card at hand."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from bot.errors import UserError
from bot.text import clock, listed
from bot.watch.model import Alert
from bot.watch.rows import AlertCard
from bot.watch.rules import duration
from handlers.blocks.alert_buttons import SNOOZES
from handlers.blocks.notice import note
from handlers.commands.command import Command
from handlers.commands.words import named
from handlers.door import Request

LONGEST = timedelta(days=30)
NUMBER = 10
"""The most digits that the number of an alert has."""
MOST = 10
"""So many alerts are named."""

ACKNOWLEDGED, SNOOZED = "acknowledged", "snoozed"


async def acknowledge(request: Request) -> None:
    wanted = await _wanted(request, request.words.strip(), ACKNOWLEDGED, "/mail acknowledge 12")
    done, left = await _each(wanted, lambda number: request.services.alerts.acknowledge(number, request.actor))
    said = f"Acknowledged: {_names(done)}. There are no more reminders.{_together(done)}"
    await request.reply.privately(note(" ".join([said, *left])))


async def snooze(request: Request) -> None:
    what, lasting = _how_long(request.words)
    wanted = await _wanted(request, what, SNOOZED, "/mail snooze 12 8h", " and how long")
    done, left = await _each(wanted, lambda number: request.services.alerts.snooze(number, lasting, request.actor))
    until = "until it changes"
    if lasting is not None:
        until = f"until {clock((request.services.now() + lasting).timestamp(), request.services.settings.timezone)}"
    said = f"Snoozed {until}: {_names(done)}.{_together(done)}"
    await request.reply.privately(note(" ".join([said, *left])))


async def _each(
    wanted: Sequence[int], deed: Callable[[int], Awaitable[AlertCard]]
) -> tuple[list[AlertCard], list[str]]:
    """The cards with which it was done, and a sentence for each with which it was not; raises UserError if it was with
    none."""
    done, left = [], []
    for number in wanted:
        try:
            done.append(await deed(number))
        except UserError as error:
            left.append((number, error))
    if not done:
        raise left[0][1]
    return done, [f"Alert {number}: {error}" for number, error in left]


def _names(done: Sequence[AlertCard]) -> str:
    return listed([f"alert {each.id} of {each.host or 'this bot'}" for each in done])


def _together(done: Sequence[AlertCard]) -> str:
    shared = [alert for each in done if len(each.firing) > 1 for alert in each.firing]
    if not shared:
        return ""
    more = f" and {len(shared) - MOST} more" if len(shared) > MOST else ""
    return f" That goes for all that stands on the same card: {', '.join(map(_short, shared[:MOST]))}{more}."


def _short(alert: Alert) -> str:
    return f"{alert.host}/{alert.rule}" if alert.host else alert.rule


def _how_long(words: str) -> tuple[str, timedelta | None]:
    """The words for what is meant, and how long; None is until it changes. Raises UserError."""
    what, _, last = words.rpartition(" ")
    if last.lower() in SNOOZES:
        return what.strip(), SNOOZES[last.lower()][1]
    how = f"Nothing was snoozed. Say how long at the end: {listed([*SNOOZES], 'or')}."
    if not what and last:
        raise UserError(f"Which alert, or how long? {how} For example: /mail snooze 12 8h.")
    return what.strip().removesuffix(" for"), time_of(last, how)


def time_of(word: str, otherwise: str) -> timedelta:
    """A time such as `2h`, from a minute to 30 days. Raises UserError, with `otherwise` for what is none."""
    try:
        lasting = duration(word.lower())
    except ValueError:
        raise UserError(f"“{word[:60]}” is no time. {otherwise}" if word else otherwise) from None
    if not timedelta(minutes=1) <= lasting <= LONGEST:
        raise UserError(
            f"“{word[:60]}” is too {'long' if lasting > LONGEST else 'short'}: say 1m to 30d. Nothing was done."
        )
    return lasting


async def _wanted(request: Request, what: str, done: str, example: str, more: str = "") -> list[int]:
    """The cards on which alerts of this number fire, or of this host, rule, or both. Raises UserError when none do.

    `done` is what is wanted with them; `more` is what else has to be said, as in the example.
    """
    services = request.services
    firing = await services.alerts.firing()
    digits = what.removeprefix("#")
    if digits.isascii() and digits.isdecimal() and len(digits) <= NUMBER:
        if not (wanted := [each for each in firing if each.card == int(digits)]):
            raise UserError(f"No alert {digits} fires now, so nothing was {done}. {_there(firing)}")
        return _cards(wanted)
    found = named(services.hosts, what.replace("/", " "))
    rule = found.rest.lower()
    if not what or (rule and rule not in services.alerts.rules.of(found.host.name if found.host else "")):
        said = f"“{what[:60]}” is no alert." if what else "Which alert?"
        raise UserError(
            f"{said} Nothing was {done}. {_there(firing)} Say the number, the host, or host/rule{',' if more else ''}"
            f"{more}, as in {example} or {example.replace('12', 'mx1/deferred')}."
        )
    wanted = [each for each in firing if each.rule == (rule or each.rule)]
    wanted = [each for each in wanted if found.host is None or each.host == found.host.name]
    if not wanted:
        raise UserError(f"Nothing of {what[:60]} fires now, so nothing was {done}. {_there(firing)}")
    return _cards(wanted)


def _cards(wanted: Sequence[Alert]) -> list[int]:
    return list(dict.fromkeys(each.card for each in wanted if each.card))


def _there(firing: Sequence[Alert]) -> str:
    shown = [f"{each.card} ({_short(each)})" for each in firing]
    if not shown:
        return "No alert fires now."
    more = f" and {len(shown) - MOST} more" if len(shown) > MOST else ""
    return f"What fires now: {', '.join(shown[:MOST])}{more}."


COMMANDS = (
    Command(
        name="acknowledge",
        usage="acknowledge number | host/rule",
        summary="Say that you look after it: there are no more reminders (ack is enough)",
        examples=("/mail acknowledge 12", "/mail ack mx1/deferred"),
        run=acknowledge,
        also=("ack",),
    ),
    Command(
        name="snooze",
        usage="snooze number | host/rule 1h|8h|3d|changes",
        summary="Neither remind nor mention for a while, or until it gets worse",
        examples=("/mail snooze 12 8h", "/mail snooze mx1/deferred changes"),
        run=snooze,
    ),
)
