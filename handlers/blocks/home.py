"""The Home tab: how the mail hosts are, what fires, what you may decide, what was done, and what you may type."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from bot.actors import Actor, Role
from bot.approvals.model import Request
from bot.mailhost.look import Look
from bot.mailhost.verdict import Level, queued, verdict
from bot.store.audit import Row
from bot.text import clock, plural, shown_text
from bot.watch.model import Alert
from bot.watch.rules import Severity
from handlers.blocks.alert_words import ITSELF, SIGNS, Known, said_of, well_again
from handlers.blocks.help import Entry, in_short
from handlers.blocks.kit import Block, Card, Element, actions, card, context, header
from handlers.blocks.request import decisions
from handlers.blocks.request_words import asked
from handlers.blocks.rich import Line, bold, channel, code, joined, link, person, rich, say, words
from handlers.blocks.rich import bullets as listing
from handlers.blocks.status import SIGNS as LEVELS

ALERTS, REQUESTS = 10, 5
UNREAD = "What fires, what waits for you, and what was done is not known."


@dataclass(frozen=True, slots=True)
class Decidable:
    """An open request that this person may approve; `typed` says that the number has to be typed for it."""

    request: Request
    typed: bool


@dataclass(frozen=True, slots=True)
class Fleet:
    """What somebody with a role sees. `alerts` are what fires, each with what it is drawn with, the worst first.

    `blind` says of which mail hosts it is not known whether there is an alert; `zone` is the time zone of what is told;
    `links` lead to the cards of alerts, by their numbers. `alerts_known`: that there are none is known, too.
    `reputations` has a line of each mail host's last check, by its name.
    """

    looks: Sequence[Look]
    alerts: Sequence[tuple[Alert, Known]]
    requests: Sequence[Decidable]
    done: Sequence[Row]
    blind: Sequence[str] = ()
    zone: str = "UTC"
    links: Mapping[int, str] = field(default_factory=dict)
    alerts_known: bool = True
    reputations: Mapping[str, str] = field(default_factory=dict)


def home(
    actor: Actor,
    entries: Sequence[Entry],
    hosts: Sequence[str],
    fleet: Fleet | None,
    channels: Sequence[str],
    note: Card | None = None,
) -> Card:
    """For this person's eyes alone. `fleet` is None for somebody without a role; `note` answers their last press."""
    return card(
        "Maildesk",
        *(note.blocks if note else ()),
        *(_fleet(fleet) if fleet else ()),
        header("What you may do"),
        *in_short(actor, entries, hosts),
        say(_where(channels)) if actor.role > Role.NONE and channels else None,
    )


def _fleet(fleet: Fleet) -> list[Block | None]:
    at = clock(max(look.at for look in fleet.looks), fleet.zone) if fleet.looks else ""
    more = len(fleet.alerts) - ALERTS
    return [
        header("Mail hosts"),
        *[_line(seen, fleet) for seen in fleet.looks],
        context(f"As of {at}; open this tab again for a fresh look.") if at else None,
        header("Alerts"),
        *[_alert(alert, known, fleet.links.get(alert.card or 0, "")) for alert, known in fleet.alerts[:ALERTS]],
        say(f"… and {more:,} more: /mail alerts lists them") if more > 0 else None,
        None if fleet.alerts else say("No alert fires now." if fleet.alerts_known else UNREAD, *fleet.blind),
        context(*fleet.blind) if fleet.alerts and fleet.blind else None,
        *[block for each in fleet.requests[:REQUESTS] for block in _request(each, fleet.zone)],
        header("Done last") if fleet.done else None,
        rich(listing(*[_done(row, fleet.zone) for row in fleet.done])) if fleet.done else None,
    ]


def _line(seen: Look, fleet: Fleet) -> Block:
    """How it is now, and what its last check said; it is not called well while something fires of it."""
    said, alerts = verdict(seen), [alert for alert, _ in fleet.alerts if alert.host == seen.host]
    worst = max([alert.severity for alert in alerts], default=Severity.NOTICE)
    sign = SIGNS[worst] if alerts and (worst is Severity.CRITICAL or said.level is Level.WELL) else LEVELS[said.level]
    below = [said.detail, *filter(None, [fleet.reputations.get(seen.host)])]
    if alerts and said.level is Level.WELL:
        fires = plural(len(alerts), "alert fires", "alerts fire")
        return say([f"{sign} ", bold(f"{seen.host}: {fires}, below. {queued(seen)}", 400)], *below)
    return say([f"{sign} ", bold(said.headline, 400)], *below)


def _alert(alert: Alert, known: Known, address: str) -> Block:
    title = bold(f"{alert.host or ITSELF}: {known.title(alert)}", 300)
    where: list[str | Element] = [" · ", link(address, f"alert {alert.card}")] if address else []
    first: Line = [f"{SIGNS[alert.severity]} ", title, *where]
    second: Line = [*said_of(alert, known), words(known.shown(alert.text), 400)]
    lines = [second if alert.text else said_of(alert, known) or f"Since {known.at(alert.since)}."]
    if good := well_again(alert, known):
        lines.append(f"{good}.")
    return say(first, *lines)


def _request(each: Decidable, zone: str) -> list[Block | None]:
    request = each.request
    until = clock(request.expires_at.timestamp(), zone)
    return [
        header(f"For you to decide: {request.key}"),
        say(
            [person(request.asked_by.id), " asks to ", bold(asked(request)), ": "],
            [code(request.target_key or request.selector, 200)],
            ["Until ", until, ". What is at stake is on its card in ", channel(request.channel), "."],
        ),
        actions(f"home:{request.id}:{request.revision}", decisions(request, each.typed)),
    ]


def _done(row: Row, zone: str) -> Line:
    what = " ".join(part for part in (row.verb, row.host, shown_text(row.subject, "masked")) if part)
    return [
        f"{clock(row.at.timestamp(), zone)}  ",
        bold(row.name or row.actor, 100),
        ": ",
        words(f"{what}: {row.outcome}", 300),
    ]


def _where(channels: Sequence[str]) -> Line:
    return ["Type it in ", *joined([channel(name) for name in channels[:20]], "or"), "."]
