"""What fires now, what people have said of it, and what is muted: for one person alone."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from bot.actors import Actor
from bot.store.health import Trouble
from bot.text import clock, duration, plural
from bot.watch.model import Alert
from bot.watch.rows import Mute
from bot.watch.rules import Rule
from handlers.blocks.alert_words import ITSELF, SIGNS, Known, said_of, well_again
from handlers.blocks.blind import blind
from handlers.blocks.kit import Block, Card, card
from handlers.blocks.rich import Line, bold, code, link, paragraph, person, rich, say, words

SHOWN = 20

Draw = Callable[[str], Known]
"""What the alerts of a mail host are drawn with."""


def alerts(
    firing: Sequence[Alert],
    looked: Mapping[str, datetime | None],
    mutes: Sequence[Mute],
    draw: Draw,
    links: Mapping[int, str],
    trouble: Trouble | None = None,
) -> Card:
    """`looked` is when each mail host was looked at last, None where that is not known; `links` lead to the cards.

    `trouble` is the store's.
    """
    known = draw("")
    where = next(iter(looked)) if len(looked) == 1 else ""
    title = f"{plural(len(firing), 'alert')} now" if firing else "No alert now"
    title = f"{title} on {where}." if where else f"{title}."
    more = len(firing) - SHOWN
    unseen = blind(looked, trouble, known.now)
    return card(
        " ".join([title, *unseen]),
        say([bold(title)], *unseen),
        *[_alert(each, draw(each.host), links) for each in firing[:SHOWN]],
        say(f"… and {more:,} more") if more > 0 else None,
        rich(paragraph([bold("Muted")], *[_muted(mute, known) for mute in mutes[:SHOWN]])) if mutes else None,
    )


def in_a_line(host: str, firing: Sequence[Alert], rules: Mapping[str, Rule]) -> str:
    """`🔴 2 alerts fire on mx1, the worst: Postfix is down. /mail alerts mx1`; the worst is the first."""
    rule = rules.get(firing[0].rule)
    title = rule.title if rule else firing[0].rule
    fires = plural(len(firing), "alert fires", "alerts fire")
    worst = ", the worst" if len(firing) > 1 else ""
    return f"{SIGNS[firing[0].severity]} {fires} on {host}{worst}: {title}. /mail alerts {host}"


def _alert(alert: Alert, known: Known, links: Mapping[int, str]) -> Block:
    address = links.get(alert.card or 0, "")
    age = duration((known.now - alert.since).total_seconds())
    # No reading has words of its own where nothing but the fact is known.
    said: Line = [*said_of(alert, known), words(known.shown(alert.text), 400)] if alert.text else said_of(alert, known)
    return say(
        [f"{SIGNS[alert.severity]} ", bold(f"{alert.host or ITSELF}: {known.title(alert)}", 300)],
        *([said] if said else []),
        *([f"{good}."] if (good := well_again(alert, known)) else []),
        [
            f"{alert.severity.label.capitalize()} for {age} · ",
            link(address, f"alert {alert.card}") if address else f"alert {alert.card}",
            " · ",
            code(f"{alert.host}/{alert.rule}" if alert.host else alert.rule),
        ],
    )


def scope(mute: Mute, rules: Mapping[str, Rule]) -> str:
    """`“Much deferred mail” on mx1`, `every rule on every mail host`."""
    rule = rules.get(mute.rule)
    what = f"“{rule.title}”" if rule else mute.rule or "every rule"
    return f"{what} on {mute.host or 'every mail host'}"


def _muted(mute: Mute, known: Known) -> Line:
    return [f"{scope(mute, known.rules)}, until {known.at(mute.until)}, by ", person(mute.by)]


def muted(mute: Mute, former: Mute | None, wider: Sequence[Mute], rules: Mapping[str, Rule], zone: str) -> Card:
    """What the channel is told of a mute that begins.

    `former` is the one whose place it takes; `wider` are those that cover all of it, and go on for longer.
    """
    until = clock(mute.until.timestamp(), zone)
    before = f"Before, it was muted until {clock(former.until.timestamp(), zone)}" if former else ""
    instead: list[Line] = [[f"{before}, by ", person(former.by), "."]] if former else []
    again = f"/mail unmute {mute.rule or 'all'} {mute.host}".strip()
    return card(
        f"{mute.name} muted {scope(mute, rules)} until {until}.{f' {before}.' if before else ''}",
        say(
            [person(mute.by), " muted ", bold(scope(mute, rules)), f" until {until}."],
            *instead,
            "While that lasts nothing of it begins an alert; what fires already goes on, and nobody is reminded of it.",
            *_wider(wider, rules, zone),
            ["To end it before: ", code(again)],
        ),
    )


def unmuted(ended: Mute, wider: Sequence[Mute], rules: Mapping[str, Rule], zone: str, by: Actor) -> Card:
    """What the channel is told of a mute that was ended; `wider` are those that still cover all of it."""
    freed = "." if wider else ". It can begin an alert again."
    return card(
        f"{by.name} ended the mute of {scope(ended, rules)}.",
        say(
            [person(by.id), " ended the mute of ", bold(scope(ended, rules)), freed],
            *_wider(wider, rules, zone),
        ),
    )


def _wider(wider: Sequence[Mute], rules: Mapping[str, Rule], zone: str) -> list[Line]:
    """That something stays muted, by what covers more than it."""
    return [
        [f"It stays muted with {scope(each, rules)} until {clock(each.until.timestamp(), zone)}, by ", person(each.by)]
        for each in wider[:SHOWN]
    ]
