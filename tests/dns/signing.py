"""Signed zones (RFC 4035) and the trust anchors by which unbound believes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec


class Signer:
    """One key for every zone; `anchors` is the file that unbound includes, in which each signed zone gets its line."""

    def __init__(self, anchors: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._dnskey = dns.dnssec.make_dnskey(
            self._key.public_key(), algorithm=dns.dnssectypes.Algorithm.ECDSAP256SHA256, flags=257
        )
        self._file = anchors
        self._anchors: dict[str, str] = {}
        self._file.write_text("")

    def sign(self, name: str, content: str, *, expired: bool = False) -> str:
        """The zone with its signatures, as the text of a zone file; `expired`: they held until a week ago."""
        zone = dns.zone.from_text(content, origin=name, relativize=False)
        week = timedelta(days=7)
        end = datetime.now(UTC) + (-week if expired else week)
        with zone.writer() as transaction:
            dns.dnssec.sign_zone(
                zone,
                transaction,
                keys=[(self._key, self._dnskey)],
                inception=end - 4 * week,
                expiration=end,
                deterministic=False,
            )
        self._anchors[name] = f'trust-anchor: "{name}. DNSKEY {self._dnskey.to_text()}"\n'
        self._file.write_text("".join(self._anchors.values()))
        return str(zone.to_text(relativize=False))
