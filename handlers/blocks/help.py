"""What this person may do here, with examples."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.actors import Actor, Role
from bot.mailhost.selector import EXAMPLE
from bot.text import listed
from handlers.blocks.kit import Block, Card, Element, card
from handlers.blocks.rich import Line, bold, bullets, code, joined, paragraph, person, rich, say, words

_HOST = re.compile(r"(?<!\S)mx1(?![\w.-])")


@dataclass(frozen=True, slots=True)
class Entry:
    """A command as help shows it; `who` are the roster's entries that may use it."""

    name: str
    usage: str
    summary: str
    examples: tuple[str, ...]
    role: Role
    who: tuple[str, ...]


def unknown(actor: Actor, entries: Sequence[Entry], said: str) -> Card:
    """`said`, which tells of a command that is not known, and the names of those that this person may use."""
    names = listed([entry.name for entry in entries if actor.role >= entry.role])
    return card(said, say(said, ["You may: ", names, ". ", code("/mail help"), " tells what each does."]))


def overview(actor: Actor, entries: Sequence[Entry], hosts: Sequence[str]) -> Card:
    """Every command that this person may use, and whose the others are."""
    allowed = [entry for entry in entries if actor.role >= entry.role]
    denied = [entry for entry in entries if actor.role < entry.role]
    lines: list[Line] = [[code(f"/mail {entry.usage}"), f" – {entry.summary}"] for entry in allowed]
    examples = [_here(example, hosts) for entry in allowed for example in entry.examples[:1]]
    return card(
        f"What you may do: {listed([entry.name for entry in allowed])}.",
        rich(paragraph([bold(_role(actor))]), bullets(*lines)),
        rich(paragraph([bold("For example")]), bullets(*[[code(example)] for example in examples]))
        if examples
        else None,
        say(_hosts(hosts)),
        _others(denied),
    )


def in_short(actor: Actor, entries: Sequence[Entry], hosts: Sequence[str]) -> list[Block | None]:
    """The commands by name, where there is much else to be seen."""
    allowed = [code(f"/mail {entry.name}") for entry in entries if actor.role >= entry.role]
    denied = [entry for entry in entries if actor.role < entry.role]
    return [
        say(
            [bold(_role(actor))], joined(allowed, "and"), [code("/mail help"), " tells what each does, with examples."]
        ),
        say(_hosts(hosts)),
        _others(denied),
    ]


def one(actor: Actor, entry: Entry, hosts: Sequence[str], rules: Sequence[str]) -> Card:
    """One command: how it is said, and whether this person may. `rules` are the names of the rules for alerts."""
    may = actor.role >= entry.role
    return card(
        f"/mail {entry.usage}: {entry.summary}",
        say([code(f"/mail {entry.usage}")], f"{entry.summary}."),
        rich(paragraph([bold("For example")]), bullets(*[[code(_here(example, hosts))] for example in entry.examples])),
        _selectors() if "selector" in entry.usage else None,
        _alerts(entry, hosts, rules) if "rule" in entry.usage else None,
        None if may else say(*_who(entry)),
    )


def _here(example: str, hosts: Sequence[str]) -> str:
    """An example with a mail host that there is in place of mx1."""
    return _HOST.sub(lambda _: hosts[0], example) if hosts else example


def _role(actor: Actor) -> str:
    if actor.role is Role.NONE:
        return "You have no role here, so you may only read this"
    return f"You are {'an' if actor.role.label[0] in 'aeiou' else 'a'} {actor.role.label} here. You may"


def _hosts(hosts: Sequence[str]) -> str:
    if len(hosts) == 1:
        return f"The mail host is {hosts[0]}; its name can be left out."
    return f"Mail hosts: {listed(hosts)}. Say which one after the command, as in /mail queue {hosts[0]}."


def _others(entries: Sequence[Entry]) -> Block | None:
    """Commands that are for others, those with the same people together."""
    return rich(paragraph([bold("Not for you")]), bullets(*_denied(entries))) if entries else None


def _denied(entries: Sequence[Entry]) -> list[Line]:
    together: dict[tuple[str, ...], list[str]] = {}
    for entry in entries:
        together.setdefault(entry.who, []).append(entry.name)
    return [[bold(listed(names)), *_people(who)] for who, names in together.items()]


def _people(who: Sequence[str]) -> list[str | Element]:
    if not who:
        return [": nobody may yet; the settings VIEWERS, OPERATORS and APPROVERS say who"]
    return [": ask ", *joined([person(member) for member in who[:10]], "or")]


def _who(entry: Entry) -> list[Line]:
    return [["You may not do this. ", *_people(entry.who)]]


# The words of a selector, each with what it picks.
SELECTORS: Mapping[str, str] = {
    "4VbXm8dz3kzJ1Q": "one message, by its queue ID; several IDs are several messages",
    "deferred, hold, active, incoming": "what lies in that queue",
    "from:jane@example.org": "by sender; from:@example.org is a whole domain, * stands for anything",
    "to:@example.org": "by recipient",
    'reason:"mailbox full"': "by a piece of the reason why it is deferred",
    "login:jane@example.org, client:192.0.2.0/24": "by who submitted it: a login, an IP address or a network",
    "older:2h, newer:30m": "by age (s, m, h, d)",
    "larger:1m, smaller:10k": "by size",
    "-from:@example.org": "a - in front means not",
    "all": "everything",
}


def _selectors() -> Block:
    lines: list[Line] = [[code(words), f" – {meaning}"] for words, meaning in SELECTORS.items()]
    return rich(
        paragraph([bold("A selector picks messages")]),
        bullets(*lines),
        paragraph(["Of several IDs or queues one has to fit; of everything else all, as in ", code(EXAMPLE)]),
    )


# How an alert is named, each with what it picks.
ALERTS: Mapping[str, str] = {
    "12, #12": "the alert of that number, with all that fires on its card",
    "mx1": "all that fires on that mail host",
    "deferred": "that rule, on whatever mail host it fires",
    "mx1/deferred": "that rule on that mail host",
}


def _alerts(entry: Entry, hosts: Sequence[str], rules: Sequence[str]) -> Block:
    """How alerts, rules and times are said, as far as this command takes them."""
    lines: list[Line] = [[code(_here(said, hosts)), f" – {picks}"] for said, picks in ALERTS.items()]
    forms = [paragraph([bold("An alert is named by")]), bullets(*lines)] if "host/rule" in entry.usage else []
    times: list[Line] = ["Times go from 1m to 30d, as in 90m, 8h, for 2 days."] if "time" in entry.usage else []
    return rich(*forms, paragraph([bold("Rules: "), words(f"{listed(rules)}.")], *times))
