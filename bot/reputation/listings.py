"""What a sweep of the blocklists comes to: in a sentence, and as findings.

Codes: rbl.listed rbl.policy rbl.not_listed rbl.unknown rbl.broken rbl.good.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.reputation.codes import ListCause, Weight
from bot.reputation.findings import Finding, Severity
from bot.reputation.subjects import Subject
from bot.reputation.sweep import MATTERS, Silence, Sweep, Verdict
from bot.reputation.zones import NO_KEY
from bot.text import clock, listed, plural

SOURCE = "RFC 5782 §2, §5"

SEVERITIES = {
    Weight.CRITICAL: Severity.PROBLEM,
    Weight.HIGH: Severity.PROBLEM,
    Weight.MEDIUM: Severity.WARNING,
    Weight.LOW: Severity.WARNING,
    Weight.INFO: Severity.INFO,
}
HEEDED = {
    Weight.CRITICAL: "most receivers refuse mail for it",
    Weight.HIGH: "many receivers refuse mail for it",
    Weight.MEDIUM: "some receivers refuse mail for it, and filters score it",
    Weight.LOW: "filters score it, few receivers refuse mail for it",
    Weight.INFO: "hardly anybody refuses mail for it",
}
CAUSES: dict[ListCause, str] = {
    "timeout": "gave no answer in time",
    "servfail": "could not be looked up",
    "refused": "refused",
    "unreachable": "could not be asked, since the resolver can't be reached",
    "malformed": "sent what is no DNS answer",
    "bogus": "could not be believed, since the zone's signatures do not hold",
    "rewritten": "could not be asked, since the resolver invents answers",
    "limited": "had to be left out, to keep to the limit of questions",
    "broken_zone": "failed the test of a list that works",
    "unknown_code": "answered with a code that has no meaning here",
}
"""What one list or several did instead of answering, with their names in front of it."""

NEXT: dict[ListCause, str] = {
    "timeout": "Ask again; a list that never answers can be dropped: DNSBL_DROP.",
    "servfail": "Ask again; a list that never answers can be dropped: DNSBL_DROP.",
    "refused": "Have the bot ask a resolver of your own (DNS_SERVERS), register it with the list, or get a key.",
    "unreachable": "Look whether the resolver runs and can be reached, and whether DNS_SERVERS names it.",
    "malformed": "Ask again; a list that never answers can be dropped: DNSBL_DROP.",
    "bogus": "Nothing can be done here: whoever runs the list has to renew its signatures.",
    "rewritten": "Have the bot ask a resolver that invents no answers: DNS_SERVERS in its settings.",
    "limited": "Ask again later.",
    "broken_zone": "If most lists are said to be broken, the resolver is at fault: it invents answers, or finds none. "
    "A list that is dead can be dropped: DNSBL_DROP.",
    "unknown_code": "Look at the list's own page what its answer means.",
}
"""What to do about it."""

TERMS_MATTER: tuple[ListCause, ...] = ("refused", "timeout", "servfail")
"""How a list treats those who do not keep to its terms."""

MOST_NOTES = 3


def findings(sweep: Sweep, subject: Subject) -> tuple[Finding, ...]:
    """Of this subject: its listings, or that it is on none; and which lists could not say, which concerns the sweep as
    a whole and is the same for each of its subjects."""
    own = sweep.of(subject)
    found = [_listed(each) for each in own.listings]
    found += [_good(each) for each in own.recommendations]
    answered = own.coverage.blocklists
    if answered and not own.listings:
        text = f"{subject} is {_on_none(answered)}."
        found.append(Finding("rbl", Severity.OK, "rbl.not_listed", subject.text, text, (), SOURCE))
    return (*found, *(_silent(each) for each in sweep.coverage.silent))


def _listed(each: Verdict) -> Finding:
    zone, subject = each.zone, each.subject.text
    reason = (f"{zone.name} says: {each.reason}",) if each.reason else ()
    since = (f"seen since {clock(each.since.timestamp())}",) if each.since else ()
    evidence = (f"{zone.name} ({zone.zone}): {', '.join(each.answers)}", *reason, *since)
    code = "rbl.policy" if each.policy else "rbl.listed"
    text = f"{subject} is listed by {zone.name} ({meanings(each)}): {HEEDED[each.weight]}."
    return Finding(
        "rbl",
        SEVERITIES[each.weight],
        code,
        subject,
        text,
        evidence,
        zone.delist or SOURCE,
        advice(each),
        lists=(zone.id,),
        weight=each.weight.label,
        since=each.since.timestamp() if each.since else None,
    )


def _good(each: Verdict) -> Finding:
    text = f"{each.subject} is known for good at {each.zone.name}: {meanings(each)}."
    evidence = (f"{each.zone.name} ({each.zone.zone}): {', '.join(each.answers)}",)
    return Finding("rbl", Severity.OK, "rbl.good", each.subject.text, text, evidence, each.zone.delist or SOURCE)


def _silent(each: Silence) -> Finding:
    severity = Severity.UNKNOWN if each.matters else Severity.INFO
    text = f"{listed([zone.name for zone in each.zones])} {CAUSES[each.cause]}{concerned(each)}."
    evidence = (f"{each.cause}: {each.detail}",)
    code = "rbl.broken" if each.cause == "broken_zone" else "rbl.unknown"
    lists = tuple(zone.id for zone in each.zones)
    return Finding("rbl", severity, code, "", text, evidence, SOURCE, way_on(each), lists=lists)


def meanings(each: Verdict) -> str:
    return "; ".join(code.meaning for code in each.codes)


def remedy(each: Verdict) -> str:
    """What to do about a listing, before or without asking for removal."""
    leaves = f" It leaves the list: {each.zone.expires}." if each.zone.expires else ""
    if each.policy:
        return (
            "This is the provider's policy for its addresses, not abuse. Have the provider take a static address out,"
            f" or send through a relay host.{leaves}"
        )
    return f"Find and stop the cause, else it comes back.{leaves}"


def advice(each: Verdict) -> str:
    page = f" When that is done, ask for removal at {each.zone.delist} as well." if each.zone.delist else ""
    return f"{remedy(each)}{page}"


def concerned(each: Silence) -> str:
    """` for 192.0.2.1`, where it does not concern all."""
    return f" for {listed([subject.text for subject in each.subjects[:5]])}" if each.subjects else ""


def way_on(each: Silence) -> str:
    """What to do so that these lists answer; where they may mean you, with what they themselves ask for."""
    if each.cause == "broken_zone" and any(zone.needs_key for zone in each.zones):
        return f"Look whether its key in DNSBL_KEYS is right. {NEXT[each.cause]}"
    by_note: dict[str, list[str]] = {}
    for zone in each.zones if each.cause in TERMS_MATTER else ():
        if zone.note and zone.weight >= MATTERS:
            by_note.setdefault(zone.note, []).append(zone.name)
    notes = [f"{listed(names)}: {note}." for note, names in by_note.items()]
    return " ".join((NEXT[each.cause], *notes[:MOST_NOTES]))


def verdict(sweep: Sweep) -> tuple[Severity, str]:
    """What it comes to, in one sentence; unknown is neither clean nor listed."""
    coverage, listings = sweep.coverage, sweep.listings
    silent = [zone.name for each in coverage.silent if each.matters for zone in each.zones]
    who = listed([subject.text for subject in sweep.subjects]) if len(sweep.subjects) < 4 else _counted(sweep)
    if listings:
        worst = listings[0]
        names = _some(list(dict.fromkeys(each.zone.name for each in listings)))
        subjects = [*dict.fromkeys(each.subject.text for each in listings)]
        whose = listed(subjects) if len(subjects) < 4 else f"{len(subjects)} of {_counted(sweep)}"
        is_are = "is" if len(subjects) == 1 else "are"
        sentence = f"{whose} {is_are} listed by {names}: {HEEDED[worst.weight]}"
        if worst.weight is Weight.INFO and silent:
            return Severity.UNKNOWN, f"{sentence}; what {_some(silent)} would say is not known."
        return SEVERITIES[worst.weight], f"{sentence}."
    is_are = "is" if len(sweep.subjects) == 1 else "are"
    if not coverage.asked:
        return Severity.UNKNOWN, f"No list knows of {who}, so nothing was asked."
    if dark := [subject.text for subject in sweep.in_the_dark]:
        is_are = "is" if len(dark) == 1 else "are"
        return Severity.UNKNOWN, f"It is not known whether {_some(dark)} {is_are} listed: no blocklist answered."
    on_none = f"{who} {is_are} {_on_none(coverage.blocklists)}"
    if silent:
        return Severity.UNKNOWN, f"{on_none}, but what {_some(silent)} would say is not known."
    return Severity.OK, f"{on_none}."


def _some(names: Sequence[str]) -> str:
    """The first few of them, the others counted."""
    return listed(names) if len(names) < 5 else listed([*names[:3], f"{len(names) - 3} more"])


def _on_none(lists: int) -> str:
    return (
        "not on the one blocklist that answered" if lists == 1 else f"on none of the {lists} blocklists that answered"
    )


def _counted(sweep: Sweep) -> str:
    domains = sum(subject.kind == "domain" for subject in sweep.subjects)
    addresses = len(sweep.subjects) - domains
    parts = [
        plural(addresses, "address", "addresses") if addresses else "",
        plural(domains, "domain") if domains else "",
    ]
    return listed([part for part in parts if part])


def coverage_line(sweep: Sweep) -> str:
    """`34 of 36 lists answered, asked through 127.0.0.1; 1 of them tells who is known for good, not who is bad.`"""
    coverage = sweep.coverage
    line = f"{coverage.answered} of {plural(coverage.asked, 'list')} answered, asked through {listed(sweep.servers)}"
    if good := coverage.answered - coverage.blocklists:
        line += f"; {good} of them {'tells' if good == 1 else 'tell'} who is known for good, not who is bad"
    return f"{line}."


def silence_line(each: Silence) -> str:
    """Which lists did not answer, why, and what to do where that matters."""
    said = f"{listed([zone.name for zone in each.zones])} {CAUSES[each.cause]}{concerned(each)}: {each.detail}."
    return f"{said} {way_on(each)}" if each.matters else said


def not_asked_line(sweep: Sweep) -> str:
    """`PSBL and Abusix Guardian Mail: they need a key`; empty where every list was asked."""
    together: dict[str, list[str]] = {}
    for zone in sweep.left_out:
        together.setdefault(zone.left_out, []).append(zone.name)
    return "; ".join(f"{listed(names)}: {_why(why, len(names))}" for why, names in together.items())


def _why(left_out: str, lists: int) -> str:
    return "they need a key" if left_out == NO_KEY and lists > 1 else left_out
