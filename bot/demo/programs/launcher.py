"""Writes the programs into a demo's folder: small scripts that start this Python without its site packages."""

from __future__ import annotations

import sys
from pathlib import Path

import bot

NAMES = ("postqueue", "postsuper", "postcat", "postconf", "postmap", "postfix")
ROOT = Path(bot.__file__).parent.parent

# sh(1) reads the second line as a command that becomes Python; Python reads it as a string that nobody uses. Unlike
# `#!PYTHON`, this works with a path to Python that is long or has spaces in it.
SCRIPT = """\
#!/bin/sh
"exec" "{python}" "-IS" "$0" "$@"
import sys

sys.path.insert(0, {root!r})
from bot.demo.programs.{name} import main

sys.exit(main())
"""


def write(folder: Path) -> None:
    """Create `folder` and the programs in it. Raises OSError."""
    folder.mkdir(mode=0o755)
    for name in NAMES:
        program = folder / name
        program.write_text(SCRIPT.format(python=sys.executable, root=str(ROOT), name=name))
        program.chmod(0o755)
