"""What a person types to pick messages: queue IDs, `all`, queue names, and filters such as `from:` or `older:`.

IDs are alternatives, queue names are alternatives, then everything is joined by AND; a `-` in front negates a word.
`all` is everything, and `all deferred` is a queue, as in `postsuper -d ALL deferred`.
"""

import difflib
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.agent.protocol import LISTED_QUEUES, MAX_TEXT, Selection, Term
from bot.agent.queueid import is_queue_id
from bot.agent.requests import MAX_TERMS, SITE
from bot.errors import SelectorError
from bot.text import presentable

EXAMPLE = 'deferred from:@example.org older:2h reason:"mailbox full"'

MAX_LENGTH = 8000


@dataclass(frozen=True, slots=True)
class Selector:
    """A selector that was understood.

    `selection` is what the agent gets, `text` what a person would type to say the same again. `site` is set by
    `site:example.org`, which only a flush can use. `ids` are the queue IDs when there is nothing else in it.
    """

    selection: Selection
    text: str
    site: str = ""
    ids: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether `all` was said: no condition narrows it."""
        return not self.selection.terms and not self.site

    def picks_nothing(self, host: str) -> str:
        """What is said, without its end, when there is no such message: `Nothing on mx1 matches from:@example.org`."""
        return f"The queue of {host} is empty" if self.everything else f"Nothing on {host} matches {self.text}"


def parse(words: str) -> Selector:
    """Read a selector. Raises SelectorError, also for empty text: what no selector means is the caller's say."""
    if len(words) > MAX_LENGTH:
        raise SelectorError(f"That selector is {len(words):,} characters long; at most {MAX_LENGTH:,} are read.")
    found = [_word(word) for word in _split(words)]
    if not found:
        raise SelectorError(
            f"Say which messages are meant: queue IDs, a queue, `all`, or filters. For example: {EXAMPLE}"
        )
    terms = tuple(dict.fromkeys(item for item in found if isinstance(item, Term) and item.kind != "site"))
    sites = [item.value for item in found if isinstance(item, Term) and item.kind == "site"]
    if len(terms) > MAX_TERMS:
        raise SelectorError(f"That selector has {len(terms):,} words; at most {MAX_TERMS} are read.")
    if sites and (len(found) > 1):
        raise SelectorError(
            "`site:` stands alone: it is Postfix's own list of the mail for one site. Try to:@… instead."
        )
    ids = tuple(term.value for term in terms if term.kind == "id" and not term.negated)
    return Selector(
        selection=Selection(terms),
        text=" ".join(map(_typed, terms)) or (f"site:{sites[0]}" if sites else "all"),
        site=sites[0] if sites else "",
        ids=ids if len(ids) == len(terms) else (),
    )


_WORD = re.compile(r'(?:[^\s"]|"[^"]*")+|"')


def _split(words: str) -> list[str]:
    """The words, with what stands in double quotes kept together."""
    found = _WORD.findall(words)
    if '"' in found:
        raise SelectorError(f'A quotation mark (") is not closed. For example: {EXAMPLE}')
    return found


_ALL = object()


def _word(word: str) -> Term | object:
    negated = word.startswith("-") and len(word) > 1
    plain = word[1:] if negated else word
    name, colon, value = plain.partition(":")
    if colon and name.lower() in _FILTERS:
        return _FILTERS[name.lower()](name.lower(), value.replace('"', ""), negated, word)
    if plain.lower() == "all" and not negated:
        return _ALL
    if plain.lower() in LISTED_QUEUES:
        return Term("queue", plain.lower(), negated)
    if is_queue_id(plain):
        return Term("id", plain, negated)
    raise _not_understood(word, name if colon else plain)


def could_be_meant(word: str) -> bool:
    """Whether a word is one of a selector, or one that was mistyped."""
    return word.lower() == "all" or is_queue_id(word) or bool(_near(word))


def _near(name: str) -> list[str]:
    return difflib.get_close_matches(name.lower()[:40], [*LISTED_QUEUES, *_FILTERS], 1, cutoff=0.7)


def _not_understood(word: str, name: str) -> SelectorError:
    near = _near(name)
    meant = f" Did you mean `{near[0]}{':' if near[0] in _FILTERS else ''}`?" if near else ""
    if word.lower() == "-all":
        meant = " `all` can't be negated."
    elif not near and "@" in word:
        meant = f" Did you mean `from:{_quoted(word)}` or `to:{_quoted(word)}`?"
    return SelectorError(f"“{_quoted(word)}” was not understood.{meant} For example: {EXAMPLE}")


def _quoted(word: str) -> str:
    return presentable(word, 60)


def _address(name: str, value: str, negated: bool, word: str) -> Term:
    if (
        not value
        or len(value) > MAX_TEXT
        or "\0" in value
        or ("@" not in value and "*" not in value and value not in ("<>", "MAILER-DAEMON"))
    ):
        raise SelectorError(
            f"“{_quoted(word)}”: `{name}:` takes an address, a domain or a pattern, such as {name}:ann@example.org, "
            f"{name}:@example.org or {name}:news*@example.org; {name}:<> is the null sender."
        )
    return Term(name, value, negated)


def _piece(name: str, value: str, negated: bool, word: str) -> Term:
    if not value.strip() or len(value) > MAX_TEXT or "\0" in value:
        raise SelectorError(f'“{_quoted(word)}”: `reason:` takes a piece of the reason, such as reason:"mailbox full".')
    return Term(name, value, negated)


_DURATION = re.compile(r"(?:\d{1,10}[smhdw])+\Z", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
MAX_SECONDS = 10**10
"""More than three hundred years; so any time can be typed again in seconds."""


def _age(name: str, value: str, negated: bool, word: str) -> Term:
    parts = re.findall(r"(\d+)([smhdw])", value.lower()) if _DURATION.match(value.lower()) else []
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in parts)
    if not parts or seconds >= MAX_SECONDS:
        raise SelectorError(f"“{_quoted(word)}”: `{name}:` takes a time such as {name}:30m, {name}:2h or {name}:1d12h.")
    return Term(name, str(seconds), negated)


_SIZE = re.compile(r"(\d{1,9})([kmg]?)b?\Z", re.ASCII)
_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
MAX_SIZE = 10**15
"""The agent takes numbers of fifteen digits."""


def _size(name: str, value: str, negated: bool, word: str) -> Term:
    match = _SIZE.match(value.lower())
    size = int(match[1]) * _BYTES[match[2]] if match else MAX_SIZE
    if size >= MAX_SIZE:
        raise SelectorError(f"“{_quoted(word)}”: `{name}:` takes a size such as {name}:500k or {name}:1m.")
    return Term(name, str(size), negated)


def _login(name: str, value: str, negated: bool, word: str) -> Term:
    if not value.strip() or len(value) > MAX_TEXT or "\0" in value:
        raise SelectorError(
            f"“{_quoted(word)}”: `login:` takes the login that mail was submitted with, such as login:ann@example.org "
            "or login:ann*."
        )
    return Term(name, value, negated)


def _client(name: str, value: str, negated: bool, word: str) -> Term:
    try:
        network = ipaddress.ip_network(value, strict=False)
    except ValueError:
        raise SelectorError(
            f"“{_quoted(word)}”: `client:` takes the IP address that mail was submitted from, or a network, such as "
            "client:192.0.2.7 or client:192.0.2.0/24."
        ) from None
    alone = network.prefixlen == network.max_prefixlen
    return Term(name, str(network.network_address if alone else network), negated)


def _site(name: str, value: str, negated: bool, word: str) -> Term:
    if negated or not SITE.match(value):
        raise SelectorError(
            f"“{_quoted(word)}”: `site:` takes a domain, such as site:example.org, and can't be negated."
        )
    return Term(name, value.lower())


# The filters: each has a name and what reads its value.
_FILTERS: Mapping[str, Callable[[str, str, bool, str], Term]] = {
    "from": _address,
    "to": _address,
    "reason": _piece,
    "older": _age,
    "newer": _age,
    "larger": _size,
    "smaller": _size,
    "login": _login,
    "client": _client,
    "site": _site,
}


def _typed(term: Term) -> str:
    """The term as a person would type it."""
    if term.kind in ("id", "queue"):
        text = term.value
    elif term.kind in ("older", "newer"):
        text = f"{term.kind}:{_in_units(int(term.value), _SECONDS, 's')}"
    elif term.kind in ("larger", "smaller"):
        text = f"{term.kind}:{_in_units(int(term.value), _BYTES, '')}"
    else:
        text = f'{term.kind}:"{term.value}"' if re.search(r"\s", term.value) else f"{term.kind}:{term.value}"
    return f"-{text}" if term.negated else text


def _in_units(number: int, units: Mapping[str, int], smallest: str) -> str:
    """The number in the largest unit that divides it."""
    unit = max(
        (each for each in units if number and number % units[each] == 0), key=units.__getitem__, default=smallest
    )
    return f"{number // units[unit]}{unit}"
