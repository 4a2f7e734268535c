"""`maildesk rbl`: what blocklists say of one address or domain, at a shell, with a monitoring plugin's exit status.

0: listed nowhere that matters; 1: listed where some heed it; 2: where many do; 3: a list that matters could not say.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from bot import bootstrap
from bot.errors import MaildeskError
from bot.reputation import listings
from bot.reputation.report import NO_REPUTATION
from bot.reputation.subjects import subject
from bot.reputation.sweep import Sweep, Verdict
from bot.settings import load
from bot.text import clock, presentable

WORDS = {0: "OK", 1: "WARNING", 2: "CRITICAL", 3: "UNKNOWN"}
LONGEST = 2000
"""Characters of one line; what it quotes may be long, and hostile."""


def main(text: str, *, as_json: bool) -> int:
    """Ask every list of `text`, print what they said; the exit status. Whatever hinders that is unknown."""
    try:
        settings, wanted = load(), subject(text)
        lists = bootstrap.blocklists(settings, bootstrap.name_resolver(settings))
        sweep = asyncio.run(lists.look([wanted]))
    except MaildeskError as error:
        print(f"{WORDS[3]}: {error}", file=sys.stderr)
        return 3
    print(json.dumps(to_json(sweep), indent=2, ensure_ascii=False) if as_json else "\n".join(lines(sweep)))
    return sweep.exit_status


def lines(sweep: Sweep) -> list[str]:
    """The verdict in the first line, as monitoring shows it; then each listing, and how much of this is known."""
    shown = [f"{WORDS[sweep.exit_status]}: {listings.verdict(sweep)[1]}"]
    for each in sweep.listings:
        shown += _listing(each)
    for each in sweep.recommendations:
        shown.append(f"Known for good at {each.zone.name}: {listings.meanings(each)}.")
    shown += ["", listings.coverage_line(sweep)]
    shown += [f"    {listings.silence_line(each)}" for each in sweep.coverage.silent]
    if left_out := listings.not_asked_line(sweep):
        shown.append(f"Not asked: {left_out}.")
    return [presentable(line, LONGEST) for line in (*shown, NO_REPUTATION)]


def _listing(each: Verdict) -> list[str]:
    zone = each.zone
    shown = [f"LISTED: {zone.name}, weight {each.weight.label}: {listings.meanings(each)} [{', '.join(each.answers)}]"]
    shown += [f"    It says: {each.reason}"] if each.reason else []
    shown += [f"    Seen since {clock(each.since.timestamp())}"] if each.since else []
    return [*shown, f"    {listings.advice(each)}"]


def to_json(sweep: Sweep) -> dict[str, Any]:
    """Each list with its answer; seconds since the start of the look."""
    return {
        "subjects": [each.text for each in sweep.subjects],
        "verdict": listings.verdict(sweep)[1],
        "exit_status": sweep.exit_status,
        "servers": list(sweep.servers),
        "seconds": round(sweep.seconds, 3),
        "asked": sweep.coverage.asked,
        "answered": sweep.coverage.answered,
        "lists": [_verdict(each) for each in sweep.verdicts],
        "not_asked": [{"id": zone.id, "name": zone.name, "why": zone.left_out} for zone in sweep.left_out],
    }


def _verdict(each: Verdict) -> dict[str, Any]:
    return {
        "id": each.zone.id,
        "name": each.zone.name,
        "zone": each.zone.zone,
        "subject": each.subject.text,
        "answer": each.state,
        "allow": each.zone.allow,
        "weight": each.weight.label,
        "codes": [{"meaning": code.meaning, "weight": code.weight.label, "policy": code.policy} for code in each.codes],
        "answers": list(each.answers),
        "reason": each.reason,
        "since": each.since.isoformat() if each.since else None,
        "cause": each.cause,
        "detail": each.detail,
        "delist": each.zone.delist,
        "seconds": round(each.seconds, 3),
    }
