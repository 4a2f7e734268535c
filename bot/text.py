"""Hostile text made presentable, numbers and times in words; for both front ends."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

# C0 and C1 controls, and what reorders or breaks lines: bidi controls, line and paragraph separators, and the
# invisible characters with which one address can be made to look like another.
_UNPRESENTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u115f\u1160\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def presentable(text: str, limit: int = 300) -> str:
    """One line of text that can't act: controls, bidi and separator characters shown as escapes, cut at `limit`."""
    shown = _UNPRESENTABLE.sub(_escape, text[: limit + 1])
    return shown if len(shown) <= limit else shortened(shown[: limit - 1])


_LAST_LINK = re.compile(r"\S*://\S*\Z")


def shortened(beginning: str) -> str:
    """The beginning of a text that was cut, and the mark that says so; the half of a link would lead elsewhere."""
    return _LAST_LINK.sub("", beginning) + "…"


def _escape(match: re.Match[str]) -> str:
    number = ord(match.group())
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def masked(address: str) -> str:
    """`jane@example.org` as `j…@example.org`: enough to recognise, too little to write to."""
    local, at, domain = address.rpartition("@")
    if not at:
        return address if address == "MAILER-DAEMON" else f"{address[:1]}…"
    return f"{local[:1]}…@{domain}"


# A local part may be quoted; the domain may be an address literal or not ASCII. Text is cut before this looks at it.
_ADDRESS = re.compile(r"""(?:"[^"]*"|[^\s<>()\[\]:;,"@]+)@(?=[^\s<>()@])""")


def masked_text(text: str, limit: int = 1024) -> str:
    """Free text, such as a remote server's reply, with the local part of each address in it masked; cut at `limit`."""
    return _ADDRESS.sub(lambda match: f"{match.group()[:1]}…@", _whole_words(text, limit))


def _whole_words(text: str, limit: int) -> str:
    """Cut between words: half an address would not be recognised as one."""
    if len(text) <= limit:
        return text
    kept, space, _ = text[:limit].rpartition(" ")
    return f"{kept} …" if space else "…"


Addresses = Literal["masked", "full", "none"]
"""How a reader may see mail addresses: `j…@example.org`, `jane@example.org`, `…@example.org`."""


def shown_address(address: str, addresses: Addresses) -> str:
    """One address as this reader may see it."""
    if addresses == "full" or address == "MAILER-DAEMON":
        return address
    shown = masked(address)
    return shown if addresses == "masked" else shown[shown.index("…") :]


def shown_text(text: str, addresses: Addresses) -> str:
    """Free text with the addresses in it as this reader may see them."""
    if addresses == "full":
        return text
    return masked_text(text) if addresses == "masked" else _ADDRESS.sub("…@", _whole_words(text, 1024))


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """`1 message`, `1,234 messages`."""
    return f"{number:,} {noun if number == 1 else nouns or noun + 's'}"


def listed(items: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else ""


def size(number: int | float) -> str:
    """Bytes in words, in powers of 1024 as Postfix counts: `512 B`, `1.5 KiB`, `20 MiB`."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(number) < 1024 or unit == "GiB":
            break
        number /= 1024
    return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"


def duration(seconds: float) -> str:
    """Seconds in words, two units at the most: `45 s`, `12 min`, `3 h 20 min`, `4 d 6 h`."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def share(part: int, whole: int) -> str:
    """`part` of `whole` in per cent; a share of something is never shown as `0 %`, nor a part as `100 %`."""
    if not whole:
        return "–"
    percent = round(100 * part / whole)
    if percent == 0 and part:
        return "<1 %"
    return ">99 %" if percent == 100 and part < whole else f"{percent} %"


def clock(seconds: float, zone: str = "UTC") -> str:
    """A time in seconds since the epoch as `2026-01-31 08:05 UTC`, in the time zone of this name as `… 09:05 CET`.

    Raises ZoneInfoNotFoundError.
    """
    return datetime.fromtimestamp(seconds, ZoneInfo(zone)).strftime("%Y-%m-%d %H:%M %Z")


def width(text: str) -> int:
    """How many terminal cells a text takes: East Asian wide characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text
    )
