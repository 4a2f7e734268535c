"""Writes the agent as one file that a mail host needs nothing for but Python 3.9: a zipapp (zipapp, PEP 441).

The same sources make the same bytes, so that what is installed can be compared with what was built.
"""

from __future__ import annotations

import marshal
import os
import tempfile
import zipfile
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path
from typing import Iterable, Iterator, Tuple

# -I: neither the environment (PYTHONPATH, PYTHONHOME …) nor the working directory can bring other code in.
SHEBANG = b"#!/usr/bin/python3 -I\n"

MAIN = b"import sys\n\nfrom bot.agent.__main__ import main\n\nsys.exit(main(sys.argv[1:], installed=True))\n"

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The oldest time that a ZIP archive can hold."""

UNCHECKED = (1).to_bytes(4, "little")
"""The flags of bytecode that bears a hash of its source and is not held against it (PEP 552)."""


def build(target: Path) -> None:
    """Write the installable agent to `target`, mode 0755; what was there is replaced in one step. Raises OSError."""
    _write(target, _members())


def precompile(agent: Path) -> None:
    """Put the bytecode of the Python that runs this beside each source in a built agent. Raises OSError.

    Python keeps no bytecode of what it imports from an archive, so the agent would be compiled at each start. Another
    Python passes over bytecode that is not its own, and compiles the sources as before (PEP 552, zipimport).
    """
    with zipfile.ZipFile(agent) as archive:
        sources = [(name, archive.read(name)) for name in archive.namelist() if name.endswith(".py")]
    _write(agent, (member for name, source in sources for member in _both(name, source)))


def _both(name: str, source: bytes) -> Iterator[Tuple[str, bytes]]:
    code = compile(source, name, "exec", dont_inherit=True)
    yield name + "c", MAGIC_NUMBER + UNCHECKED + source_hash(source) + marshal.dumps(code)
    yield name, source


def _write(target: Path, members: Iterable[Tuple[str, bytes]]) -> None:
    handle, draft = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(SHEBANG)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for name, content in members:
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
