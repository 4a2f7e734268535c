"""What holds for every test: loopback sockets only, nothing left running, real servers by name."""

from __future__ import annotations

import asyncio
import inspect
import ipaddress
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import real
from tests.soak import Progress

pytest_plugins = [
    "tests.postfix.fixtures",
    "tests.postgresql.fixtures",
    "tests.dns.fixtures",
    "tests.ordinary_user",
    "tests.installed",
    "tests.ssh.fixtures",
    "tests.commands.machine",
]

# The same inputs in every run, so that a failure repeats; `make soak` (HYPOTHESIS_PROFILE=soak) looks for new ones.
settings.register_profile(
    "repeatable", derandomize=True, max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("soak", settings.get_profile("repeatable"), derandomize=False, max_examples=5000)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "repeatable")
settings.load_profile(PROFILE)

GRACE = 2.0  # seconds for what is ending by itself
LIMIT = 120  # seconds for one test; `@pytest.mark.takes(300)` says otherwise
SOAKING = 50  # so many times as long in a soak
SOAK = PROFILE == "soak"


class OutsideWorldRefused(RuntimeError):
    """A test tried to reach something else than this machine's loopback."""


def _is_loopback(host: object) -> bool:
    if host in (None, "", "localhost", b"localhost"):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _refuse_the_outside_world(event: str, arguments: tuple[object, ...]) -> None:
    """An audit hook (PEP 578), so that no library can get around it: addresses and names are loopback, or refused."""
    if event in ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg"):
        address = arguments[1]
        if isinstance(address, tuple) and not _is_loopback(address[0] or "0.0.0.0"):  # noqa: S104 (refused, not bound)
            raise OutsideWorldRefused(f"{event} {address!r}: tests use loopback addresses only")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname") and not _is_loopback(arguments[0]):
        raise OutsideWorldRefused(f"{event} {arguments[0]!r}: tests use loopback addresses only")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", f"real(server): needs a real server, one of {', '.join(real.SERVERS)}")
    config.addinivalue_line("markers", "takes(seconds): may run longer than other tests")
    # Servers live in /usr/sbin, which an ordinary user's PATH, and so that of a plain `sudo`, may be without.
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:/usr/local/sbin:/usr/sbin:/sbin"
    sys.addaudithook(_refuse_the_outside_world)
    if SOAK and not hasattr(config, "workerinput"):  # which xdist gives its workers
        config.pluginmanager.register(Progress(config))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("real"):
        for name in marker.args:
            reason = real.missing(name)
            if reason and real.required():
                pytest.fail(f"MAILDESK_REQUIRE_REAL is set, but this test {reason}", pytrace=False)
            if reason:
                pytest.skip(reason)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Async tests get `no_leftover_tasks`, early: it is set up before, and torn down after, what a test has made.

    Only `no_leftover_processes` is torn down after it: a process may be what a task waits for.
    """
    if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
        item.fixturenames.insert(item.fixturenames.index("no_leftover_processes") + 1, "no_leftover_tasks")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Modules with a test that takes long come first: so no worker is left with one when the others have ended."""
    markers = ((item.path, item.get_closest_marker("takes")) for item in items)
    long = {path for path, marker in markers if marker and marker.args[0] > LIMIT}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture
async def no_leftover_tasks() -> AsyncIterator[None]:
    """A test ends what it starts: a task that still runs after it fails it."""
    before = asyncio.all_tasks()
    yield
    end = time.monotonic() + GRACE
    while leftover := asyncio.all_tasks() - before - {asyncio.current_task()}:
        if time.monotonic() > end:
            pytest.fail(f"This test left tasks running: {sorted(task.get_name() for task in leftover)}")
        await asyncio.sleep(0.01)


@pytest.fixture(scope="session", autouse=True)
def folders_that_pytest_sweeps(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """What tempfile(3) makes lies in pytest's own folder, so that a run that is killed leaves nothing elsewhere.

    Other places (tests/postfix/instance.py, say) are for what must be short, root's alone, or in memory.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("tempfile")))
        yield


@pytest.fixture(autouse=True)
def not_forever(request: pytest.FixtureRequest) -> Iterator[None]:
    """A test that hangs fails, so that the others still run (signal(7), SIGALRM)."""
    marker = request.node.get_closest_marker("takes")
    seconds = (int(marker.args[0]) if marker else LIMIT) * (SOAKING if SOAK else 1)

    def give_up(*_: object) -> None:
        pytest.fail(f"This test ran longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(autouse=True)
def no_leftover_processes() -> Iterator[None]:
    """A test ends, and waits for, the child processes it starts."""
    before = children()
    yield
    end = time.monotonic() + GRACE
    while leftover := children() - before:
        if time.monotonic() > end:
            pytest.fail(f"This test left child processes: {sorted(leftover)}")
        time.sleep(0.01)


def children() -> set[int]:
    """The PIDs of this process's children, those that nobody waited for included (proc(5), `task/TID/children`)."""
    found: set[int] = set()
    for task in Path(f"/proc/{os.getpid()}/task").iterdir():
        try:
            found.update(map(int, (task / "children").read_text().split()))
        except OSError:
            continue  # the thread ended meanwhile
    return found
