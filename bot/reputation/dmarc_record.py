"""The text of a DMARC Policy Record: its tags, and what receivers make of mistakes in them (RFC 9989 §4.7, §4.8)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from bot.reputation.taglist import BLANKS, Tag, tags

Policy = Literal["none", "quarantine", "reject"]
POLICIES: tuple[Policy, ...] = ("none", "quarantine", "reject")

VALUES = {
    "p": POLICIES,
    "sp": POLICIES,
    "np": POLICIES,
    "adkim": ("r", "s"),
    "aspf": ("r", "s"),
    "psd": ("y", "n", "u"),
    "t": ("y", "n"),
}
"""Tags with a choice of values; letters of either case mean the same (RFC 5234 §2.3)."""

KNOWN = frozenset({*VALUES, "v", "rua", "ruf", "fo"})

REMOVED = {"pct": "100", "rf": "afrf", "ri": "86400"}
"""Tags of RFC 7489 that RFC 9989 knows no more, with the values that never said anything."""

_SIZE = re.compile(r"!\d+[kmgt]?\Z", re.IGNORECASE)
_HOST = re.compile(
    r"(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z", re.IGNORECASE
)
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:\S", re.IGNORECASE)
_NEARLY = re.compile(r"\W{0,3}(?:v\W{0,3})?dmarc", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where reports go: the URI as written, and the host of a `mailto:`; empty where no report can be mailed there."""

    uri: str
    host: str


@dataclass(frozen=True, slots=True)
class DmarcRecord:
    """`values` holds the tags that mean something, with the case of choices folded; `mistakes` are pieces that
    receivers pass over; `removed` and `unknown` are tags that they do not know (any more)."""

    text: str
    values: Mapping[str, str] = field(default_factory=dict)
    mistakes: tuple[str, ...] = ()
    removed: tuple[Tag, ...] = ()
    unknown: tuple[str, ...] = ()

    @property
    def psd(self) -> str:
        return self.values.get("psd", "u")

    @property
    def testing(self) -> bool:
        return self.values.get("t") == "y"

    @property
    def rua(self) -> tuple[Destination, ...]:
        return destinations(self.values.get("rua", ""))

    @property
    def ruf(self) -> tuple[Destination, ...]:
        return destinations(self.values.get("ruf", ""))

    @property
    def wants_reports(self) -> bool:
        """`rua` has at least one URI that is one."""
        return any(_SCHEME.match(destination.uri) for destination in self.rua)

    @property
    def sound(self) -> bool:
        """It has a valid `p`, and no `sp` or `np` that is not valid (§4.10.1)."""
        return "p" in self.values and not any(mistake.startswith(("p=", "sp=", "np=")) for mistake in self.mistakes)

    def policy(self, *, inherited: bool = False, exists: bool = True) -> Policy | None:
        """What is asked for mail that fails; None: the record asks for nothing and counts as none (§4.10.1).

        `inherited`: it was found above the domain; `exists`: the domain does.
        """
        if not self.sound:
            return "none" if self.wants_reports else None
        order = (("sp",) if exists else ("np", "sp")) if inherited else ()
        chosen = next((self.values[tag] for tag in order if tag in self.values), self.values["p"])
        return next(policy for policy in POLICIES if policy == chosen)


def is_record(text: str) -> bool:
    """Whether receivers take it for a DMARC record: its first tag is `v=DMARC1`, in that spelling."""
    first = next(iter(tags(text)), None)
    return first is not None and first.name.lower() == "v" and first.value == "DMARC1"


def nearly(texts: Iterable[str]) -> tuple[str, ...]:
    """Texts that were probably meant to be one, but are not."""
    return tuple(text for text in texts if _NEARLY.match(text) and not is_record(text))


def read(text: str) -> DmarcRecord:
    """A text for which `is_record` holds; the first of two tags of one name counts."""
    values: dict[str, str] = {}
    mistakes: list[str] = []
    removed: list[Tag] = []
    unknown: list[str] = []
    for name, value in tags(text):
        tag = name.lower()
        if value is None or tag in values:
            mistakes.append(name if value is None else f"{tag}={value}")
        elif tag in REMOVED:
            removed.append(Tag(tag, value))
        elif tag not in KNOWN:
            unknown.append(f"{tag}={value}")
        elif tag in VALUES and value.lower() not in VALUES[tag]:
            mistakes.append(f"{tag}={value}")
        else:
            values[tag] = value.lower() if tag in VALUES else value
    return DmarcRecord(text, values, tuple(mistakes), tuple(removed), tuple(unknown))


def destinations(value: str) -> tuple[Destination, ...]:
    """The URIs of `rua` or `ruf` (§4.6); the obsolete size behind one (`!10m`) does not count."""
    found = []
    for piece in value.split(","):
        uri = _SIZE.sub("", piece.strip(BLANKS))
        if uri:
            found.append(Destination(uri, _mail_host(uri)))
    return tuple(found)


def _mail_host(uri: str) -> str:
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "mailto":
        return ""
    local, _, host = unquote(rest.partition("?")[0]).rpartition("@")
    host = host.lower().rstrip(".")
    return host if local and _HOST.match(host) and len(host) <= 253 else ""
