"""Agents of other versions than this bot: what both share goes on working, and who must be updated is said.

The bot speaks version 1 of the protocol (bot/agent/protocol.py, VERSION) with every agent that does. What an agent says
beyond that is ignored; an argument that an older one does not know is left out where the question is the same without.
"""

import re
from collections.abc import Mapping

from bot import __version__
from bot.agent.protocol import VERSION, Info

SPARE: Mapping[str, tuple[str, ...]] = {"list": ("behind",), "flush": ("wait",), "probe": ("wait",)}
"""Arguments by verb without which the answer says less, or comes at another time, and is the same for the rest."""

UNKNOWN_MEMBER = re.compile(r"args has an unknown member '([a-z_]+)'")
OTHER_PROTOCOL = re.compile(r"protocol version .*; this agent speaks version (\d+)")
OLDER = re.compile(r"there is no verb |has an unknown member |there is no term of the kind ")
"""What an agent says, as a bad_request, to what came after its time."""


def left_out(verb: str, said: str) -> str:
    """The argument that this agent does not know, and that the bot can do without; empty: there is none."""
    unknown = UNKNOWN_MEMBER.search(said)
    return unknown[1] if unknown and unknown[1] in SPARE.get(verb, ()) else ""


def advice(host: str, said: str) -> str:
    """What mends a refusal that comes of two versions; empty for any other."""
    other = OTHER_PROTOCOL.search(said)
    if other and int(other[1]) > VERSION:
        return f"The agent there is newer: this bot ({__version__}) speaks protocol {VERSION}. Update the bot."
    if other or OLDER.search(said):
        return f"The agent there is older than this bot ({__version__}). Update it: {update(host)}"
    return ""


def outdated(host: str, info: Info | None) -> str:
    """A line for an agent that is older than this bot; empty for any other."""
    if info is None or _numbers(info.agent_version) >= _numbers(__version__):
        return ""
    return (
        f"The agent of {host} is {info.agent_version}, this bot {__version__}: what both know works. "
        f"Update it: {update(host)}"
    )


def update(host: str) -> str:
    """The command."""
    return f"maildesk agent install {host}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d{1,9}", version)[:4])
