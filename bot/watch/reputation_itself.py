"""What the bot asks with, as readings of the rules: its name servers and the blocklists. No I/O.

They are the same for all mail hosts, so what is wrong with them is told of the bot itself, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.reputation.findings import Finding, Severity
from bot.reputation.report import Report
from bot.text import listed, plural
from bot.watch.memory import Memory
from bot.watch.model import Reading
from bot.watch.reputation import Readings

NOT_TRIED = ("resolver.unknown", "resolver.internal_error")
NAMED = 6
"""So many lists are named in a sentence."""


def of_the_bot(report: Report, memories: Sequence[Memory], names: Mapping[str, str], now: datetime) -> Readings:
    """Of the bot itself: its name servers, and lists that are silent, or fail their own test, at any of the hosts.

    `names` are those of the lists, by their IDs.
    """
    silent = _no_answer(memories, names, now)
    return {**_name_servers(report), "list_broken": _lists_broken(report, memories, names), "check_unknown": silent}


def _name_servers(report: Report) -> dict[str, list[Reading]]:
    """One that can't be believed, or is of no use, puts all else in doubt; one that is refused, or beside which another
    answers, does not."""
    found = [each for each in report.findings if each.code.startswith("resolver.") and each.code != "resolver.ok"]
    if any(each.code in NOT_TRIED for each in found):
        return {}
    limited = [each for each in found if each.severity is Severity.WARNING]
    useless = [each for each in found if each not in limited]
    return {
        "resolver": [_of_server(each) for each in useless],
        # Of a server that says nothing it is not known whether lists refuse it.
        "resolver_limited": [*map(_of_server, limited), *(Reading(each.subject, None) for each in useless)],
    }


def _of_server(finding: Finding) -> Reading:
    return Reading(finding.subject, 1, f"{finding.text} {finding.advice}".strip())


def _lists_broken(report: Report, memories: Iterable[Memory], names: Mapping[str, str]) -> list[Reading]:
    failing = {each for finding in report.findings if finding.code == "rbl.broken" for each in finding.lists}
    known = sorted(failing | {each for memory in memories for each in memory.broken})
    return [
        Reading(each, 1, f"{names.get(each, each)} fails the test of a list that works, so it lists nobody here.")
        if each in failing
        else Reading(each, None)
        for each in known
    ]


def _no_answer(memories: Iterable[Memory], names: Mapping[str, str], now: datetime) -> list[Reading]:
    """One reading for all lists: what is silent is mostly silent with many others."""
    silent: dict[str, datetime] = {}
    for memory in memories:
        for each, since in memory.silent.items():
            silent[each] = min(since, silent.get(each, since))
    if not silent:
        return []
    longest_first = sorted(silent, key=lambda each: silent[each])
    hours = (now - silent[longest_first[0]]) / timedelta(hours=1)
    said = [names.get(each, each) or "any list" for each in longest_first[:NAMED]]
    more = [f"{len(silent) - NAMED} more"] if len(silent) > NAMED else []
    text = (
        f"No answer for {plural(int(hours), 'hour')} from {listed([*said, *more])}: who is listed there is not known."
    )
    return [Reading("blocklists", hours, text, "/mail rbl says why, and what helps.")]
