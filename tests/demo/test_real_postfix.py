"""A real Postfix reads what the demo writes, and the demo's programs say of a real spool what the real ones say."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from pathlib import Path

import pytest

from bot.demo import deferlog, maincf, queuefile, story
from bot.demo.mail import Mail
from bot.demo.programs import launcher
from bot.demo.spool import LOGS, QUEUES, Spool
from bot.demo.world import World
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import DNS_BROKEN, GREYLIST, HANG, MAILBOX_FULL, RATE_LIMITED, REFUSE
from tests.postfix.remote import Behaviour as Remote
from tests.postfix.world import World as RealWorld

pytestmark = pytest.mark.real("postfix")

MESSAGES = 300


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    launcher.write(tmp_path / "bin")
    return tmp_path / "bin"


def both(programs: Path, postfix: PrivatePostfix, program: str, *arguments: str) -> list[tuple[int, str]]:
    """The real program's status and output, and the demo's, on the real instance."""
    answers = []
    for path in (program, str(programs / program)):
        done = subprocess.run(
            [path, "-c", postfix.config_directory, *arguments], capture_output=True, text=True, check=False
        )
        answers.append((done.returncode, done.stdout))
    return answers


def write_story(postfix: PrivatePostfix) -> list[str]:
    """The demo's story in the spool of a stopped real Postfix, from each of its streams the first messages."""
    spool = Spool({**maincf.DEFAULTS, **settings(postfix)})
    world = World(story.DOMAINS, 7)
    chosen = sorted(story.busy_host(7, time.time()), key=lambda queued: queued.mail.recipients)[:: 3262 // MESSAGES]
    hostile = [
        queued for queued in story.busy_host(7, time.time()) if queued.mail.sender.startswith(("<", "\x1b", "j"))
    ]
    ids = []
    for queued in (*chosen, *hostile):
        data = b""

        def write(queue_id: str, mail: Mail = queued.mail) -> bytes:
            nonlocal data
            data = mail.queue_file(queue_id, "mx1.mail.test")
            return data

        ids.append(spool.add(queued.queue, queued.mail.arrival, write, next_attempt=time.time() + 9000))
        for recipient in queuefile.parse(data).recipients:
            if queued.tried and (answer := world.reason(recipient.address)):
                entry = deferlog.entry(recipient, status=answer.dsn, reason=answer.text)
                spool.append_log("defer", ids[-1], entry)
    owner = pwd.getpwnam("postfix")
    for queue in (*QUEUES, *LOGS):
        for path in (postfix.queue_directory / queue).rglob("*"):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    return ids


def settings(postfix: PrivatePostfix) -> dict[str, str]:
    names = ("queue_directory", "enable_long_queue_ids", "hash_queue_names", "hash_queue_depth")
    values = postfix.run("postconf", "-x", "-h", *names).stdout.splitlines()
    return dict(zip(names, values, strict=True))


@pytest.mark.parametrize("kind", ["postfix", "short_postfix"])
def test_the_real_postfix_lists_the_demos_queue_files_and_so_do_the_demos_programs(
    kind: str, programs: Path, request: pytest.FixtureRequest
) -> None:
    postfix: PrivatePostfix = request.getfixturevalue(kind)
    postfix.stop()
    ids = write_story(postfix)
    (real_status, real), (demo_status, demo) = both(programs, postfix, "postqueue", "-j")
    assert demo.splitlines() == real.splitlines()
    assert real_status == demo_status == 0
    assert len(real.splitlines()) == len(ids)
    real_table, demo_table = both(programs, postfix, "postqueue", "-p")
    assert demo_table == real_table


def test_postcat_shows_the_same_of_the_demos_queue_files(postfix: PrivatePostfix, programs: Path) -> None:
    postfix.stop()
    for queue_id in write_story(postfix)[::20]:
        for options in ("-q", "-qe", "-qh", "-qb"):
            real, demo = both(programs, postfix, "postcat", options, queue_id)
            assert demo == real
            assert demo[0] == 0


@pytest.mark.parametrize("kind", ["postfix", "short_postfix"])
def test_postfix_finds_nothing_to_mend_in_the_demos_spool(kind: str, request: pytest.FixtureRequest) -> None:
    postfix: PrivatePostfix = request.getfixturevalue(kind)
    postfix.stop()
    ids = set(write_story(postfix))
    # The structure check moves misplaced files, and renames those not named by their inode; -S checks long IDs too.
    mended = postfix.run("postsuper", "-s" if kind == "short_postfix" else "-S")
    assert mended.stderr == ""
    assert {path.name for queue in QUEUES for path in postfix.files(queue)} == ids


def test_the_demos_postqueue_says_of_a_real_queue_what_the_real_one_says(
    postfix: PrivatePostfix, world: RealWorld, programs: Path
) -> None:
    closed = Remote("closed", greeting="421 4.3.2 Go away")
    behaviours = (MAILBOX_FULL, GREYLIST, RATE_LIMITED, REFUSE, DNS_BROKEN, closed)
    for number, behaviour in enumerate(behaviours):
        world.domain(f"d{number}.test", behaviour)
    world.domain("slow.test", HANG)
    postfix.defer("a@x.test", [f"u{number}@d{number}.test" for number in range(len(behaviours))], login="joe")
    postfix.defer("", "u@d1.test", client="203.0.113.9")
    postfix.defer('"<!channel>"@x.test', '"a b\\"c"@d0.test', headers={"Subject": "<!here>"})
    postfix.active(7, "slow.test")
    held = postfix.queue("deferred")[0].queue_id
    postfix.run("postsuper", "-h", held)
    postfix.run("postsuper", "-e", postfix.queue("deferred")[0].queue_id)
    for arguments in (("postqueue", "-j"), ("postqueue", "-p"), ("postcat", "-q", held), ("postcat", "-q", "-h", held)):
        real, demo = both(programs, postfix, *arguments)
        assert demo == real
        assert demo[0] == 0
    assert len(postfix.queue()) == 10
