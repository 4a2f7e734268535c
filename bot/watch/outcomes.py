"""What each code of a check means to whoever watches it: it passes, it fails and how badly, or it is not known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from bot.reputation.findings import Finding, Part
from bot.reputation.findings import Severity as Found
from bot.watch.rules import Severity


class Outcome(StrEnum):
    """SET_UP: not known for as long as nobody changes the set-up. ASIDE: another check or rule tells it."""

    PASSES = "passes"
    CRITICAL = "critical"
    WARNING = "warning"
    UNKNOWN = "unknown"
    SET_UP = "set_up"
    ASIDE = "aside"

    @property
    def alert(self) -> Severity | None:
        """How bad it is that the check fails; None when it does not."""
        return {Outcome.CRITICAL: Severity.CRITICAL, Outcome.WARNING: Severity.WARNING}.get(self)


@dataclass(frozen=True, slots=True)
class Area:
    """The codes of one kind of check, by what they mean; each a list of words, without the area's name."""

    name: str
    part: Part
    passes: str = ""
    critical: str = ""
    warning: str = ""
    unknown: str = "unknown"
    set_up: str = ""
    aside: str = ""

    def outcomes(self) -> Iterator[tuple[str, Outcome]]:
        for outcome in Outcome:
            for word in str(getattr(self, outcome)).split():
                yield f"{self.name}.{word}", outcome


AREAS = (
    Area("ptr", "dns", "ok several generic helo", critical="missing no_forward"),
    Area("fqdn", "dns", "ok", warning="unqualified no_address other_address"),
    Area("mx", "dns", "ok implicit single", critical="none null null_mixed no_address", warning="cname"),
    Area("sending", "dns", "ok through private maps"),
    Area("resolver", "dns", unknown="", aside="ok rewrites refused gone resolves_nothing"),
    Area(
        "spf",
        "auth",
        "ok many_lookups no_all neutral_all ptr long pass",
        critical="none several syntax too_many_lookups too_many_voids permerror not_passed",
        warning="anyone",
    ),
    Area(
        "dkim",
        "auth",
        "ok short testing sha1 ed25519_only",
        critical="absent revoked undecodable several",
        warning="weak",
        set_up="no_selector",
        aside="selector_found",
    ),
    Area(
        "dmarc",
        "auth",
        "ok bad_policy policy_none testing bad_tag removed_tags unknown_tags no_rua bad_rua bad_ruf rua_not_authorised"
        " ruf_not_authorised",
        warning="none several misplaced invalid ignored",
    ),
    # It fails because SPF or DKIM does, and these say so.
    Area("alignment", "auth", unknown="", aside="ok none spf_only dkim_only unknown"),
    Area("rbl", "rbl", aside="listed policy not_listed broken good"),
    Area(
        "outbound",
        "tls",
        "open blocked_ipv6 some_failed turned_away no_starttls other_address",
        critical="blocked",
        unknown="unknown no_network",
    ),
    Area(
        "smtp",
        "tls",
        "ok name slow no_ehlo plain_auth no_ipv6 not_all no_mx relay_not_tested",
        critical="refused garbage open_relay",
        unknown="unknown silent",
        set_up="turned_away relay_unknown",
    ),
    # How long a certificate is good has a rule of its own.
    Area("tls", "tls", "ok soon expired name untrusted", warning="none broken old not_yet"),
    Area(
        "mtasts",
        "tls",
        "ok none testing mode_none short",
        warning="several invalid no_policy redirect certificate bad_policy mx",
    ),
    Area("tlsrpt", "tls", "ok none", warning="several invalid"),
    Area(
        "dane",
        "tls",
        "ok none partial unsigned no_mx",
        critical="mismatch bogus",
        warning="usage",
        set_up="not_validated",
    ),
)

OUTCOMES = {code: outcome for area in AREAS for code, outcome in area.outcomes()}
PARTS: dict[str, Part] = {area.name: area.part for area in AREAS}


def outcome(finding: Finding) -> Outcome:
    """What a check that broke off inside the bot, or that did not end, comes to is not known."""
    if finding.severity is Found.NOT_APPLICABLE:
        return Outcome.ASIDE
    otherwise = Outcome.UNKNOWN if finding.severity is Found.UNKNOWN else Outcome.ASIDE
    return OUTCOMES.get(finding.code, otherwise)
