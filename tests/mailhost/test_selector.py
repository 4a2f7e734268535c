"""The selector grammar, line by line; hostile text is answered and nothing else happens."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.agent import protocol, requests
from bot.agent.protocol import LISTED_QUEUES, Term
from bot.agent.wire import to_json
from bot.errors import SelectorError
from bot.mailhost.selector import EXAMPLE, Selector, parse

LONG, SHORT = "4jYTY25PbJzBvT8", "3F2504E0"


def terms(text: str) -> tuple[Term, ...]:
    return parse(text).selection.terms


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("all", ()),
        ("ALL", ()),
        ("all deferred", (Term("queue", "deferred"),)),
        ("Deferred hold", (Term("queue", "deferred"), Term("queue", "hold"))),
        (f"{LONG} {SHORT}", (Term("id", LONG), Term("id", SHORT))),
        (f"-{LONG}", (Term("id", LONG, True),)),
        ("from:ann@example.org", (Term("from", "ann@example.org"),)),
        ("FROM:@example.org", (Term("from", "@example.org"),)),
        ("to:news*@*.example.org", (Term("to", "news*@*.example.org"),)),
        ("-from:<>", (Term("from", "<>", True),)),
        ('reason:"mailbox full"', (Term("reason", "mailbox full"),)),
        ("reason:greylisted", (Term("reason", "greylisted"),)),
        ("older:2h", (Term("older", "7200"),)),
        ("newer:1d12h", (Term("newer", "129600"),)),
        ("larger:1m", (Term("larger", "1048576"),)),
        ("-smaller:10k", (Term("smaller", "10240", True),)),
        ("smaller:500", (Term("smaller", "500"),)),
    ],
)
def test_each_word_of_the_grammar_is_understood(typed: str, expected: tuple[Term, ...]) -> None:
    assert terms(typed) == expected


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Say which messages are meant"),
        ("fro:ann@example.org", "“fro:ann@example.org” was not understood. Did you mean `from:`?"),
        ("defered", "Did you mean `deferred`?"),
        ("ann@example.org", "Did you mean `from:ann@example.org` or `to:ann@example.org`?"),
        ("from:", "takes an address"),
        ("from:example", "takes an address"),
        ("older:soon", "takes a time such as older:30m"),
        ("older:2", "takes a time"),
        ("larger:big", "takes a size such as"),
        ("larger:999999999g", "takes a size such as"),
        ("from:a\0@example.org", "takes an address"),
        ('reason:""', "takes a piece of the reason"),
        ('reason:"mailbox full', "is not closed"),
        ("site:example.org deferred", "stands alone"),
        ("-site:example.org", "can't be negated"),
        ("-all", "was not understood"),
        ("../../etc/passwd", "was not understood"),
        ("-", "was not understood"),
        ("x" * 9000, "characters long"),
        ("deferred " + " ".join(f"-to:u{i}@example.org" for i in range(300)), "at most 200"),
    ],
)
def test_a_mistake_is_answered_with_what_was_not_understood(typed: str, said: str) -> None:
    with pytest.raises(SelectorError) as refused:
        parse(typed)
    assert said in str(refused.value)


def test_a_mistake_in_a_word_comes_with_an_example() -> None:
    with pytest.raises(SelectorError) as refused:
        parse("what ever")
    assert EXAMPLE in str(refused.value)
    assert parse(EXAMPLE)


def test_nothing_but_ids_and_everything_and_a_site_are_told_apart() -> None:
    assert parse(f"{LONG} {SHORT}").ids == (LONG, SHORT)
    assert parse(f"{LONG} deferred").ids == ()
    assert parse(f"-{LONG}").ids == ()
    assert parse("all").everything
    assert not parse("all deferred").everything
    assert parse("site:Example.org").site == "example.org"
    assert not parse("site:example.org").everything


WORDS = st.one_of(
    st.sampled_from(LISTED_QUEUES),
    st.sampled_from([LONG, SHORT]),
    st.builds("from:{}@example.org".format, st.from_regex(r"[a-z*]{1,8}", fullmatch=True)),
    st.builds('reason:"{}"'.format, st.from_regex(r"[a-z 4.]{0,6}[a-z]", fullmatch=True)),
    st.builds("older:{}{}".format, st.integers(1, 999), st.sampled_from("smhdw")),
    st.builds("larger:{}{}".format, st.integers(1, 999), st.sampled_from(["", "k", "m", "g"])),
)


@given(st.lists(st.tuples(st.booleans(), WORDS), min_size=1, max_size=6))
def test_what_was_understood_can_be_typed_again(words: list[tuple[bool, str]]) -> None:
    typed = " ".join(f"-{word}" if negated else word for negated, word in words)
    once = parse(typed)
    assert parse(once.text) == once


PIECES = ['"', ":", "-", "from", "older", "all", "*", "@", " ", "\0", "<!channel>", "`", "ſ", "٣h"]


@given(st.one_of(st.text(max_size=300), st.lists(st.sampled_from(PIECES), max_size=40).map("".join)))
def test_hostile_text_is_a_selector_or_a_clear_error(typed: str) -> None:
    try:
        found = parse(typed)
    except SelectorError as error:
        said = str(error)
        assert 10 < len(said) < 600
        assert "\n" not in said
        assert "\0" not in said
    else:
        assert isinstance(found, Selector)
        terms = to_json(found.selection)
        request = {"v": protocol.VERSION, "verb": "list", "instance": "default", "args": {"selection": terms}}
        requests.read(io.BytesIO(json.dumps(request).encode() + b"\n"))  # the agent takes what was understood
        assert all(term.kind != "id" or term.value.isalnum() for term in found.selection.terms)


@given(
    st.sampled_from(["older", "newer", "larger", "smaller"]),
    st.lists(
        st.tuples(st.integers(0, 10**11), st.sampled_from(["", "s", "m", "h", "d", "w", "k", "g", "kb"])), max_size=3
    ),
)
def test_a_number_of_any_length_is_refused_or_taken_by_the_agent_and_can_be_typed_again(
    name: str, parts: list[tuple[int, str]]
) -> None:
    try:
        once = parse(f"{name}:{''.join(f'{number}{unit}' for number, unit in parts)}")
    except SelectorError:
        return
    assert parse(once.text) == once
    request = json.dumps({"v": 1, "verb": "list", "instance": "x", "args": {"selection": to_json(once.selection)}})
    assert requests.read(io.BytesIO(request.encode())).args["selection"] == once.selection


@given(st.text(max_size=60))
def test_what_is_taken_of_any_text_is_taken_by_the_agent(typed: str) -> None:
    for filter_ in ("from:a@", "to:*", 'reason:"x', "-to:@"):
        try:
            found = parse(f"{filter_}{typed}")
        except SelectorError:
            continue
        assert parse(found.text) == found
        request = json.dumps({"v": 1, "verb": "list", "instance": "x", "args": {"selection": to_json(found.selection)}})
        assert requests.read(io.BytesIO(request.encode())).args["selection"] == found.selection


@pytest.mark.parametrize(
    ("word", "term", "typed"),
    [
        ("login:Ann@x.test", Term("login", "Ann@x.test"), "login:Ann@x.test"),
        ('-login:"a b*"', Term("login", "a b*", negated=True), '-login:"a b*"'),
        ("client:192.0.2.7/32", Term("client", "192.0.2.7"), "client:192.0.2.7"),
        ("client:192.0.2.7/24", Term("client", "192.0.2.0/24"), "client:192.0.2.0/24"),
        ("CLIENT:2001:DB8::1", Term("client", "2001:db8::1"), "client:2001:db8::1"),
    ],
)
def test_who_submitted_it_is_a_login_or_an_address(word: str, term: Term, typed: str) -> None:
    assert parse(word).selection.terms == (term,)
    assert parse(word).text == typed
    assert parse(typed) == parse(word)


@pytest.mark.parametrize("word", ["login:", 'login:" "', "client:", "client:mail.test", "client:192.0.2.7/33"])
def test_who_can_not_have_submitted_it_is_told_what_can(word: str) -> None:
    with pytest.raises(SelectorError, match=r"such as (login:ann|client:192)"):
        parse(word)
