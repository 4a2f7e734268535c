"""Alerts, Slack's side: the card, what is told in its thread, and its buttons.

The outbox posts and edits the card. A button that helps does what the command of its name does.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace

from slack_bolt.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck

from bot.errors import UserError
from bot.services import Services
from bot.watch.model import Alert, State
from bot.watch.rows import AlertCard
from handlers.access import Body
from handlers.blocks import alert as blocks
from handlers.blocks.alert_buttons import END, SNOOZES, Seen, fingerprint
from handlers.blocks.alert_words import Known
from handlers.blocks.kit import Card, unpacked
from handlers.blocks.transition import transition
from handlers.commands import check, flush, hold, queue, restore, status
from handlers.door import Deed, Door, Request

FORGOTTEN = "This alert is forgotten by now, so nothing was done. /mail alerts lists what is open."

# What the outbox asks for ---------------------------------------------------------------------------------------------


async def render_alert(services: Services, subject: str) -> Card | None:
    """The card as its alerts are now; None when it is no longer kept."""
    shown = await services.alerts.get(int(subject)) if subject.isdecimal() else None
    if shown is None or not shown.alerts:
        return None
    return blocks.alert_card(shown, await known(services, shown.host), secrets.token_hex(4))


async def render_transition(services: Services, subject: str) -> Card | None:
    """What happened, as it was then; None when it is no longer kept."""
    found = await services.alerts.transition(int(subject)) if subject.isdecimal() else None
    if found is None:
        return None
    said, alert = found
    return transition(said, alert, await known(services, alert.host), services.settings.alert_mention)


async def known(services: Services, host: str) -> Known:
    """What a card of this host is drawn with."""
    rules, settings, muted = services.alerts.rules.of(host), services.settings, await services.mutes.in_force()
    return Known(rules, muted, services.now(), settings.channel_addresses, settings.timezone)


# What people say of it ------------------------------------------------------------------------------------------------


async def _acknowledge(request: Request) -> None:
    card, newest, severity = unpacked(request.value, int, int, int)
    await _as_seen(request, card, Seen(newest, severity))
    await request.services.alerts.acknowledge(card, request.actor)


async def _snooze(request: Request) -> None:
    card, newest, severity, word = unpacked(request.value, int, int, int, str)
    if word == END:
        await request.services.alerts.unsnooze(card, request.actor)
        return
    if word not in SNOOZES:
        raise UserError("This button was made by another version of this bot. Nothing was done. Type /mail snooze.")
    await _as_seen(request, card, Seen(newest, severity))
    await request.services.alerts.snooze(card, SNOOZES[word][1], request.actor)


async def _as_seen(request: Request, card: int, seen: Seen) -> None:
    """Nobody acknowledges, or silences, what they have not seen."""
    shown = await _kept(request, card)
    if shown.firing and not seen.covers(Seen.of(shown)):
        raise UserError(
            "It has become worse since the card that you pressed was drawn, or another alert has joined it, so nothing "
            "was done. Look at the card as it is now, and press again."
        )


# What helps -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Help:
    """A command that a button stands for, and what is typed after the host's name; `verb` says who may."""

    verb: str
    run: Deed
    selector: bool = False


HELP: Mapping[str, Help] = {
    "queue": Help("queue", queue.run, selector=True),
    "hold": Help("hold", hold.hold, selector=True),
    "check": Help("check", check.run),
    "status": Help("status", status.run),
    "trash": Help("trash", restore.trash),
    "flush": Help("flush", flush.run),
}
SCOPES = {"listed": "rbl", "certificate": "tls"}
"""What is checked for a rule; everything where none is named."""


async def _help(request: Request, name: str) -> None:
    number, alert_id, seen = unpacked(request.value, int, int, str)
    shown = await _kept(request, number)
    alert = next((each for each in shown.alerts if each.id == alert_id), None)
    if alert is None:
        raise UserError("This card is not as it was: the alert has ended and begun again. Press the newer button.")
    if name == "hold":
        _check_hold(alert, seen)
    after = alert.selector if HELP[name].selector else SCOPES.get(alert.rule, "all") if name == "check" else ""
    await HELP[name].run(replace(request, words=f"{shown.host} {after}".strip()))


def _check_hold(alert: Alert, seen: str) -> None:
    """Exactly what the button named is held, and only while there is a reason to."""
    if alert.state is not State.FIRING:
        raise UserError("This alert is over, so nothing was held. /mail hold holds mail all the same.")
    if not alert.selector or fingerprint(alert.selector) != seen:
        raise UserError(
            "The alert is about other mail now than the card that you pressed, so nothing was held. Look at the card "
            "as it is now, and press again."
        )


async def _kept(request: Request, number: int) -> AlertCard:
    shown = await request.services.alerts.get(number)
    if shown is None:
        raise UserError(FORGOTTEN)
    return shown


def register(app: AsyncApp, door: Door) -> None:
    @app.action("alert.acknowledge")
    async def acknowledge(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _acknowledge, "acknowledge")

    @app.action("alert.snooze")
    async def snooze(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, _snooze, "snooze")

    for name in HELP:
        _register_help(app, door, name)


def _register_help(app: AsyncApp, door: Door, name: str) -> None:
    async def deed(request: Request) -> None:
        await _help(request, name)

    @app.action(f"alert.{name}")
    async def helps(ack: AsyncAck, body: Body) -> None:
        await door.admit(ack, body, deed, HELP[name].verb)
