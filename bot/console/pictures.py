"""Pictures at a terminal: their file, where a viewer finds it, and the drawing in text that a PNG may carry along."""

import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from bot.console.workspace.state import File

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST = 100_000
"""Bytes of text in a PNG that are read."""


class Pictures:
    """The files that were shown, in a folder of this one console; nobody else may look into it."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def path(self, file: File) -> Path:
        """Where the file lies until close()."""
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="maildesk-pictures-")
        # Slack's ID alone makes the name: the file's own name is the app's to choose.
        path = Path(self._folder.name, f"{file.id}.png")
        if not path.exists():
            path.write_bytes(file.content or b"")
        return path

    def close(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def drawing(content: bytes) -> list[str]:
    """The lines of a PNG's `Comment` (PNG specification, 11.3.3); none when it has none, or is no PNG."""
    for kind, body in _chunks(content):
        keyword, _, rest = body.partition(b"\0")
        if keyword != b"Comment":
            continue
        if kind == b"tEXt":
            return rest.decode("latin-1").splitlines()
        if kind == b"iTXt":
            compressed = rest[:1] == b"\1"
            text = rest[2:].split(b"\0", 2)[-1]
            return (_inflated(text) if compressed else text).decode("utf-8", "replace").splitlines()
    return []


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Kind and body of each chunk, up to the pixels or to what is no chunk."""
    at = len(SIGNATURE)
    while content.startswith(SIGNATURE) and at + 12 <= len(content):
        length, kind = int.from_bytes(content[at : at + 4]), content[at + 4 : at + 8]
        if kind == b"IDAT":
            return
        yield kind, content[at + 8 : at + 8 + min(length, MOST)]
        at += 12 + length


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, MOST)
    except zlib.error:
        return b""
