"""The table of blocklists, and what the settings change in it."""

from __future__ import annotations

from typing import Any

import pytest

from bot.errors import SettingsError
from bot.reputation.codes import Weight
from bot.reputation.zones import NO_KEY, Zone, load

SPAMHAUS = {"spamhaus": "secret26"}
NEW: dict[str, Any] = {
    "name": "Ours",
    "zone": "bl.ours.example",
    "kinds": ["ip4", "domain"],
    "weight": "medium",
    "codes": {"127.0.0.2": "seen by us"},
}


def zone(zones: tuple[Zone, ...], each: str) -> Zone:
    (found,) = [zone for zone in zones if zone.id == each]
    return found


def asked(zones: tuple[Zone, ...]) -> set[str]:
    return {zone.id for zone in zones if not zone.left_out}


def problems(**given: Any) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        load(**given)
    return refused.value.problems


def test_the_table_has_a_delisting_page_or_a_reason_for_none_and_known_test_points() -> None:
    zones = load()
    assert len(zones) == 36
    for each in zones:
        assert each.delist.startswith("http") or each.expires, each.id
        assert set(each.listed) == set(each.unlisted) == set(each.kinds), each.id
    assert zone(zones, "spamhaus-zen").listed == {"ip4": "2.0.0.127", "ip6": f"2.0.0.0.0.0.f.7.f.f.f.f{'.0' * 20}"}
    assert zone(zones, "spamrats-dyna").listed == {"ip4": "36.0.0.127"}
    assert zone(zones, "spamhaus-dbl").test_entries == ({"domain": "dbltest.com"}, {"domain": "invalid"})


def test_no_two_lists_that_are_asked_have_the_same_data() -> None:
    for keys in ({}, SPAMHAUS):
        on = [each for each in load(keys=keys) if not each.left_out]
        within = {name for each in on for name in each.contains}
        assert len({each.zone for each in on}) == len(on) and not within & {each.zone for each in on}


def test_a_code_weighs_the_lower_one_of_its_own_weight_and_the_lists() -> None:
    def weights(zones: tuple[Zone, ...]) -> set[Weight]:
        return {code.weight for code in zone(zones, "spamhaus-zen").codes}

    assert weights(load()) == {Weight.CRITICAL, Weight.HIGH}
    assert weights(load(tables={"spamhaus-zen": {"weight": "low"}})) == {Weight.LOW}
    assert zone(load(), "uribl").codes[1].weight is Weight.INFO


def test_a_list_that_needs_a_key_is_asked_once_there_is_one_and_then_instead_of_the_public_one() -> None:
    without, zones = load(), load(keys=SPAMHAUS)
    assert {each.id for each in without if each.left_out == NO_KEY} == {
        "spamhaus-dqs-zen",
        "spamhaus-dqs-authbl",
        "spamhaus-dqs-dbl",
        "abusix",
    }
    assert asked(zones) - asked(without) == {"spamhaus-dqs-zen", "spamhaus-dqs-authbl", "spamhaus-dqs-dbl"}
    assert asked(without) - asked(zones) == {"spamhaus-zen", "spamhaus-dbl"}
    assert zone(zones, "spamhaus-zen").left_out == "Spamhaus ZEN (DQS) is asked instead"
    assert zone(zones, "spamhaus-dqs-zen").codes == zone(zones, "spamhaus-zen").codes


def test_the_key_is_in_the_question_and_nowhere_else() -> None:
    zen = zone(load(keys=SPAMHAUS), "spamhaus-dqs-zen")
    assert zen.question("2.0.0.127") == "2.0.0.127.secret26.zen.dq.spamhaus.net"
    assert zen.zone == "***.zen.dq.spamhaus.net" and "secret26" not in repr(zen)
    assert zen.masked("see SECRET26.zen") == "see ***.zen"


def test_settings_add_drop_and_weigh_lists() -> None:
    zones = load(["uceprotect-2"], tables={"ours": NEW, "spamcop": {"drop": True}, "psbl": {"weight": "info"}})
    assert asked(load()) - asked(zones) == {"uceprotect-2", "spamcop"}
    ours = zone(zones, "ours")
    assert (ours.weight, ours.listed) == (Weight.MEDIUM, {"ip4": "2.0.0.127", "domain": "test"})
    assert zone(zones, "psbl").weight is Weight.INFO and zone(zones, "psbl").codes[0].meaning == "wrote to a spam trap"


def test_a_list_whose_data_another_one_has_is_not_asked_as_well() -> None:
    zones = load(tables={"sbl": {**NEW, "zone": "sbl.spamhaus.org"}})
    assert zone(zones, "sbl").left_out == "Spamhaus ZEN has its data"
    assert not zone(load(["spamhaus-zen"], tables={"sbl": {**NEW, "zone": "sbl.spamhaus.org"}}), "sbl").left_out


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"colour": "red"}, "'colour' is not a member of a list's table (name, "),
        ({"weight": "heavy"}, "weight: a weight is one of info, low, medium, high, critical."),
        ({"zone": "not a zone"}, "zone: 'not a zone' is not the name of a zone, such as"),
        ({"zone": "x" * 60 + ".example"}, "is not the name of a zone"),
        ({"zone": "{key}.bl.example"}, "a zone with {key} in front has a member `key`"),
        ({"key": "ours"}, "a zone with {key} in front has a member `key`"),
        ({"kinds": ["ip5"]}, "kinds: these are some of ip4, ip6, domain."),
        ({"kinds": []}, "kinds: these are some of ip4, ip6, domain."),
        ({"codes": {}}, 'codes: this is a table such as { "127.0.0.2" = "sent spam" }.'),
        ({"codes": {"192.0.2.1": "x"}}, "'192.0.2.1' is not an answer such as 127.0.0.2"),
        ({"codes": {"127.0.0.1": "x"}}, "127.0.0.1 is an error with every list, so it is no listing."),
        ({"codes": {"127.255.255.254": "x"}}, "127.255.255.254 is an error with every list"),
        ({"codes": {"127.0.0.2": 3}}, "codes: 127.0.0.2: this is a text, or a table with meaning, policy, weight."),
        ({"codes": {"127.0.0.2": {"meaning": "x", "wait": 1}}}, "this is a text, or a table with"),
        ({"codes": {"3": "x"}, "bits": True}, "'3' is not a bit"),
        ({"bits": "yes"}, "bits: this is true or false."),
        ({"errors": {"127.0.0.256": "x"}}, "'127.0.0.256' is not an answer"),
        ({"listed": {"ip4": "::1"}}, "listed: '::1' is not an address of that kind."),
        ({"listed": {"ip4": "here"}}, "listed: 'here' does not appear to be an IPv4 or IPv6 address"),
        ({"terms": "cheap"}, "terms: this is one of free, non_commercial, registration, account."),
        ({"contains": "x"}, "contains: these are several texts, in brackets."),
        ({"replaces": ["nobody"]}, "replaces: there is no list 'nobody'."),
        ({"like": "nobody"}, "like: 'nobody' is no list whose members could hold here."),
        ({"like": "spamhaus-dqs-zen"}, "is no list whose members could hold here."),
        ({"delist": "javascript:x"}, "delist: 'javascript:x' is not a page, such as https://"),
        ({"name": " "}, "name: this is a text."),
    ],
)
def test_each_mistake_in_a_table_is_one_line_that_names_it(table: dict[str, Any], said: str) -> None:
    (line,) = problems(tables={"ours": {**NEW, **table}})
    assert line.startswith("MAILDESK_CONFIG: [blocklists.ours]: ") and said in line


def test_mistakes_are_told_all_at_once() -> None:
    said = problems(
        drop=["barracudo"],
        keys={"spamhouse": "secret26"},
        tables={"new": {"zone": "bl.example.org"}, "Our List": NEW, "flat": "x"},
    )
    assert "there is no list 'barracudo'" in said[2] and "no list has a key named 'spamhouse'" in said[3]
    assert (
        said[0].startswith("MAILDESK_CONFIG: [blocklists.'Our List']: the ID of a list")
        and said[1] == "MAILDESK_CONFIG: [blocklists.flat] is not a table."
    )
    assert [line.rpartition(": ")[2] for line in said[4:]] == [
        "name is missing.",
        "kinds is missing.",
        "weight is missing.",
        "codes is missing.",
    ]
    assert "secret26" not in "".join(said)
