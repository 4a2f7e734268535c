"""Every rule makes sense by itself and beside the others, and a mistake in the settings is told where it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.errors import SettingsError
from bot.watch.engine import SILENCE
from bot.watch.rules import ADJUSTABLE, Judgement, Rule, Rules, Severity, duration, load

RULES = load()


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_each_rule_is_sane(rule: Rule) -> None:
    assert rule.judge(rule.fires) is Judgement.BAD
    assert rule.judge(rule.clears) is Judgement.GOOD
    assert rule.severity_of(rule.fires) is rule.severity
    if rule.critical is not None:
        assert rule.severity < rule.severity_of(rule.critical) is Severity.CRITICAL
        assert rule.judge(rule.critical) is Judgement.BAD
    assert rule.enabled
    assert timedelta(0) <= rule.lasting < timedelta(days=1) and timedelta(0) <= rule.calm <= timedelta(hours=1)
    assert rule.again >= timedelta(minutes=30)
    assert rule.repeat is None or rule.repeat >= timedelta(hours=4)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_each_rule_can_be_read(rule: Rule) -> None:
    assert rule.title[:1].isupper() and not rule.title.endswith(".") and len(rule.title) <= 60
    assert rule.unit and rule.unit == rule.unit.strip()
    assert set(rule.shows) <= {"status", "queue", "check", "flush", "hold", "trash"}


def test_a_rule_depends_on_earlier_ones_only() -> None:
    earlier: set[str] = set()
    for name, rule in RULES.items():
        assert set(rule.depends) <= earlier, name
        earlier.add(name)


def test_no_two_rules_have_the_same_title() -> None:
    assert len({rule.title for rule in RULES.values()}) == len(RULES)


def test_what_calls_people_reminds_them() -> None:
    assert all(rule.repeat for rule in RULES.values() if rule.severity is Severity.CRITICAL or rule.critical)


def test_what_is_looked_at_each_half_hour_flaps_for_longer_than_that() -> None:
    for name in ("resolver", "resolver_limited", "listed", "list_broken", "check"):
        assert RULES[name].again >= SILENCE, name


@pytest.mark.parametrize("below", [False, True])
def test_both_edges_count(below: bool) -> None:
    sign = -1 if below else 1
    rule = Rule("r", "R", "u", Severity.WARNING, fires=sign * 10, clears=sign * 5, critical=sign * 20, below=below)
    judged = [rule.judge(sign * value) for value in (4.9, 5, 5.1, 9.9, 10, 30)]
    good, between, bad = Judgement.GOOD, Judgement.BETWEEN, Judgement.BAD
    assert judged == [good, good, between, between, bad, bad]
    severities = [rule.severity_of(sign * value) for value in (10, 19.9, 20)]
    assert severities == [Severity.WARNING, Severity.WARNING, Severity.CRITICAL]
    assert rule.worse(sign * 11, sign * 10) and not rule.worse(sign * 10, sign * 10)


def test_a_host_has_its_own_adjustments_on_top_of_everybodys() -> None:
    everywhere: dict[str, dict[str, Any]] = {"deferred": {"fires": 900, "repeat": "never"}, "held": {"enabled": False}}
    rules = Rules(everywhere, {"mx2": {"deferred": {"clears": 800, "severity": "critical", "lasting": "90s"}}})
    one, two = rules.of("mx1")["deferred"], rules.of("mx2")["deferred"]
    assert one == replace(RULES["deferred"], fires=900, repeat=None)
    assert two == replace(one, clears=800, severity=Severity.CRITICAL, lasting=timedelta(seconds=90))
    assert not rules.of("mx2")["held"].enabled
    assert list(rules.of("mx2")) == list(RULES), "in the same order"
    assert rules.of("") == rules.of("mx1")


TIME = "must be a time such as 90s, 10m, 8h or 3d"


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"fires": "many"}, "fires must be a number, not 'many'."),
        ({"fires": True}, "fires must be a number, not True."),
        ({"least": float("nan")}, "least must be a number, not nan."),
        ({"critical": float("inf")}, "critical must be a number, not inf."),
        ({"lasting": 10}, f"lasting {TIME}, not 10."),
        ({"calm": "10"}, f"calm {TIME}, not '10'."),
        ({"again": "-5m"}, f"again {TIME}, not '-5m'."),
        ({"repeat": "10 m"}, f"repeat {TIME}, not '10 m'."),
        ({"repeat": "0m"}, "repeat must be at least 1m, or never, not '0m'."),
        ({"severity": "terrible"}, "severity must be notice, warning or critical, not 'terrible'."),
        ({"enabled": "no"}, "enabled must be true or false, not 'no'."),
        ({"title": "X"}, f"'title' can't be set; there are {', '.join(ADJUSTABLE)}."),
        ({"fires": 300}, "clears (300) has to be below fires (300), else it would never end."),
        ({"clears": 600}, "clears (600) has to be below fires (500), else it would never end."),
    ],
)
def test_a_mistake_is_told_where_it_is(table: dict[str, Any], said: str) -> None:
    for place, arguments in {
        "[alerts.deferred]": ({"deferred": table}, {}),
        "[hosts.mx1.alerts.deferred]": ({}, {"mx1": {"deferred": table}}),
    }.items():
        with pytest.raises(SettingsError) as raised:
            Rules(*arguments)
        assert f"MAILDESK_CONFIG: {place}: {said}" in str(raised.value)


def test_where_less_is_worse_clears_has_to_be_above() -> None:
    with pytest.raises(SettingsError, match=r"clears \(10\) has to be above fires \(10\), else it would never end\."):
        Rules({"disk": {"clears": 10}})


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(SettingsError) as raised:
        Rules({"deferd": {}, "held": "off"}, {"mx1": {"disk": {"fires": None}}})  # type: ignore[dict-item]
    said = str(raised.value)
    assert f"[alerts.deferd]: there is no such rule; there are {', '.join(RULES)}." in said
    assert "[alerts.held] is not a table." in said
    assert "[hosts.mx1.alerts.disk]: fires must be a number, not None." in said


@pytest.mark.parametrize("text", ["", "m", "5", "5x", "5.5m", "-1m", " 5m", "5m ", "9999999m", 5, None])
def test_what_is_no_time_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match=TIME):
        duration(text)


def test_a_rule_that_the_file_spells_wrong_is_not_loaded(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[r]\ntitle = "R"\nunit = "u"\nseverity = "warning"\nfires = 2\nclears = 1\nforever = "1m"\n')
    with pytest.raises(TypeError, match="forever"):
        load(file)
