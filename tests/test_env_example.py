"""`.env.example` is held against the settings class: every setting once, with its default and a sentence."""

import re
from itertools import pairwise
from pathlib import Path

from bot.settings import Settings

EXAMPLE = (Path(__file__).parent.parent / ".env.example").read_text().splitlines()
SETTING = re.compile(r"(#?)([A-Z_]+)=(.*)\Z")


def settings() -> dict[str, tuple[bool, str, str]]:
    """Name -> whether it is commented out, the value shown, and the comment in front of it."""
    found: dict[str, tuple[bool, str, str]] = {}
    for above, line in pairwise(EXAMPLE):
        if match := SETTING.match(line):
            assert match[2] not in found, f"{match[2]} stands there twice"
            found[match[2]] = (bool(match[1]), match[3], above)
    return found


def test_every_setting_stands_in_the_example_and_nothing_else_does() -> None:
    assert set(settings()) == {name.upper() for name in Settings.model_fields}


def test_each_setting_has_one_line_that_says_what_it_is() -> None:
    for name, (_, _, above) in settings().items():
        assert re.match(r"# .{10,}\.\Z", above), f"{name} has no sentence in front of it"


def test_what_is_commented_out_shows_the_default() -> None:
    for name, (commented, value, _) in settings().items():
        default = Settings.model_fields[name.lower()].default
        if commented:
            assert value == ("" if default in (None, (), "") else str(default)), name
        else:
            assert value == "", f"{name} would put an invented value into a copy"


def test_a_plain_copy_of_the_example_sets_nothing_but_defaults(tmp_path: Path) -> None:
    copy = tmp_path / ".env"
    copy.write_text("\n".join(EXAMPLE))
    assert Settings(_env_file=copy) == Settings(_env_file=None)  # type: ignore[call-arg]
