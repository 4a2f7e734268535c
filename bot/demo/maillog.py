"""The mail log of a demo host, in the lines that Postfix's own daemons write."""

from __future__ import annotations

import os
import time
from pathlib import Path


class MailLog:
    """Appends lines to `maillog_file`; nothing is written when there is none."""

    def __init__(self, path: str, host: str, name: str) -> None:
        self._file = Path(path).open("a", encoding="utf-8", errors="surrogateescape") if path else None  # noqa: SIM115
        self._host = host.partition(".")[0]
        self._name = name

    def write(self, daemon: str, text: str) -> None:
        if self._file:
            stamp = time.strftime("%b %e %H:%M:%S")
            self._file.write(f"{stamp} {self._host} {self._name}/{daemon}[{os.getpid()}]: {text}\n")

    def flush(self) -> None:
        if self._file:
            self._file.flush()

    def close(self) -> None:
        if self._file:
            self._file.close()
