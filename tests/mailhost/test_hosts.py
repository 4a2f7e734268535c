"""The configured mail hosts, by name and by group."""

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


def test_a_group_is_the_hosts_that_say_so_and_an_unknown_one_is_answered_with_the_known() -> None:
    made = [MailHost(CommandLink(name, ("true",))) for name in ("mx1", "mx2", "mx3")]
    hosts = MailHosts(made, {"mx1": ["eu"], "mx2": ["us", "EU"]})
    assert [host.name for host in hosts.group("@Eu")] == ["mx1", "mx2"]
    assert hosts.groups == ("@eu", "@us")
    with pytest.raises(errors.UserError, match=r"no group of mail hosts '@asia'. You can say: @eu or @us"):
        hosts.group("@asia")
    with pytest.raises(errors.UserError, match="The settings name no group"):
        MailHosts(made).group("@eu")
