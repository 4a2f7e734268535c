"""Certificates made for a test: an authority, and what servers show that are well, or have one fault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Shown:
    """A certificate with its chain and its key, as PEM files."""

    certificate: x509.Certificate
    chain: Path
    key: Path


class Authority:
    """An authority of a test; `file` is its certificate."""

    def __init__(self, folder: Path, name: str = "The authority of a test") -> None:
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        builder = _builder(self._name, self._key, 365 * DAY).issuer_name(self._name)
        key_usage = x509.KeyUsage(False, False, False, False, False, True, True, False, False)
        self.certificate = (
            builder.add_extension(x509.BasicConstraints(True, None), critical=True)
            .add_extension(key_usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        self.file = folder / f"{name.replace(' ', '-')}.pem"
        self.file.write_bytes(_pem(self.certificate))

    def server(self, *names: str, left: timedelta = 90 * DAY, begins: timedelta = -100 * DAY) -> Shown:
        """For a server of these names; `left` until it expires, `begins` from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        builder = _builder(_name(names[0]), key, left, begins).issuer_name(self._name)
        certificate = (
            builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(False, None), critical=True)
            .add_extension(issuer, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _written(self._folder, certificate, key, self.certificate)


def self_signed(folder: Path, name: str, left: timedelta = 90 * DAY) -> Shown:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(name), key, left)
        .issuer_name(_name(name))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    return _written(folder, certificate, key)


def _builder(
    subject: x509.Name, key: ec.EllipticCurvePrivateKey, left: timedelta, begins: timedelta = -100 * DAY
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .public_key(key.public_key())
        .not_valid_before(now + begins)
        .not_valid_after(now + left)
    )


def _written(
    folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, *chain: x509.Certificate
) -> Shown:
    name = folder / f"{certificate.serial_number:x}"
    chain_file, key_file = name.with_suffix(".pem"), name.with_suffix(".key")
    chain_file.write_bytes(b"".join(map(_pem, (certificate, *chain))))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    key_file.chmod(0o600)
    return Shown(certificate, chain_file, key_file)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
