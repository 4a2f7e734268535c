"""Which rules and mail hosts people mean, and what is said of words that name neither."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import UserError
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import CommandLink
from bot.watch.rules import Rules
from handlers.commands.meant import ALL, Meant, meant, unknown
from tests.handlers.blocks.hostile import texts, thorough

HOSTS = MailHosts([MailHost(CommandLink(name, ("false",))) for name in ("mx1", "Mail")], {"mx1": ("eu",)})
RULES = Rules().of("")


@pytest.mark.parametrize(
    ("words", "rules", "hosts"),
    [
        ("mx1/deferred", ("deferred",), ("mx1",)),
        ("deferred on MX1", ("deferred",), ("mx1",)),
        ("mail/depth", ("depth",), ("Mail",)),
        ("mail: Much deferred mail", ("deferred",), ("Mail",)),
        ('"much Deferred mail" mx1', ("deferred",), ("mx1",)),
        ("Mail host can't be reached", ("unreachable",), ()),
        ("On a blocklist", ("listed",), ()),
        ("all mx1", ("all",), ("mx1",)),
        ("deferred depth", ("deferred", "depth"), ()),
        ("mx1 mail", (), ("mx1", "Mail")),
    ],
)
def test_rules_go_by_name_or_title_and_hosts_by_name(words: str, rules: tuple[str], hosts: tuple[str]) -> None:
    found = meant(words, HOSTS, RULES, (ALL,))
    assert found == Meant(rules, hosts, "") and found.understood


@pytest.mark.parametrize("words", ["", "on", "for on alert", '"', "/"])
def test_words_that_name_nothing_are_not_understood(words: str) -> None:
    assert not meant(words, HOSTS, RULES).understood


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("mx1/defered", "“defered” is no rule. Did you mean deferred?"),
        ("defered", "“defered” is neither a rule nor a mail host. Did you mean deferred?"),
        ("long queue", "“long queue” is neither a rule nor a mail host. Did you mean depth (“A long queue”)?"),
        ("mx9/deferred", "“mx9” is no mail host: with deferred, say mx1 or Mail, or none."),
        ("mx1/deferred please", "“please” is one word too many with mx1 and deferred."),
        ("all", "“all” is neither a rule nor a mail host. The rules are unreachable, postfix_down, "),
        ("xyzzy", "slack_deaf; the mail hosts mx1 and Mail."),
    ],
)
def test_what_the_strange_words_are_not_is_said(words: str, answer: str) -> None:
    assert answer in unknown(meant(words, HOSTS, RULES), HOSTS, RULES)


def test_of_a_group_its_hosts_are_named() -> None:
    with pytest.raises(UserError, match="One mail host at a time, so nothing was done: @eu is mx1"):
        meant("deferred @eu", HOSTS, RULES)


@thorough
@given(st.one_of(texts, st.lists(st.sampled_from(("mx1", "deferred", "Much", "mail", "/", "all"))).map(" ".join)))
def test_any_words_are_answered_shortly(text: str) -> None:
    try:
        found = meant(text, HOSTS, RULES, (ALL,))
    except UserError:
        return
    if found.strange:
        assert len(unknown(found, HOSTS, RULES, (ALL,))) < 500
