"""The key record of a DKIM selector: what it says, and the key in it (RFC 6376 §3.6.1, RFC 8301, RFC 8463)."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Literal

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from bot.reputation.taglist import tags

Algorithm = Literal["rsa", "ed25519"]

ED25519_OCTETS = 32
_BLANKS = re.compile(r"[ \t\r\n]+")
_TAG_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


class NoKey(Exception):
    """The record can't be used, so no signature with its selector verifies; the text says why."""


@dataclass(frozen=True, slots=True)
class Key:
    """`bits` is the size of the key, 0 of a revoked one; `hashes` what `h=` allows, none for all of them."""

    algorithm: Algorithm
    bits: int
    revoked: bool = False
    testing: bool = False
    hashes: tuple[str, ...] = ()


def read(text: str) -> Key:
    """The key of one record. Raises NoKey."""
    named: dict[str, str] = {}
    for position, (name, value) in enumerate(tags(text)):
        if value is None or not _TAG_NAME.match(name):
            raise NoKey("it is no list of tags such as v=DKIM1; p=…")
        if name in named:
            raise NoKey(f"it has the tag {name}= twice")
        if name == "v" and (position or value != "DKIM1"):
            raise NoKey("v=DKIM1 must be its first tag" if value == "DKIM1" else "its version is not DKIM1")
        named[name] = value
    if "p" not in named:
        raise NoKey("it has no p= tag, which holds the key")
    algorithm = _algorithm(named.get("k", "rsa"))
    if not {"*", "email"} & _words(named.get("s", "*")):
        raise NoKey("s= says that the key is not for mail")
    hashes = tuple(sorted(_words(named["h"]))) if named.get("h") else ()
    if hashes and not {"sha1", "sha256"} & set(hashes):
        raise NoKey("h= allows no hash that signatures use")
    testing = "y" in _words(named.get("t", ""))
    data = _BLANKS.sub("", named["p"])
    if not data:
        return Key(algorithm, 0, revoked=True, testing=testing, hashes=hashes)
    return Key(algorithm, _bits(algorithm, data), testing=testing, hashes=hashes)


def _algorithm(name: str) -> Algorithm:
    match name:
        case "rsa":
            return "rsa"
        case "ed25519":
            return "ed25519"
    raise NoKey("k= names an algorithm that signatures do not use")


def _words(value: str) -> set[str]:
    return {word.strip() for word in value.lower().split(":")}


def _bits(algorithm: Algorithm, data: str) -> int:
    try:
        octets = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise NoKey("the key in p= is not whole base64: was it cut, or quoted wrongly?") from None
    if algorithm == "ed25519":
        if len(octets) != ED25519_OCTETS:
            raise NoKey(f"an Ed25519 key has {ED25519_OCTETS} octets, not {len(octets)} (RFC 8463 §4.2)")
        return 256
    try:
        key = load_der_public_key(octets)
    except (ValueError, UnsupportedAlgorithm):
        raise NoKey("p= holds no RSA key that can be decoded") from None
    if not isinstance(key, RSAPublicKey):
        raise NoKey("p= holds a key that is not RSA, but k= says rsa")
    return key.key_size
