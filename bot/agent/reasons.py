"""Groups the reasons of deferred mail: what differs from message to message goes, provider and reply codes stay.

Mail chooses part of this text, so it is cut first and meets only patterns that take linear time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import List, Tuple

from bot.agent.protocol import MAX_TEXT

# Whose mail exchangers these are, by the end of the host's name.
PROVIDERS: Tuple[Tuple[str, str], ...] = (
    ("google.com", "Gmail"),
    ("googlemail.com", "Gmail"),
    ("olc.protection.outlook.com", "Outlook.com"),
    ("protection.outlook.com", "Microsoft 365"),
    ("mx.microsoft", "Microsoft 365"),
    ("yahoodns.net", "Yahoo"),
    ("icloud.com", "iCloud"),
    ("apple.com", "iCloud"),
    ("gmx.net", "GMX"),
    ("web.de", "WEB.DE"),
    ("mail.com", "mail.com"),
    ("t-online.de", "T-Online"),
    ("orange.fr", "Orange"),
    ("wanadoo.fr", "Orange"),
    ("free.fr", "Free"),
    ("sfr.fr", "SFR"),
    ("comcast.net", "Comcast"),
    ("charter.net", "Spectrum"),
    ("cox.net", "Cox"),
    ("pphosted.com", "Proofpoint"),
    ("ppe-hosted.com", "Proofpoint"),
    ("mimecast.com", "Mimecast"),
    ("barracudanetworks.com", "Barracuda"),
    ("messagelabs.com", "Symantec"),
    ("iphmx.com", "Cisco"),
    ("zoho.com", "Zoho"),
    ("zoho.eu", "Zoho"),
    ("mail.ru", "Mail.ru"),
    ("yandex.ru", "Yandex"),
    ("yandex.net", "Yandex"),
    ("qq.com", "QQ"),
    ("ovh.net", "OVH"),
    ("ionos.de", "IONOS"),
    ("kundenserver.de", "IONOS"),
    ("fastmail.com", "Fastmail"),
    ("messagingengine.com", "Fastmail"),
    ("protonmail.ch", "Proton"),
)

_SUSPENDED = "delivery temporarily suspended: "

# How smtp(8) introduces a remote host; what follows is the host's own reply, or what happened to the connection.
_HOST = re.compile(
    r"(?:host |connect to |lost connection with |conversation with )([^\s\[]{1,255})\[[^\]\s]{1,64}\](?::\d{1,5})?:? ?"
)
_INTRODUCTION = re.compile(r"(?:said|refused to talk to me): ")
_IN_REPLY = re.compile(r" ?\(in reply to [^)]{1,60}\)")

# An address as SMTP writes it: its local part may be quoted, and hold spaces.
_BRACKETED = re.compile(r"<[^<>]{1,320}>:?")

# "Greylisted, try again in 287 seconds" counts down: every message would have a reason of its own.
_WAIT = re.compile(r"(?<!\S)\d{1,9}(?= ?(?:s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)\b)")

# A reply code, with the enhanced code (RFC 3463) behind it if there is one; on each line of a reply of several lines.
_CODE = re.compile(r"(?<!\S)([245]\d\d)[ -](?:#?([245]\.\d{1,3}\.\d{1,3})[ :-]?)?")

SHOWN = 160


def grouped(reason: str) -> str:
    """The reason's group, such as `Gmail: 421 4.7.28 unusual rate of mail from your address`.

    A reason that was seen before costs next to nothing, and mostly it was.
    """
    return _grouped(reason[:MAX_TEXT])


@lru_cache(maxsize=4096)
def _grouped(text: str) -> str:
    if text.startswith(_SUSPENDED):
        text = text[len(_SUSPENDED) :]
    provider = ""
    host = _HOST.match(text)
    if host:
        provider = _provider(host[1].lower())
        lead = text[: host.start(1)].split(" ")[0]
        rest = _INTRODUCTION.sub("", text[host.end() :], count=1)
        # "host x[y] said: 450 …" is the reply; "connect to x[y]:25: timed out" keeps what was tried.
        text = rest if lead == "host" else f"{text[: host.start(1)].strip()} … {rest}"
    text = _WAIT.sub("…", _BRACKETED.sub("…", _IN_REPLY.sub("", text)))
    code = _CODE.match(text)
    said = ""
    if code:
        said = " ".join(part for part in code.groups() if part)
        text = _CODE.sub("", text)
    words = _blocklist_kept(text.split())
    words = re.sub(r"(?:… ?){2,}", "… ", words)
    shown = " ".join(part for part in (said, words) if part)[:SHOWN].rstrip(" …")
    return f"{provider}: {shown}" if provider else shown or "no reason given"


def _blocklist_kept(words: List[str]) -> str:
    kept = [_kept(word) for word in words]
    for place in range(1, len(words)):
        # "blocked using zen.example.org": the blocklist's zone is a host's name, and it is the reason itself.
        if words[place - 1] == "using":
            kept[place] = words[place].rstrip(_TRIM)
    return " ".join(kept)


def _provider(host: str) -> str:
    for end, name in PROVIDERS:
        if host == end or host.endswith("." + end):
            return name
    return ""


_TRIM = "()[]<>{}\"',;:.!?"
_NUMBER = re.compile(r"[:./+_-]*\d[\d:./+_-]*\Z")
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\Z")
_NAME = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)+\Z")
_DIGIT = re.compile(r"\d")


@lru_cache(maxsize=8192)
def _kept(word: str) -> str:
    """The word, or `…` where it names one message, address, host, port or moment."""
    if word.isalpha():
        return word
    core = word.strip(_TRIM)
    if "@" in core or "[" in core or core.startswith(("http://", "https://")):
        return "…"
    if "=" in core:
        name, _, value = core.partition("=")
        return f"{name}={value if value.isupper() and value.isalpha() else '…'}"
    if _NAME.match(core) and not _ENHANCED.match(core):
        return "…"
    if _NUMBER.match(core) or (":" in core and _DIGIT.search(core)):
        # Short numbers (a code, a count in a sentence) tell something; addresses, times, ports and sizes differ.
        return word if _ENHANCED.match(core) or (core.isdigit() and len(core) <= 3) else "…"
    if len(core) >= 8 and _DIGIT.search(core):
        return "…"
    return word
