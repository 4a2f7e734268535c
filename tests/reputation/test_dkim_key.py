"""DKIM key records: sizes and kinds with real keys, then everything that can be wrong with the text."""

from __future__ import annotations

import base64
import contextlib
from functools import cache

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from bot.reputation.dkim_key import Key, NoKey, read

# Made with openssl-genrsa(1): the library in use makes none as weak as these.
WEAK = {
    512: "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBALJXT87UaPHlpSJpSszt6PAFTO5hPH2D3vB4mJVbzixLhyxl0aJlsxF/+ruJ9gj+f6BC"
    "+TVUQ1GI6HXosE5VKicCAwEAAQ==",
    768: "MHwwDQYJKoZIhvcNAQEBBQADawAwaAJhANVFLu/jYamH/7K0em4mmxojRXTC4keGU1CDsBx0wmhHn59MXlp3JkHpSIVfNBI9uogR"
    "/M5q823Sla1BC94DmtJarPNd11Z3YhTtTmt302e8C/PnFSTs0D6rPNc/t0oebwIDAQAB",
}


@cache
def rsa_key(bits: int, form: PublicFormat = PublicFormat.SubjectPublicKeyInfo) -> str:
    """A new key as p= holds it."""
    if bits in WEAK:
        return WEAK[bits]
    key = rsa.generate_private_key(65537, bits).public_key()
    return base64.b64encode(key.public_bytes(Encoding.DER, form)).decode()


@cache
def ed25519_key() -> str:
    return base64.b64encode(ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()).decode()


@pytest.mark.parametrize("bits", [512, 768, 1024, 2048, 3072, 4096])
def test_rsa_keys_of_every_size_are_measured(bits: int) -> None:
    assert read(f"v=DKIM1; k=rsa; p={rsa_key(bits)}") == Key("rsa", bits)


def test_a_key_without_its_wrapping_counts_too() -> None:
    """RFC 6376 §3.6.1 speaks of RSAPublicKey, and everybody publishes SubjectPublicKeyInfo: receivers read both."""
    assert read(f"p={rsa_key(1024, PublicFormat.PKCS1)}") == Key("rsa", 1024)


def test_an_ed25519_key_is_its_32_octets() -> None:
    assert read(f"v=DKIM1; k=ed25519; p={ed25519_key()}") == Key("ed25519", 256)


@pytest.mark.parametrize(
    ("record", "key"),
    [
        ("v=DKIM1; p=", Key("rsa", 0, revoked=True)),
        ("v=DKIM1; k=ed25519; p= ;", Key("ed25519", 0, revoked=True)),
        ("p={}", Key("rsa", 512)),
        ("v=DKIM1;t=y;p={}", Key("rsa", 512, testing=True)),
        ("v=DKIM1; t=s; p={}", Key("rsa", 512)),
        ("v = DKIM1 ; t = s : y ; p = {} ; ", Key("rsa", 512, testing=True)),
        ("v=DKIM1; h=sha1; p={}", Key("rsa", 512, hashes=("sha1",))),
        ("v=DKIM1; h=sha256:sha1; p={}", Key("rsa", 512, hashes=("sha1", "sha256"))),
        ("v=DKIM1; s=email; n=a note; x=new; p={}", Key("rsa", 512)),
        ("v=DKIM1; s=*; p={}", Key("rsa", 512)),
    ],
)
def test_tags_are_understood(record: str, key: Key) -> None:
    assert read(record.format(WEAK[512])) == key


def test_blanks_within_the_key_do_not_count() -> None:
    assert read(f"p={WEAK[512][:40]} \r\n\t{WEAK[512][40:]}") == Key("rsa", 512)


@pytest.mark.parametrize(
    ("record", "why"),
    [
        ("", "no p="),
        ("v=DKIM1; k=rsa", "no p="),
        ("v=spf1 -all", "version is not DKIM1"),
        ("v=dkim1; p={}", "version is not DKIM1"),
        ("k=rsa; v=DKIM1; p={}", "must be its first tag"),
        ("v=DKIM1 p={}", "version is not DKIM1"),
        ("just a text", "no list of tags"),
        ("v=DKIM1; p={}; p=", "twice"),
        ("v=DKIM1; k=dsa; p={}", "k= names"),
        ("v=DKIM1; s=tlsrpt; p={}", "not for mail"),
        ("v=DKIM1; h=md5; p={}", "h= allows"),
        ("v=DKIM1; p=not base64!", "base64"),
        ("v=DKIM1; p={}x", "base64"),
        ("v=DKIM1; p=AAAA", "can be decoded"),
        ("v=DKIM1; k=ed25519; p={}", "32 octets, not 94"),
        ('v=DKIM1; p="{}"', "base64"),
    ],
)
def test_what_can_not_be_used_says_why(record: str, why: str) -> None:
    with pytest.raises(NoKey) as told:
        read(record.format(WEAK[512]))
    assert why in str(told.value)


def test_a_key_of_another_algorithm_is_none() -> None:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    octets = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(NoKey, match="not RSA"):
        read(f"v=DKIM1; p={base64.b64encode(octets).decode()}")


PIECES = st.sampled_from(
    ["v=DKIM1", "p=", "p=AAAA", "k=rsa", "k=ed25519", "t=y:s", "h=sha1", "s=", ";", "=", " ", "\0"]
)


@given(
    st.text()
    | st.lists(PIECES | st.text(max_size=8)).map("; ".join)
    | st.binary(max_size=200).map(lambda octets: f"v=DKIM1; p={base64.b64encode(octets).decode()}")
)
def test_hostile_text_is_a_key_or_says_why_not(text: str) -> None:
    with contextlib.suppress(NoKey):
        key = read(text)
        assert key.revoked is (key.bits == 0)
