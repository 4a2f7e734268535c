"""What transport_maps have for all mail, asked of a real Postfix's postmap(1) through the agent."""

from __future__ import annotations

import pytest

from tests.postfix.hosts import mail_host
from tests.postfix.instance import PrivatePostfix

pytestmark = pytest.mark.real("postfix")

RELAY = "smtp:[relay.test]:587"


@pytest.mark.parametrize(
    ("maps", "catch_all"),
    [
        ("", ""),
        ("texthash:{all}", RELAY),
        ("hash:{some}, hash:{all}", RELAY),  # the table is asked, which postmap(1) made of the file
        ("hash:{some}", ""),
        ("proxy:texthash:{all}", RELAY),
        ("static:" + RELAY, RELAY),
        ("inline:{{ {{some.test=smtp:[a.test]}}, {{*=relay:[b.test]}} }}", "relay:[b.test]"),
        ("regexp:{anybody}", RELAY),
        ("texthash:{gone}", None),
        ("texthash:{gone} texthash:{all}", RELAY),
        ("texthash:{some} tcp:127.0.0.1:1", None),  # what is no file is not asked
        ("nonsense:{all}", None),
    ],
)
async def test_a_line_for_all_mail_is_found_and_a_table_that_was_not_read_is_not_empty(
    postfix: PrivatePostfix, maps: str, catch_all: str | None
) -> None:
    folder = postfix.config_directory
    files = {name: str(folder / name) for name in ("all", "some", "anybody", "gone")}
    (folder / "all").write_text(f"some.test local:\n* {RELAY}\n")
    (folder / "some").write_text("some.test smtp:[elsewhere.test]\n.test smtp:[elsewhere.test]\n")
    (folder / "anybody").write_text(f"/^postmaster@/ local:\n/.+@.+/ {RELAY}\n")
    for name in ("all", "some"):
        postfix.run("postmap", f"hash:{files[name]}")
    postfix.configure(transport_maps=maps.format(**files))
    try:
        assert (await mail_host(postfix).info()).catch_all == catch_all
    finally:
        postfix.configure(transport_maps="")
