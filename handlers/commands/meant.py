"""Which rule and which mail host people mean: `mx1/deferred`, `deferred on mx1`, `Much deferred mail`."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.mailhost.hosts import MailHosts
from bot.text import listed
from bot.watch.rules import Rule
from handlers.commands.words import named

ALL = "all"
"""Every rule, where a command takes that."""
LONG = 60
"""Characters of what was typed that are repeated."""

_BETWEEN = str.maketrans('/:"', "   ")
_FILLERS = ("on", "of", "for", "alert")


@dataclass(frozen=True, slots=True)
class Meant:
    """The rules and the mail hosts that some words name, by their names, and the words that name neither."""

    rules: tuple[str, ...]
    hosts: tuple[str, ...]
    strange: str

    @property
    def understood(self) -> bool:
        """Whether the words name something, and hold nothing else."""
        return bool(self.rules or self.hosts) and not self.strange

    @property
    def rule(self) -> str:
        return "".join(self.rules[:1])

    @property
    def host(self) -> str:
        return "".join(self.hosts[:1])


def meant(words: str, hosts: MailHosts, rules: Mapping[str, Rule], also: Sequence[str] = ()) -> Meant:
    """A rule is named by its name, its title, or a word of `also`. Raises UserError for a group of hosts."""
    left = words.translate(_BETWEEN).split()
    found: list[str] = []
    for name, rule in rules.items():
        title = rule.title.lower().split()
        for start in range(len(left) - len(title) + 1):
            if [word.lower() for word in left[start : start + len(title)]] == title:
                left[start : start + len(title)] = []
                found.append(name)
    where, strange = [], []
    for word in left:
        low = word.lower()
        if low in rules or low in also:
            found.append(low)
        elif word in hosts:
            where.append(hosts[word].name)
        elif word.startswith("@"):
            named(hosts, word)  # It takes one host, and says so.
        elif low not in _FILLERS:
            strange.append(word)
    return Meant(tuple(found), tuple(where), " ".join(strange))


def unknown(meant: Meant, hosts: MailHosts, rules: Mapping[str, Rule], also: Sequence[str] = ()) -> str:
    """What the strange words are not, and what could stand there instead."""
    said = f"“{meant.strange[:LONG]}”"
    if meant.rules and not meant.hosts:
        there = listed(list(hosts), "or")
        return f"{said} is no mail host: with {meant.rule}, say {there}, or none."
    if meant.rules:
        return f"{said} is one word too many with {meant.host} and {meant.rule}."
    titles = {rule.title.lower(): f"{name} (“{rule.title}”)" for name, rule in rules.items()}
    if near := _near(meant.strange, [*rules, *also, *([] if meant.hosts else hosts), *titles]):
        what = "no rule" if meant.hosts else "neither a rule nor a mail host"
        return f"{said} is {what}. Did you mean {titles.get(near, near)}?"
    every = f"The rules are {listed([*rules, *also])}"
    if meant.hosts:
        return f"{said} is no rule. {every}."
    return f"{said} is neither a rule nor a mail host. {every}; the mail hosts {listed(list(hosts))}."


def _near(word: str, names: Sequence[str]) -> str:
    return "".join(difflib.get_close_matches(word.lower()[:LONG], names, 1, cutoff=0.7))
