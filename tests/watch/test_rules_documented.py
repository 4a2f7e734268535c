"""What docs/alerts.md says of the rules is what the rules are."""

import re
from datetime import timedelta
from pathlib import Path

from bot.watch.rules import ADJUSTABLE, Rule, Rules, load

TABLE = Path(__file__).parents[2] / "docs" / "alerts.md"


def rows() -> dict[str, list[str]]:
    lines = [line for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {line[0].strip("`"): line for line in cells if len(line) == 7}


def numbers(cell: str) -> list[float]:
    return [float(each.replace(",", "")) for each in re.findall(r"\d[\d,]*(?:\.\d+)?", cell)]


def test_every_rule_is_told_with_its_numbers() -> None:
    told = rows()
    assert list(told) == list(load())
    for name, rule in load().items():
        assert told[name][1] == rule.title
        assert told[name][5].startswith(rule.severity.label)
        if rule.unit in told[name][2] and numbers(told[name][2]):
            _check(rule, told[name])


def _check(rule: Rule, row: list[str]) -> None:
    assert numbers(row[2])[0] == rule.fires, row
    assert numbers(row[4])[0] == rule.clears, row
    assert numbers(row[5]) == ([] if rule.critical is None else [rule.critical]), row


def test_what_can_be_adjusted_is_told_and_so_are_the_two_times_within_which_an_alert_is_the_same() -> None:
    adjusting = TABLE.read_text().partition("## Adjusting")[2].partition("\n## ")[0].partition("```\n\n")[2]
    assert [each for each in ADJUSTABLE if f"`{each}`" not in adjusting] == []
    assert Rules({"deferred": {"repeat": "never"}}).of("mx1")["deferred"].repeat is None
    assert '`repeat = "never"`' in adjusting
    assert {rule.again for rule in load().values()} == {timedelta(minutes=30), timedelta(hours=3)}
    assert "within half an hour" in TABLE.read_text() and "within three hours (`again`)" in TABLE.read_text()
