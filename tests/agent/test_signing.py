"""Selectors from the files of opendkim and rspamd: what is read of them, and what is not read at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent import signing
from bot.agent.protocol import SigningKey
from bot.agent.trust import Trust

TABLE = "etc/opendkim/KeyTable"
ROW = "s1._domainkey.example.org example.org:s1:/etc/dkimkeys/s1.private\n"

TRUST = Trust({0, os.geteuid()}, sticky=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, _ in signing.FILES:
        (tmp_path / name).parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    return tmp_path


def found(root: Path, trust: Trust = TRUST) -> list[tuple[str, str]]:
    return [(key.domain, key.selector) for key in signing.selectors(trust, str(root))]


RSPAMD = """
# selector = "old";
path = "/var/lib/rspamd/dkim/$domain.$selector.key";
selector = "all";
domain {
    example.org { path = "/x/mail2026.key"; selector = "mail2026"; }
    "example.net" {
        selectors [
            { path: "/x/r.key", selector = "r1" },
            { path: "/x/e.key", selector = "e1" }
        ]
    }
}
settings { example.com { selector = "no"; } }
"""


@pytest.mark.parametrize(
    ("file", "text", "pairs"),
    [
        (TABLE, f"# keys\n{ROW}x %:any:/k\n", [("example.org", "s1"), ("", "any")]),
        (TABLE, "cut example.org:s1\nthree words here\n\n", []),
        ("etc/opendkim.conf", "Domain Example.ORG, example.net\nSelector 2026 # new\n",
         [("example.org", "2026"), ("example.net", "2026")]),
        ("etc/opendkim.conf", "Domain example.org\nSelector 2026\nKeyTable /etc/opendkim/KeyTable\n", []),
        ("etc/opendkim.conf", "Selector\nDomain\n", []),
        ("etc/rspamd/local.d/dkim_signing.conf", RSPAMD,
         [("", "all"), ("example.org", "mail2026"), ("example.net", "r1"), ("example.net", "e1")]),
        ("etc/rspamd/dkim_selectors.map", "example.org s1\n# example.net s2\n", [("example.org", "s1")]),
        (TABLE, "x evil\x1b[31m.org:s1:/k\ny example.org:s\u202e1:/k\nz example.org:$(id):/k\n", []),
    ],
)  # fmt: skip
def test_each_file_is_read_as_its_program_reads_it(
    root: Path, file: str, text: str, pairs: list[tuple[str, str]]
) -> None:
    (root / file).write_text(text)
    assert found(root) == pairs


def test_a_key_says_where_it_stands_and_no_more(root: Path) -> None:
    (root / TABLE).write_text(ROW)
    assert signing.selectors(TRUST, str(root)) == (SigningKey("example.org", "s1", str(root / TABLE)),)


def test_what_others_than_root_can_write_is_not_read(root: Path) -> None:
    file = root / TABLE
    file.write_text(ROW)
    file.chmod(0o664)
    assert found(root) == []
    file.chmod(0o644)
    file.parent.chmod(0o775)
    assert found(root) == [], "nor what lies where others can replace it"
    file.parent.chmod(0o755)
    assert found(root) == [("example.org", "s1")]
    assert found(root, Trust({os.geteuid() + 1})) == [], "nor what belongs to somebody else"


@pytest.mark.parametrize("what", ["link", "fifo", "folder", "long", "gone"])
def test_what_is_no_plain_file_of_a_sane_size_is_not_read(root: Path, what: str) -> None:
    file = root / TABLE
    if what == "link":
        (root / "elsewhere").write_text(ROW)
        file.symlink_to(root / "elsewhere")
    elif what == "fifo":
        os.mkfifo(file, 0o644)
    elif what == "folder":
        file.mkdir(mode=0o755)
    elif what == "long":
        file.write_text(ROW * (signing.MAX_BYTES // len(ROW) + 1))
    assert found(root) == []


def test_there_are_not_too_many(root: Path) -> None:
    (root / TABLE).write_text("".join(f"k example.org:s{number}:/k\n" for number in range(1000)))
    assert len(found(root)) == signing.MAX_KEYS


@given(st.text(max_size=2000), st.sampled_from([pairs for _, pairs in signing.FILES]))
def test_no_text_is_too_odd(text: str, pairs: Callable[[str], Iterator[signing.Pair]]) -> None:
    for domain, selector in pairs(text):
        assert isinstance(domain, str) and isinstance(selector, str)
