"""The configured mail hosts, by name."""

import pytest

from bot import errors
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import CommandLink


def test_a_host_is_found_by_its_name_and_an_unknown_one_is_answered_with_the_known() -> None:
    hosts = MailHosts([MailHost(CommandLink(name, ("true",))) for name in ("mx1", "mx2")])
    assert hosts.named("MX2").name == "mx2"
    with pytest.raises(errors.UserError, match=r"no mail host named 'mx3'. You can say: mx1 or mx2"):
        hosts.named("mx3")
    with pytest.raises(errors.UserError, match="Which mail host"):
        hosts.only()
