"""A picture at a terminal: its words, its drawing in text, and where its file is."""

from __future__ import annotations

import io
import zlib
from pathlib import Path

import pytest
from rich.console import Console

from bot.console.pictures import SIGNATURE, drawing
from bot.console.screen import Screen
from bot.console.workspace import Message, Workspace
from bot.console.workspace.state import BOT_USER, File


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG with these chunks; whoever reads its text looks at neither sums nor pixels."""
    return SIGNATURE + b"".join(len(body).to_bytes(4) + kind + body + b"sums" for kind, body in chunks)


COMMENT = "▁▃█\n\x1b[31m!".encode()


@pytest.mark.parametrize(
    "chunk",
    [(b"iTXt", b"Comment\0\0\0\0\0" + COMMENT), (b"iTXt", b"Comment\0\1\0en\0x\0" + zlib.compress(COMMENT))],
)
def test_the_drawing_is_read_from_the_png(chunk: tuple[bytes, bytes]) -> None:
    assert drawing(png((b"IHDR", b"x" * 13), (b"tEXt", b"Title\0t"), chunk)) == ["▁▃█", "\x1b[31m!"]
    assert drawing(png((b"tEXt", b"Comment\0a\nb"))) == ["a", "b"]
    assert drawing(png((b"IDAT", b"x"), chunk)) == [], "what comes after the pixels is not looked for"


@pytest.mark.parametrize(
    "content",
    [b"", b"GIF8", SIGNATURE, SIGNATURE + b"\xff\xff\xff\xffiTXt", png((b"iTXt", b"Comment\0\1\0\0\0not zlib"))],
)
def test_what_is_no_png_or_is_broken_has_no_drawing(content: bytes) -> None:
    assert drawing(content) == []


async def test_the_console_prints_words_drawing_and_path_and_leaves_no_file() -> None:
    out = io.StringIO()
    async with Workspace() as workspace:
        workspace.add_channel("C0OPS", "ops", ["U0ANA"])
        content = png((b"iTXt", b"Comment\0\0\0\0\0" + COMMENT))
        workspace.state.files["F00000001"] = File("F00000001", "../../evil.png", len(content), "t", content)
        image = {"type": "image", "alt_text": "Queue of mx1", "slack_file": {"id": "F00000001"}}
        message = Message("C0OPS", "1.000001", BOT_USER, "x", blocks=(image,))
        screen = Screen(workspace, Console(file=out, width=100, markup=False, emoji=False, highlight=False))
        screen.show([message], "C0OPS")
        lines = [line.strip() for line in out.getvalue().splitlines()]
        at = lines.index("[picture] Queue of mx1")
        assert lines[at + 1 : at + 3] == ["▁▃█", "\\x1b[31m!"]
        lies_there_until_closed(lines[at + 3], content, screen)


def lies_there_until_closed(name: str, content: bytes, screen: Screen) -> None:
    path = Path(name)
    assert (path.name, path.read_bytes()) == ("F00000001.png", content)
    assert path.parent.stat().st_mode & 0o077 == 0
    screen.close()
    assert not path.parent.exists()
