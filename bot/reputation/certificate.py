"""The certificate that a server shows: for which names, until when, and what a TLSA record would say of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_NAMES = 20
"""Names of a certificate that are shown."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """`names` of its SubjectAlternativeName, or its common name where it has none; times are aware, in UTC."""

    der: bytes
    spki: bytes
    names: tuple[str, ...]
    begins: datetime
    ends: datetime
    issuer: str
    is_self_signed: bool

    def days_left(self, now: datetime) -> float:
        return (self.ends - now).total_seconds() / 86400

    def matches(self, name: str) -> bool:
        """Whether it is for this host (RFC 6125 §6.4: a wildcard stands for one whole first label)."""
        return any(covers(pattern, name) for pattern in self.names)

    def selected(self, selector: int, matching: int) -> str | None:
        """What a TLSA record of this selector and matching type holds (RFC 6698 §2.1), or None for unknown ones."""
        data = {0: self.der, 1: self.spki}.get(selector)
        if data is None:
            return None
        match matching:
            case 0:
                return data.hex()
            case 1:
                return hashlib.sha256(data).hexdigest()
            case 2:
                return hashlib.sha512(data).hexdigest()
        return None

    @property
    def shown(self) -> str:
        """As evidence: names, issuer and time, each once."""
        names = ", ".join(self.names[:MAX_NAMES]) or "no name"
        return f"certificate for {names}, by {self.issuer or 'nobody named'}, until {self.ends:%Y-%m-%d %H:%M} UTC"


def read(der: bytes) -> Certificate:
    """Raises ValueError for what is no certificate."""
    found = x509.load_der_x509_certificate(der)
    return Certificate(
        der,
        found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        _names(found),
        found.not_valid_before_utc.astimezone(UTC),
        found.not_valid_after_utc.astimezone(UTC),
        found.issuer.rfc4514_string(),
        found.issuer == found.subject,
    )


def covers(pattern: str, name: str) -> bool:
    """Whether a name of a certificate, or of an MTA-STS policy, is for this host (RFC 6125 §6.4, RFC 8461 §4.1)."""
    pattern, name = pattern.lower().rstrip("."), name.lower().rstrip(".")
    if not pattern.startswith("*."):
        return pattern == name
    _, dot, rest = name.partition(".")
    return bool(dot) and rest == pattern[2:]


def issued_by(certificate: bytes, issuer: bytes) -> bool:
    """Whether one certificate's signature is the other's (RFC 5280 §6.1.3)."""
    try:
        x509.load_der_x509_certificate(certificate).verify_directly_issued_by(x509.load_der_x509_certificate(issuer))
    except Exception:
        # A broken signature, another issuer, a kind of key that nobody knows: it proves nothing in any case.
        return False
    return True


def _names(found: x509.Certificate) -> tuple[str, ...]:
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return (*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress)))
    except (x509.ExtensionNotFound, ValueError):
        common = found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
        return tuple(str(each.value) for each in common[:1])
