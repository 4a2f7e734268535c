"""What a soak (`make soak`) says while it runs: each minute how far it is, and what is under way for how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import pytest

EVERY = 60.0
"""Seconds from one line to the next."""


class Progress:
    """A plugin of the pytest that the terminal belongs to; with xdist its workers tell it which tests begin and end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._began = time.monotonic()
        self._collected = 0
        self._ended = 0
        self._failed = 0
        self._under_way: dict[str, float] = {}
        self._over = threading.Event()

    def pytest_sessionstart(self) -> None:
        threading.Thread(target=self._tell, name="progress", daemon=True).start()

    def pytest_sessionfinish(self) -> None:
        self._over.set()

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._collected = len(session.items) or self._collected

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Sequence[str]) -> None:
        self._collected = len(ids)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._under_way[nodeid] = time.monotonic()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self._under_way.pop(nodeid, None)
        self._ended += 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._failed += report.failed

    def line(self) -> str:
        """`[93 min] 1,204 of 2,890 tests have ended, none failed. Under way: test_storm.py::test_after… for 85 s`."""
        now = time.monotonic()
        under_way = sorted(self._under_way.copy().items(), key=lambda each: each[1])
        names = [f"{nodeid.rpartition('/')[2]} for {now - since:.0f} s" for nodeid, since in under_way]
        failed = f"{self._failed:,} failed" if self._failed else "none failed"
        return (
            f"[{(now - self._began) / 60:.0f} min] {self._ended:,} of {self._collected:,} tests have ended, {failed}. "
            f"Under way: {', '.join(names) or 'nothing'}"
        )

    def _tell(self) -> None:
        terminal = self._config.pluginmanager.get_plugin("terminalreporter")
        while terminal and not self._over.wait(EVERY):
            terminal.ensure_newline()
            terminal.write_line(self.line())
