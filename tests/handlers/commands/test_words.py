"""What people type, as Slack's clients send it."""

import pytest
from hypothesis import given

from bot.agent.protocol import SORTS
from bot.errors import SelectorError, UserError
from bot.mailhost.host import MailHost
from bot.mailhost.hosts import MailHosts
from bot.mailhost.link import CommandLink
from handlers.commands.words import messages, named, one_host, option, several, sorting, typed
from tests.handlers.blocks.hostile import texts, thorough

ONE = MailHosts([MailHost(CommandLink("mx1", ("false",)))])
TWO = MailHosts([MailHost(CommandLink(name, ("false",))) for name in ("mx1", "Mx2")])


@pytest.mark.parametrize(
    ("sent", "meant"),
    [
        ("queue reason:“mailbox full”", 'queue reason:"mailbox full"'),
        ("queue reason:„mailbox full“", 'queue reason:"mailbox full"'),
        ("queue reason:«mailbox full»", 'queue reason:"mailbox full"'),
        ("queue\u00a0deferred\u202folder:2h", "queue deferred older:2h"),
        ("hold from:o\u2019neill@example.org", "hold from:o'neill@example.org"),
        ("hold from:<mailto:a@b.org|a@b.org>", "hold from:a@b.org"),
        ("hold from:<mailto:a@b.org>", "hold from:a@b.org"),
        ("flush site:<http://example.org|example.org>", "flush site:example.org"),
        ("flush site:<https://example.org>", "flush site:example.org"),
        ("queue reason:&lt;bob@b.org&gt; &amp;amp;", "queue reason:<bob@b.org> &amp;"),
        ("  status  ", "status"),
    ],
)
def test_slacks_dressing_is_taken_off(sent: str, meant: str) -> None:
    assert typed(sent) == meant


@thorough
@given(texts)
def test_any_text_can_be_undressed(text: str) -> None:
    assert not set("\u201c\u201d\u00a0\n") & set(typed(text))


def test_a_hosts_name_comes_first_whatever_its_case() -> None:
    assert (named(TWO, "MX2 deferred").host, named(TWO, "MX2 deferred").rest) == (TWO["mx2"], "deferred")
    assert (named(TWO, "deferred").host, named(TWO, "deferred").rest) == (None, "deferred")
    assert one_host(ONE, "deferred") == (ONE["mx1"], "deferred")


def test_with_several_hosts_it_asks_which() -> None:
    with pytest.raises(UserError, match="Which mail host"):
        one_host(TWO, "deferred")


@pytest.mark.parametrize("words", ["mx9 all", "mx9", "mail.example.org deferred", "Mx-9"])
def test_a_host_that_is_not_known_is_not_taken_for_a_selector(words: str) -> None:
    first = words.split()[0]
    with pytest.raises(
        UserError, match=f"“{first}” is neither a mail host nor .* nothing was done.* hosts are mx1 and"
    ):
        one_host(TWO, words)
    with pytest.raises(UserError, match=r"The only mail host is mx1\. Messages are picked as in: deferred from:"):
        one_host(ONE, words)


@pytest.mark.parametrize(
    "words", ["", "all", "defered", "4VbXm8dz3kzJ1Q", "0A1B2C", "form:@example.org", "h-4k2fq9", "57-k3qf"]
)
def test_a_word_of_a_selector_even_a_mistyped_one_is_not_taken_for_a_host(words: str) -> None:
    assert one_host(ONE, words) == (ONE["mx1"], words)


def test_the_order_can_stand_anywhere() -> None:
    assert sorting("sort:size deferred", SORTS) == ("size", "deferred")
    assert sorting('deferred SORT:Sender reason:"a sort:b c"', SORTS) == ("sender", 'deferred reason:"a sort:b c"')
    assert sorting("deferred", SORTS) == ("age", "deferred")
    with pytest.raises(UserError, match="can't be sorted by “colour”"):
        sorting("sort:colour", SORTS)


def test_a_site_picks_no_messages() -> None:
    with pytest.raises(SelectorError, match=r"to:@example\.org"):
        messages("site:example.org")


@pytest.mark.parametrize(
    ("words", "said", "rest"),
    [
        ("deferred --final", True, "deferred"),
        ("\u2014final deferred", True, "deferred"),
        ("\u2013FINAL", True, ""),
        ("deferred", False, "deferred"),
        ("--finally", False, "--finally"),
        ("-final", False, "-final"),
        ('reason:"please --final this"', False, 'reason:"please --final this"'),
    ],
)
def test_an_option_is_a_word_of_its_own_with_whatever_dashes_the_client_made(words: str, said: bool, rest: str) -> None:
    assert option(words, "final") == (said, rest)


GROUPED = MailHosts(
    [MailHost(CommandLink(name, ("false",))) for name in ("mx1", "mx2", "mx3")], {"mx1": ("eu",), "mx2": ("eu",)}
)


def test_a_group_is_several_hosts_and_without_a_name_all_are_meant() -> None:
    def meant(words: str) -> tuple[list[str], str, str]:
        found = several(GROUPED, words)
        return [host.name for host in found.hosts], found.said, found.rest

    assert meant("@EU auth") == (["mx1", "mx2"], "@eu", "auth")
    assert meant("MX3 auth") == (["mx3"], "mx3", "auth")
    assert meant("auth") == (["mx1", "mx2", "mx3"], "", "auth")
    with pytest.raises(UserError, match=r"no group of mail hosts '@us'\. You can say: @eu"):
        several(GROUPED, "@us")


def test_what_takes_one_host_says_so_of_a_group() -> None:
    with pytest.raises(UserError, match="One mail host at a time, so nothing was done: @eu is mx1 and mx2"):
        one_host(GROUPED, "@eu deferred")


@pytest.mark.parametrize("sent", ["@eu", "<@U012AB|eu>", "<!subteam^S012AB|@eu>", "<!subteam^S012AB|eu>"])
def test_a_group_that_slack_took_for_a_mention_is_the_group(sent: str) -> None:
    assert typed(f"status {sent}") == "status @eu"
