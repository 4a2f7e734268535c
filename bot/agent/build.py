"""Writes the agent as one file that a mail host needs nothing for but Python 3.9: a zipapp (zipapp, PEP 441).

The same sources make the same bytes, so that what is installed can be compared with what was built.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path
from typing import Iterator, Tuple

# -I: neither the environment (PYTHONPATH, PYTHONHOME …) nor the working directory can bring other code in.
SHEBANG = b"#!/usr/bin/python3 -I\n"

MAIN = b"import sys\n\nfrom bot.agent.__main__ import main\n\nsys.exit(main(sys.argv[1:], installed=True))\n"

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a ZIP archive can hold."""


def build(target: Path) -> None:
    """Write the installable agent to `target`, mode 0755; what was there is replaced in one step. Raises OSError."""
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(SHEBANG)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, content in _members():
                    archive.writestr(zipfile.ZipInfo(name, EPOCH), content)
            os.fchmod(file.fileno(), 0o755)
        os.replace(draft, target)
    except BaseException:
        os.unlink(draft)
        raise


def _members() -> Iterator[Tuple[str, bytes]]:
    agent = Path(__file__).parent
    yield "__main__.py", MAIN
    yield "bot/__init__.py", (agent.parent / "__init__.py").read_bytes()
    for source in sorted(agent.glob("*.py")):
        yield f"bot/agent/{source.name}", source.read_bytes()
