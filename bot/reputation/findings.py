"""One result of a check, with how it is known and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

Part = Literal["dns", "auth", "rbl", "tls"]
"""What `/mail check` can be narrowed to."""


class Severity(StrEnum):
    """Worst first, in the order in which a report shows them. UNKNOWN: it could not be found out, which is neither good
    nor bad; NOT_APPLICABLE: it does not matter for this host, and the text says why."""

    PROBLEM = "problem"
    WARNING = "warning"
    UNKNOWN = "unknown"
    INFO = "info"
    OK = "ok"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` names the check and its result for programs (`spf.too_many_lookups`); `subject` is the address, domain,
    selector or host that it is about. `text` is one sentence for an admin; `evidence` the records as they were seen;
    `source` an RFC section or a provider's page; `advice` what to do, and `publish` the exact records to publish or to
    ask for. All of it but code, part and source may hold hostile text: front ends make it presentable (bot/text.py).

    For programs, where it is about them: `lists` are the IDs of blocklists, `weight` is that of a listing (`high`),
    `since` when it was first seen, in seconds since the epoch (None: now), `days_left` how long a certificate is good.
    """

    part: Part
    severity: Severity
    code: str
    subject: str
    text: str
    evidence: tuple[str, ...] = ()
    source: str = ""
    advice: str = ""
    publish: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()
    weight: str = ""
    since: float | None = None
    days_left: float | None = None
