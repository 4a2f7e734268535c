"""The demo as a whole: its story, its processes, and the real agent on it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bot
from bot.agent.protocol import Selection, Term
from bot.demo import story
from bot.demo.host import BUSY, QUIET, DemoHost
from bot.demo.world import SITES, World
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from bot.mailhost.selector import parse
from tests.postfix.instance import MEMORY, PREFIX, own
from tests.postfix.waiting import eventually, wait_until


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoHost]:
    """A demo that tests only look at: the world outside is so slow that no delivery ends meanwhile."""
    with DemoHost(tmp_path_factory.mktemp("demo") / "demo", pace=0.001, alive=False) as host:
        yield host


@pytest.fixture
def host(tmp_path: Path) -> Iterator[DemoHost]:
    """A demo of a quarter of the size, to change."""
    with DemoHost(tmp_path / "demo", pace=1000, alive=False, share=0.25) as host:
        yield host


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[DemoHost]:
    """One to change, in which a delivery that crawls takes a quarter of an hour."""
    with DemoHost(tmp_path / "demo", pace=1, alive=False, share=0.25) as host:
        yield host


def mail_host(host: DemoHost, instance: str = BUSY) -> MailHost:
    argv = (sys.executable, "-I", "-m", "bot.agent", "--ini", str(host.ini))
    return MailHost(CommandLink(instance, argv), instance)


def entries(host: DemoHost, instance: str = BUSY) -> list[dict[str, Any]]:
    return [json.loads(line) for line in host.instances[instance].run("postqueue", "-j").stdout.splitlines()]


async def test_the_agent_sees_the_demo_as_postqueue_does(shown: DemoHost) -> None:
    queued = entries(shown)
    listing = await mail_host(shown).list(limit=10)
    assert listing.complete and listing.mail_system_up
    assert listing.total == len(queued) > 3000
    senders = Counter(entry["sender"] for entry in queued)
    assert {row.name: row.messages for row in listing.summary.senders.top[:3]} == dict(senders.most_common(3))
    counts = Counter(entry["queue_name"] for entry in queued)
    depth = await mail_host(shown).depth()
    assert {name: number for name, number in depth.queues.items() if number} == counts
    assert (await mail_host(shown, QUIET).depth()).queues["deferred"] == 6


async def test_a_login_picks_the_forged_mail_whoever_its_sender_is_said_to_be(shown: DemoHost) -> None:
    hacked = (await mail_host(shown).list(parse(f"login:{story.HACKED}").selection)).summary
    both = (await mail_host(shown).list(parse(f"login:{story.HACKED} from:{story.FORGED}").selection)).summary
    forged = sum(entry["sender"] == story.FORGED for entry in entries(shown))
    assert hacked.messages >= both.messages == forged > 0


async def test_a_listing_names_who_is_behind_the_most_frequent_sender(shown: DemoHost) -> None:
    forged = Selection((Term("from", story.FORGED),))
    behind = (await mail_host(shown).list(forged, behind=20)).behind
    assert behind is not None
    assert (behind.sender, behind.read) == (story.FORGED, 20)
    assert [each.name for each in behind.logins] == [story.HACKED]
    assert [each.name for each in behind.clients] == [story.BOTNET[1]]


async def test_the_agent_tells_who_submitted_the_forged_mail(shown: DemoHost) -> None:
    spam = next(entry for entry in entries(shown) if entry["sender"] == story.FORGED)
    message = await mail_host(shown).show(spam["queue_id"])
    assert message.attributes["sasl_username"] == story.HACKED
    assert message.attributes["client_address"] == story.BOTNET[1]
    assert dict(message.headers)["From"] == '"Bank Example Security" <billing@bank.example>'


def test_the_queue_manager_is_found_as_qmgr_in_its_queue_directory(host: DemoHost) -> None:
    assert queue_managers().count(host.queue_directory) == 1
    host.mail_system(False)
    assert host.queue_directory not in queue_managers()
    assert not host.instances[BUSY].running
    assert host.instances[QUIET].running
    host.mail_system(True)
    assert host.instances[BUSY].running


async def test_a_flush_by_the_agent_lets_the_greylisted_go_and_leaves_what_is_on_hold(host: DemoHost) -> None:
    before = entries(host)
    flushed = (await mail_host(host).flush()).result
    assert flushed.counts["gone"] > 80
    assert flushed.counts["deferred"] > 500
    after = entries(host)
    greylisted = [entry for entry in after if entry["recipients"][0]["address"].endswith(story.GREYLISTING)]
    # Only those that are younger than five minutes.
    assert all(time.time() - entry["arrival_time"] < 400 for entry in greylisted)
    held = [entry for entry in before if entry["queue_name"] == "hold"]
    assert [entry for entry in after if entry["queue_name"] == "hold"] == held
    # What was a rate limit of our address is, for some, one of our domain now.
    reasons = [each.get("delay_reason", "") for entry in after for each in entry["recipients"]]
    assert sum("your DKIM domain" in reason for reason in reasons) > 30


async def test_active_mail_that_is_held_and_released_is_delivered_once(slow: DemoHost) -> None:
    active = [entry for entry in entries(slow) if entry["queue_name"] == "active"]
    mail = mail_host(slow)
    held = await mail.hold(await mail.select(Selection((Term("queue", "active"),))))
    assert held.result.counts == {"held": len(active)}
    assert held.result.was_active == len(active) == 8
    slow.instances[BUSY].behave("bigmail.example", "accepts")
    await eventually(lambda: len(served(slow)) == 5, what="what was in delivery is delivered")
    released = await mail.release_hold(held.result.key)
    assert released.result.counts == {"requeued": 8}
    await eventually(lambda: not {"maildrop", "active"}.intersection(entry["queue_name"] for entry in entries(slow)))
    assert sorted(served(slow)) == sorted(entry["recipients"][0]["address"] for entry in active)


def served(host: DemoHost) -> list[str]:
    log = host.instances[BUSY].maillog.read_text()
    return [address for address in re.findall(r"to=<(.*?)>.*status=sent", log) if address.endswith("@bigmail.example")]


def queue_managers() -> list[Path]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text() == "qmgr\n":
                found.append((process / "cwd").readlink())
        except OSError:
            continue
    return found


def test_the_queue_manager_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from bot.demo.host import DemoInstance; from bot.demo.world import"
        " World; mx = DemoInstance(Path(sys.argv[1]), Path('bin'), World({})); mx.write(); mx.start();"
        " print('up', flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "mx"], stdout=subprocess.PIPE, cwd=Path(bot.__file__).parents[1]
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == b"up\n"
    assert tmp_path / "mx" / "spool" in queue_managers()
    parent.kill()
    parent.communicate()
    wait_until(lambda: tmp_path / "mx" / "spool" not in queue_managers(), what="it ends too")


def test_every_address_is_one_for_examples_and_every_recipient_that_was_tried_has_a_reason() -> None:
    world = World(story.DOMAINS, 1)
    domains = set()
    for queued in (*story.busy_host(1, 0.0), *story.quiet_host(1, 0.0)):
        for address in (*queued.mail.recipients, *filter(None, (queued.mail.sender,))):
            domains.add(address.rpartition("@")[2])
            if queued.tried and address in queued.mail.recipients:
                assert world.reason(address) is not None, address
    reserved = (".example", ".test", "example.org", "example.com", "example.net")
    assert all(domain.endswith(reserved) for domain in domains | set(story.DOMAINS))
    assert set(story.DOMAINS.values()) <= set(SITES)


def test_the_same_seed_tells_the_same_story() -> None:
    assert list(story.busy_host(5, 1e9)) == list(story.busy_host(5, 1e9))
    assert list(story.busy_host(5, 1e9)) != list(story.busy_host(6, 1e9))


ORDINARY = """
import json, subprocess, sys, tempfile
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from bot.demo.host import DemoHost
with tempfile.TemporaryDirectory() as folder, DemoHost(Path(folder) / "demo", pace=1000, alive=False) as host:
    agent = "import sys, runpy; sys.path.insert(0, sys.argv.pop(1)); runpy.run_module('bot.agent', run_name='__main__')"
    depth = subprocess.run(
        [sys.executable, "-I", "-c", agent, sys.argv[1], "--ini", host.ini],
        input='{"v": 1, "verb": "depth", "instance": "mx1", "args": {}}',
        capture_output=True,
        text=True,
    )
    hold = host.instances["mx1"].run("postsuper", "-h", "ALL", "deferred")
    print(json.dumps([depth.stdout, hold.stderr]))
"""


def test_an_ordinary_user_runs_the_demo_and_the_agent_on_it() -> None:
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=MEMORY) as folder:  # pytest's own folder is closed to others
        own(Path(folder))
        # Root's checkout and Python may well be closed to others; the distribution's Python is not.
        Path(folder).chmod(0o755)
        shutil.copytree(Path(bot.__file__).parent, Path(folder, "bot"), ignore=shutil.ignore_patterns("__pycache__"))
        done = subprocess.run(
            ["/usr/bin/python3" if root else sys.executable, "-I", "-c", ORDINARY, folder],
            capture_output=True,
            text=True,
            check=False,
            user="nobody" if root else None,
            group="nogroup" if root else None,
            extra_groups=[] if root else None,
            env={"PATH": "/usr/bin:/bin", "HOME": "/"},
            cwd="/",
            umask=0o002,
        )
    assert done.stderr == ""
    depth, hold = json.loads(done.stdout)
    assert json.loads(depth)["result"]["queues"]["deferred"] > 3000
    assert hold.startswith("postsuper: Placed on hold: 3")


def test_a_demo_of_which_one_host_does_not_start_leaves_none_running(tmp_path: Path) -> None:
    host = DemoHost(tmp_path / "demo", pace=1000, alive=False, share=0.01)
    host.write()
    (host.instances[QUIET].config_directory / "main.cf").unlink()
    with pytest.raises(RuntimeError, match=QUIET):
        host.start()
    assert host.queue_directory not in queue_managers()
