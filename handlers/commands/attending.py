"""`/mail acknowledge` and `/mail snooze`, and their ends: what people say of what fires, without its card at hand."""

import re
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from bot.errors import UserError
from bot.text import clock, listed
from bot.watch.attending import longest
from bot.watch.model import Alert
from bot.watch.rows import AlertCard, Attended
from handlers.blocks.alert_buttons import SNOOZES
from handlers.blocks.alert_words import snoozed_until
from handlers.blocks.notice import note
from handlers.commands.command import Command
from handlers.commands.lasting import lasting
from handlers.commands.meant import LONG, Meant, meant, unknown
from handlers.door import Request

MOST = 10
"""So many alerts are named."""

_NUMBER = re.compile(r"#?([0-9]{1,10})")
_ALERT = re.compile(r"^alerts? ", re.IGNORECASE)
_CHANGES = re.compile(r"(?<!\S)(?:until )?(?:it )?changes(?!\S)", re.IGNORECASE)


async def acknowledge(request: Request) -> None:
    wanted = await _wanted(request, request.words, "acknowledged")
    done, left = await _each(wanted, lambda number: request.services.alerts.acknowledge(number, request.actor))
    said = f"Acknowledged: {_names(done)}. There are no more reminders.{_together(done)}"
    await request.reply.privately(note(" ".join([said, *left])))


async def unacknowledge(request: Request) -> None:
    wanted = await _wanted(request, request.words, "changed")
    done, left = await _each(wanted, lambda number: request.services.alerts.unacknowledge(number, request.actor))
    said = f"Nobody looks after it any more: {_names(done)}.{_together(done)}"
    reminded = "It is reminded of, unless it is snoozed or muted."
    await request.reply.privately(note(" ".join([said, reminded, *left])))


async def snooze(request: Request) -> None:
    what, time = _how_long(request)
    wanted = await _wanted(request, what, "snoozed")
    done, left = await _each(wanted, lambda number: request.services.alerts.snooze(number, time, request.actor))
    until = "until it changes"
    if time is not None:
        until = f"until {clock((request.services.now() + time).timestamp(), request.services.settings.timezone)}"
    said = f"Snoozed {until}: {_names(done)}.{_together(done)}"
    await request.reply.privately(note(" ".join([said, *_instead(request, done), *left])))


async def unsnooze(request: Request) -> None:
    wanted = await _wanted(request, request.words, "changed")
    done, left = await _each(wanted, lambda number: request.services.alerts.unsnooze(number, request.actor))
    said = f"Not snoozed any more: {_names(done)}.{_together(done)}"
    await request.reply.privately(note(" ".join([said, *left])))


async def _each(wanted: Sequence[int], deed: Callable[[int], Awaitable[Attended]]) -> tuple[list[Attended], list[str]]:
    """What was done, and a sentence for each card with which it was not; raises UserError if it was with none."""
    done, left = [], []
    for number in wanted:
        try:
            done.append(await deed(number))
        except UserError as error:
            left.append((number, error))
    if not done:
        raise UserError(" ".join(f"Alert {number}: {error}" for number, error in left))
    return done, [f"Alert {number}: {error}" for number, error in left]


def _names(done: Sequence[Attended]) -> str:
    return listed([f"alert {each.card.id} of {_where(each.card)}" for each in done])


def _where(card: AlertCard) -> str:
    return card.host or "this bot"


def _together(done: Sequence[Attended]) -> str:
    shared = [alert for each in done if len(each.card.firing) > 1 for alert in each.card.firing]
    if not shared:
        return ""
    more = f" and {len(shared) - MOST} more" if len(shared) > MOST else ""
    return f" That goes for all that stands on the same card: {', '.join(map(_short, shared[:MOST]))}{more}."


def _instead(request: Request, done: Sequence[Attended]) -> list[str]:
    """The snoozes that these take the place of, a sentence each."""
    now, zone = request.services.now(), request.services.settings.timezone
    former: dict[str, list[str]] = {}
    for each in done:
        if alert := longest(each.before.firing, now):
            snoozed = f"snoozed {snoozed_until(alert, zone)} before, by {alert.snoozed_name}: that is replaced."
            former.setdefault(snoozed, []).append(str(each.card.id))
    if len(done) == 1:
        return [f"It was {snoozed}" for snoozed in former]
    return [
        f"Alerts {listed(numbers)} were {snoozed}" if len(numbers) > 1 else f"Alert {numbers[0]} was {snoozed}"
        for snoozed, numbers in former.items()
    ]


def _short(alert: Alert) -> str:
    return f"{alert.host}/{alert.rule}" if alert.host else alert.rule


def _how_long(request: Request) -> tuple[str, timedelta | None]:
    """The words for what is meant, and how long; None is until it changes. Raises UserError."""
    found = lasting(request.words)
    what = " ".join(_CHANGES.sub(" ", found.rest).split())
    if what != found.rest:
        if found.time is not None:
            raise UserError(f"Until it changes, or for {found.said}? Nothing was snoozed. Say one of them.")
        return what, None
    if found.time is None:
        raise UserError(_missing(request, found.rest))
    return what, found.time


def _missing(request: Request, words: str) -> str:
    """What is said of words without a time: that it is missing, or which of them is none."""
    how = f"Nothing was snoozed. Say how long as well: {', '.join(SNOOZES)}, or any time from 1m to 30d"
    said = words.split()
    for end in range(len(said), 0, -1):
        what, rest = " ".join(said[:end]), " ".join(said[end:]).removeprefix("for ")
        if len(_numbers(what)) == 1 or _meant(request, what).understood:
            asked = f"“{rest[:LONG]}” is no time." if rest else "For how long?"
            return f"{asked} {how}, as in /mail snooze {what[:LONG]} 8h."
    return f"Which alert, and for how long? {how}, as in /mail snooze 12 8h."


def _meant(request: Request, words: str) -> Meant:
    return meant(words, request.services.hosts, request.services.alerts.rules.of(""))


async def _wanted(request: Request, words: str, done: str) -> list[int]:
    """The cards on which alerts of these numbers fire, or of this host, rule, or both. Raises UserError when none do.

    `done` is what is wanted with them.
    """
    services, words = request.services, words.strip()
    firing = await services.alerts.firing()
    if numbers := _numbers(words):
        missing = [str(each) for each in numbers if each not in _cards(firing)]
        if missing:
            fires = f"No alert {missing[0]} fires" if len(missing) == 1 else f"No alerts {listed(missing)} fire"
            raise UserError(f"{fires} now, so nothing was {done}. {_there(firing)}")
        return numbers
    found = _meant(request, words)
    said = f"Nothing was {done}. {_there(firing)}"
    if not (words and (found.understood or found.strange)):
        raise UserError(f"Which alert? {said} Say its number, a host, a rule, or host/rule: 12, mx1, mx1/deferred.")
    if found.strange:
        raise UserError(f"{unknown(found, services.hosts, services.alerts.rules.of(''))} {said}")
    if len(found.rules) > 1 or len(found.hosts) > 1:
        raise UserError(f"One rule and one mail host at a time, or the number of an alert. {said}")
    wanted = [each for each in firing if found.rule in ("", each.rule) and found.host in ("", each.host)]
    if not wanted:
        raise UserError(f"Nothing of {words[:LONG]} fires now, so nothing was {done}. {_there(firing)}")
    return _cards(wanted)


def _numbers(words: str) -> list[int]:
    """The numbers of alerts, each once; none where other words are among them."""
    found = [_NUMBER.fullmatch(word) for word in _ALERT.sub("", words).replace(",", " ").split()]
    return list(dict.fromkeys(int(each[1]) for each in found if each)) if all(found) else []


def _cards(wanted: Sequence[Alert]) -> list[int]:
    return list(dict.fromkeys(each.card for each in wanted if each.card))


def _there(firing: Sequence[Alert]) -> str:
    cards = {card: [_short(each) for each in firing if each.card == card] for card in _cards(firing)}
    shown = [f"{card} ({', '.join(names)})" for card, names in cards.items()]
    if not shown:
        return "No alert fires now."
    more = f" and {len(shown) - MOST} more" if len(shown) > MOST else ""
    return f"What fires now: {', '.join(shown[:MOST])}{more}."


COMMANDS = (
    Command(
        name="acknowledge",
        usage="acknowledge number|host|rule|host/rule",
        summary="Say that you look after it: there are no more reminders (ack is enough)",
        examples=("/mail acknowledge 12", "/mail ack mx1/deferred"),
        run=acknowledge,
        also=("ack",),
    ),
    Command(
        name="unacknowledge",
        usage="unacknowledge number|host|rule|host/rule",
        summary="Take that back: nobody looks after it, and there are reminders again (unack is enough)",
        examples=("/mail unacknowledge 12", "/mail unack mx1/deferred"),
        run=unacknowledge,
        also=("unack",),
    ),
    Command(
        name="snooze",
        usage="snooze number|host|rule|host/rule time|changes",
        summary="Neither remind nor mention for a time from 1m to 30d, or until it gets worse (changes)",
        examples=("/mail snooze 12 8h", "/mail snooze mx1/deferred changes", "/mail snooze mx1 for 90 minutes"),
        run=snooze,
    ),
    Command(
        name="unsnooze",
        usage="unsnooze number|host|rule|host/rule",
        summary="End a snooze before its time",
        examples=("/mail unsnooze 12", "/mail unsnooze mx1/deferred"),
        run=unsnooze,
    ),
)
