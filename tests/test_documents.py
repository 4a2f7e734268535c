"""What docs/ promises and what holds it: each test that is named there exists, and each file that is linked."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from handlers import access

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
PROMISES = [ROOT / "docs" / "security.md", ROOT / "docs" / "privacy.md"]


def named_in(path: Path) -> set[str]:
    """The names of a file's tests, those of a class as `Class::name`."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        prefix = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {prefix + each.name for each in inner if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    return found


@pytest.mark.parametrize("document", PROMISES, ids=lambda path: path.stem)
def test_each_test_that_holds_a_sentence_exists(document: Path) -> None:
    named = re.findall(r"`(tests/[a-z_/0-9]+\.py)::([A-Za-z_0-9:]+)`", document.read_text())
    assert len(named) >= 10
    for file, test in named:
        assert test in named_in(ROOT / file), f"{file}::{test}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_each_file_that_is_linked_exists(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_five_minutes_are_what_the_code_says() -> None:
    assert access.KNOWN_FOR == 300


def test_the_readme_installs_in_ten_numbered_lines() -> None:
    section = (ROOT / "README.md").read_text().partition("\n## Install\n")[2].partition("\n## ")[0]
    assert re.findall(r"(?m)^(\d+)\. ", section) == [str(number) for number in range(1, 11)]
