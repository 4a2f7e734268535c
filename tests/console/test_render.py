"""Blocks and mrkdwn on a terminal: what a reader sees, and what hostile text can't do."""

import io
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text

from bot.console.mrkdwn import mrkdwn, safe
from bot.console.render import Page, stacked
from bot.console.table import fair_widths
from bot.text import width

NAMES = {"U1": "ana", "C1": "ops", "S1": "mail-team"}


def printed(blocks: list[dict[str, Any]], columns: int = 100, *, colour: bool = False) -> str:
    out = io.StringIO()
    console = Console(file=out, width=columns, force_terminal=colour, markup=False, emoji=False, highlight=False)
    console.print(stacked(Page(NAMES, {}).draw(blocks)))
    return out.getvalue()


def styles(text: Text) -> dict[str, str]:
    return {text.plain[span.start : span.end]: str(span.style) for span in text.spans if str(span.style) != "none"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("*b* _i_ ~s~ `c`", "b i s c"),
        ("2 * 3 * 4 and a_b_c", "2 * 3 * 4 and a_b_c"),
        ("&lt;!channel&gt; &amp;lt;", "<!channel> &lt;"),
        ("<!channel> <!subteam^S1>", "@channel @mail-team"),
        ("<@U1> <@U2|ben> <@U3> <#C1>", "@ana @ben @U3 #ops"),
        ("<https://x.example|docs> <https://y.example>", "docs (https://x.example) https://y.example"),
        ("<https://evil.example|https://good.example>", "https://good.example (https://evil.example)"),
        ("<mailto:a@b.example|a@b.example>", "mailto:a@b.example"),
        ("<!date^0^{date}|1970>", "1970"),
        (":white_check_mark: 10:20:30", "✅ 10:20:30"),
        ("> quoted\nnot", "│ quoted\nnot"),
        ("```a\n*b*```", "a\n*b*"),
        ("[bold]x[/bold] \x1b[31m\x07\u202e", "[bold]x[/bold] \\x1b[31m\\x07\\u202e"),
    ],
)
def test_mrkdwn_is_read_as_slack_reads_it(source: str, expected: str) -> None:
    assert mrkdwn(source, NAMES).plain == expected


def test_mrkdwn_styles_nest_and_code_is_left_alone() -> None:
    found = styles(mrkdwn("*bold _both_* `*code*`", {}))
    assert found["bold "] == "bold"
    assert found["both"] == "bold italic"
    assert found["*code*"] == "cyan"


def test_each_kind_of_block_says_what_it_holds() -> None:
    text = {"type": "mrkdwn", "text": "*Active*"}
    inline = [
        {"type": "text", "text": "see ", "style": {"bold": True}},
        {"type": "user", "user_id": "U1"},
        {"type": "link", "url": "https://x.example", "text": "docs"},
        {"type": "emoji", "name": "warning"},
    ]
    section = {"type": "rich_text_section", "elements": inline}
    shown = printed(
        [
            {"type": "header", "text": {"type": "plain_text", "text": "The head"}},
            {"type": "section", "fields": [text, {"type": "plain_text", "text": "*12*"}]},
            {"type": "context", "elements": [text]},
            {"type": "divider"},
            {"type": "image", "alt_text": "a chart", "image_url": "https://x.example"},
            {"type": "rich_text", "elements": [section]},
            {
                "type": "rich_text",
                "elements": [{"type": "rich_text_list", "style": "ordered", "elements": [section, section]}],
            },
            {"type": "data_table"},
        ]
    )
    for words in ("The head", "Active    *12*", "───", "[picture] a chart", "2. see"):
        assert words in shown
    assert "see @anadocs (https://x.example)⚠" in shown
    assert "a block of type data_table" in shown


def table(rows: list[list[str]], **column: Any) -> dict[str, Any]:
    cells = [[{"type": "raw_text", "text": text} for text in row] for row in rows]
    return {"type": "table", "rows": cells, "column_settings": [column] * len(rows[0])}


def test_a_table_keeps_short_columns_whole_and_cuts_the_long_ones() -> None:
    rows = [["ID", "From", "Why"], ["4jYTZs68jczBvZC", "a" * 10_000, "漢" * 3_000], ["B", "x@y.example", "ok"]]
    lines = printed([table(rows)]).splitlines()
    assert len(lines) == 4
    assert all(width(line) == 100 for line in lines)
    assert "4jYTZs68jczBvZC  aaa" in lines[2]
    assert "…" in lines[2]
    starts = {line.index("From" if n == 0 else "x@y") for n, line in ((0, lines[0]), (3, lines[3]))}
    assert len(starts) == 1


def test_a_wrapped_column_is_a_few_lines_high_at_most() -> None:
    lines = printed([table([["Why"], ["word " * 2_000]], is_wrapped=True)]).splitlines()
    assert 3 <= len(lines) <= 6
    assert all(width(line) <= 100 for line in lines)


ATTACKS = ("[red]x[/red]", "\x1b]0;title\x07", "\u202eabc", "*" * 200, "`" * 50, "<!channel>", "\r\r", "漢字" * 50)
HOSTILE = st.text(max_size=60) | st.sampled_from((*ATTACKS, "x" * 10_000))


@given(st.lists(st.lists(HOSTILE.filter(bool), min_size=3, max_size=3), min_size=1, max_size=4), st.booleans())
def test_whatever_stands_in_a_table_no_line_is_too_wide(rows: list[list[str]], wrapped: bool) -> None:
    shown = printed([table(rows, is_wrapped=wrapped)], 60)
    assert all(cell_len(line) <= 60 for line in shown.splitlines())
    assert not [each for each in shown if unicodedata.category(each) in ("Cc", "Cf") and each != "\n"]


@given(st.lists(HOSTILE, max_size=6))
def test_hostile_text_neither_styles_nor_controls_the_terminal(parts: list[str]) -> None:
    hostile = " ".join(parts).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    out = io.StringIO()
    text = mrkdwn(hostile, NAMES)
    Console(file=out, width=80, force_terminal=True, color_system=None, markup=False).print(Group(text))
    assert not [each for each in out.getvalue() if unicodedata.category(each) in ("Cc", "Cf") and each != "\n"]


@given(st.text())
def test_safe_text_has_no_control_characters_but_line_ends(text: str) -> None:
    assert not [each for each in safe(text) if unicodedata.category(each) == "Cc" and each != "\n"]


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=20), st.integers(20, 200))
def test_widths_fit_and_nobody_gets_more_than_needed(natural: list[int], available: int) -> None:
    widths = fair_widths(natural, available)
    assert sum(widths) <= max(available, len(natural))
    assert all(1 <= given <= needed for given, needed in zip(widths, natural, strict=True))
    if sum(natural) <= available:
        assert widths == natural


@pytest.mark.parametrize("columns", range(40, 60))
def test_a_wide_emoji_costs_a_bullet_no_letter(columns: int) -> None:
    item = {"type": "rich_text_section", "elements": [{"type": "text", "text": "⚪ " + "abcdefg (1234) " * 8}]}
    shown = printed(
        [{"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "bullet", "elements": [item]}]}],
        columns,
    )
    assert "".join(shown.split()) == "•⚪" + "abcdefg(1234)" * 8
