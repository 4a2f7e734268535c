"""The rules of `tests/conftest.py` hold: loopback only, and nothing left running."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests import real
from tests.conftest import OutsideWorldRefused, children

HERE = Path(__file__).parent


@pytest.mark.parametrize("address", [("192.0.2.1", 25), ("2001:db8::1", 25), ("example.org", 25)])
def test_connecting_to_the_outside_world_is_refused(address: tuple[str, int]) -> None:
    with pytest.raises(OutsideWorldRefused, match="loopback"):
        socket.create_connection(address, timeout=1)


def test_a_datagram_to_the_outside_world_is_refused() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams, pytest.raises(OutsideWorldRefused):
        datagrams.sendto(b"?", ("192.0.2.53", 53))


def test_listening_on_all_addresses_is_refused() -> None:
    with socket.socket() as listener, pytest.raises(OutsideWorldRefused):
        listener.bind(("", 0))


async def test_asyncio_is_held_to_it_too() -> None:
    with pytest.raises(OutsideWorldRefused):
        await asyncio.open_connection("192.0.2.1", 25)


def test_loopback_and_unix_sockets_work(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname(), timeout=5):
        pass
    with socket.socket(socket.AF_UNIX) as local:
        local.bind(str(tmp_path / "socket"))


def test_children_are_seen_until_somebody_waits_for_them() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    assert child.pid in children()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    assert child.pid not in children()


UNTIDY = """
import asyncio, subprocess, sys, pytest
import tests.conftest as ours
from tests.conftest import *
from tests import real
real.SERVERS["nonesuch"] = real.Server("nonesuch", "nonesuch-server", lambda: False)
ours.GRACE = 0.1
running = []

def test_leaves_a_process():
    running.append(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]))

def test_is_tidy():
    running[0].kill(), running[0].wait()

async def test_leaves_a_task():
    running.append(asyncio.create_task(asyncio.sleep(60), name="the forgotten one"))

@pytest.mark.takes(1)
async def test_waits_forever():
    await asyncio.Event().wait()

@pytest.mark.takes(1)
def test_sleeps_forever():
    time.sleep(60)

@pytest.mark.real("nonesuch")
def test_needs_a_server():
    raise AssertionError("it ran")
"""


@pytest.fixture(scope="module")
def untidy(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of the untidy tests."""
    return run_untidy(tmp_path_factory.mktemp("untidy"))


def run_untidy(tmp_path: Path, **environment: str) -> str:
    (tmp_path / "test_untidy.py").write_text(UNTIDY)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rfEs", "--tb=line", "."],
        cwd=tmp_path,
        env={"PATH": str(tmp_path), "PYTHONPATH": str(HERE.parent), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_untidy_tests_fail_and_are_told_what_they_left(untidy: str) -> None:
    assert "left child processes: [" in untidy
    assert "left tasks running: ['the forgotten one']" in untidy
    assert untidy.count("This test ran longer than 1 s") >= 2


def test_a_missing_server_skips_its_tests_by_name_with_the_command_that_helps(untidy: str) -> None:
    assert f"needs a real nonesuch (package nonesuch-server): run `{real.INSTALL}`" in untidy
    assert "1 skipped" in untidy


def test_a_missing_server_that_is_required_is_a_failure(tmp_path: Path) -> None:
    output = run_untidy(tmp_path, MAILDESK_REQUIRE_REAL="1")
    assert "MAILDESK_REQUIRE_REAL is set, but this test needs a real nonesuch" in output
    assert "skipped" not in output
