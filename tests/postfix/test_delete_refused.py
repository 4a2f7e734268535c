"""What cannot be kept is not deleted: a full disk, a trash folder elsewhere, a pipe that is closed, mail that moves."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from bot.agent.protocol import Selection, Term
from bot.errors import AgentFault
from tests.agent.standin import request
from tests.postfix.filling import Spooled, fill
from tests.postfix.hosts import agent_argv, mail_host
from tests.postfix.instance import MEMORY, PrivatePostfix, own
from tests.postfix.remote import GREYLIST
from tests.postfix.stopped import StoppedPostfix, counts, some
from tests.postfix.test_delete import KEY, kept
from tests.postfix.test_hold_killed import half_then_kill, lines, started, with_postsuper
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")

EVERYTHING = Selection()
ON_HOLD = Selection((Term("queue", "hold"),))


@pytest.mark.takes(900)
def test_on_a_full_disk_nothing_is_deleted_and_everything_is_let_go(stopped: StoppedPostfix) -> None:
    key = stopped.key()
    steps = stopped.agents.steps(stopped.delete(key))
    stopped.agents.ask(request("restore", key=key))
    stopped.all_back()
    for full in some(steps, 16, "full disk"):
        key = stopped.key()
        answer = stopped.agents.ask_with_a_full_disk(stopped.delete(key), full)
        if answer.last["event"] == "done" and answer.result["not_kept"]:
            assert "No space left on device" in answer.result["not_kept"]
            assert counts(answer) == {"failed": len(stopped.home)}, full
            stopped.all_back()
            # Asked again when there is room, a key that was given up is still given up; one that never began is free.
            again = stopped.agents.ask(stopped.delete(key))
            assert counts(again) in ({"failed": len(stopped.home)}, {"deleted": len(stopped.home)}), full
        else:
            # It was full once deleting had begun: what is known by then stands in the journal.
            assert all(stopped.places().values())
            assert counts(stopped.agents.ask(stopped.delete(key))) == {"deleted": len(stopped.home)}, full
        stopped.agents.ask(request("restore", key=key))
        stopped.all_back()
        assert stopped.unfinished() == []


@pytest.fixture
def elsewhere(postfix: PrivatePostfix) -> Iterator[Path]:
    """A trash folder on a file system of its own."""
    folder = MEMORY / postfix.name
    folder.mkdir(mode=0o700)
    own(folder)
    yield folder
    shutil.rmtree(folder)


def keep_in(postfix: PrivatePostfix, folder: Path) -> None:
    ini = Path(agent_argv(postfix)[-1])
    ini.write_text(f"{ini.read_text()}trash = {folder}\n")


async def test_a_trash_folder_on_another_file_system_is_refused_before_anything_is_held(
    postfix: PrivatePostfix, world: World, elsewhere: Path
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=2)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    keep_in(postfix, elsewhere)
    done = await host.delete(KEY, targets)
    assert "cross-device" in done.result.not_kept
    assert done.result.counts == {"failed": 2}
    assert postfix.count("deferred") == 2
    assert not (elsewhere / KEY).exists()
    # The final form needs no room for the mail.
    assert (await host.delete(KEY, targets, final=True)).result.counts == {"deleted": 2}


@pytest.mark.parametrize("final", [False, True])
async def test_a_trash_path_that_is_no_folder_is_told_and_nothing_is_deleted(
    final: bool, postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=2)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    file = postfix.queue_directory / "maildesk-trash"
    file.write_text("no folder\n")
    done = await host.delete(KEY, targets, final=final)
    assert f"{file} can't be used (Not a directory)" in done.result.not_kept
    assert f"ls -ld {file}" in done.result.not_kept
    assert done.result.counts == {"failed": 2}
    assert postfix.count("deferred") == 2
    assert file.read_text() == "no folder\n"
    for change in (lambda: host.hold(targets), lambda: host.restore(KEY), lambda: host.delete(KEY, ())):
        with pytest.raises(AgentFault, match=r"can't be used \(Not a directory\)"):
            await change()
    info = await host.info()
    assert (info.trash_bytes, info.unfinished) == (None, ())
    # Once it is mended, the same request is carried out.
    file.unlink()
    assert (await host.delete(KEY, targets, final=final)).result.counts == {"deleted": 2}


async def test_a_lock_that_can_not_be_opened_is_told_and_nothing_is_changed(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=1)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    lock = postfix.queue_directory / "maildesk-trash" / "lock"
    lock.mkdir(parents=True)
    lock.parent.chmod(0o700)
    with pytest.raises(AgentFault, match=r"lock can't be opened \(Is a directory\), so nothing was changed"):
        await host.delete(KEY, targets)
    assert postfix.count("deferred") == 1


def deaf(argv: Sequence[str], asked: bytes) -> None:
    """Have the agent carry this out for somebody who hangs up after its first word."""
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    process.stdin.write(asked)
    process.stdin.close()
    process.stdout.readline()
    process.stdout.close()
    process.wait()


async def test_a_pipe_that_is_closed_in_the_middle_does_not_stop_a_deletion(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    fill(postfix, [Spooled("ann@x.test", {"bob@grey.test": "450 no"}, 1_700_000_000.0 + n) for n in range(300)])
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    deaf(agent_argv(postfix), request("delete", lines(targets), key=KEY))
    assert (await host.delete(KEY, targets)).result.counts == {"deleted": 300}
    assert len(kept(postfix)) == 300


async def test_two_deletions_of_the_same_message_delete_it_once(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=4)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    argv = with_postsuper(postfix, tmp_path, half_then_kill("-d"))
    assert started(argv, request("delete", lines(targets), key=KEY)).wait() == -signal.SIGKILL
    host = mail_host(postfix)
    assert (await host.info()).unfinished == (KEY,)
    other = await host.delete("58-aaaa", targets)
    assert other.result.counts == {"in_other_deletion": 4}
    assert (await host.delete(KEY, targets)).result.counts == {"deleted": 4}
    assert (await host.delete("59-bbbb", targets)).result.counts == {"gone": 4}
    assert len(kept(postfix)) == 4


def before(when: str, script: str) -> str:
    """This script of sh(1), before the call of postsuper(1) that has this among its arguments."""
    return f"""case " $* " in *" {when} "*) {script} ;; esac
exec $REAL "$@" <$IDS
"""


async def test_a_queue_id_that_is_given_to_another_message_at_the_last_moment_is_let_go(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=1)
    host = mail_host(postfix)
    (target,) = await host.select(EVERYTHING)
    (path,) = postfix.files("deferred")
    fill(postfix, [Spooled("eve@x.test", {"bob@grey.test": "450 no"}, 1_700_000_000.0)])
    (other,) = [each for each in postfix.files("deferred") if each != path]
    with_postsuper(postfix, tmp_path, before("incoming", f"mv {other} {path} 2>/dev/null"))
    done = await host.delete(KEY, [target])
    assert done.result.counts == {"changed": 1}
    assert [(entry.queue_name, entry.sender) for entry in postfix.queue()] == [("deferred", "eve@x.test")]
    assert not kept(postfix)
    assert (await host.info()).unfinished == ()


async def test_mail_that_is_released_meanwhile_stays_in_the_queue(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    release = f"head -n 1 $IDS | $REAL -c {postfix.config_directory} -H - 2>/dev/null"
    with_postsuper(postfix, tmp_path, before("-d", release))
    done = await host.delete(KEY, targets)
    assert done.result.counts == {"released_meanwhile": 1, "deleted": 2}
    assert [entry.queue_name for entry in postfix.queue()] == ["deferred"]
    assert len(kept(postfix)) == 2


async def test_what_postsuper_does_not_delete_is_let_go_again(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    with_postsuper(postfix, tmp_path, before("-d", "echo 'postsuper: fatal: no' >&2; exit 1"))
    done = await host.delete(KEY, targets)
    assert [(outcome.outcome, outcome.detail) for outcome in done.outcomes] == [("failed", "postsuper: fatal: no")] * 3
    assert postfix.count("deferred") == 3 and not kept(postfix)
    assert os.listdir(postfix.queue_directory / "maildesk-trash" / "unfinished") == []  # noqa: PTH208


async def test_mail_that_was_renamed_while_the_deletion_was_dead_is_let_go_and_named(
    postfix: PrivatePostfix, world: World, tmp_path: Path
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=2)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    argv = with_postsuper(postfix, tmp_path, before("-d", "kill -9 $PPID; exit 1"))
    assert started(argv, request("delete", lines(targets), key=KEY)).wait() == -signal.SIGKILL
    # As `postsuper -s` does at the next start, when enable_long_queue_ids was turned off.
    held = postfix.queue_directory / "hold" / targets[0].queue_id
    held.rename(held.with_name("ABCDEF0123"))
    done = await mail_host(postfix).delete(KEY, targets)
    assert [(each.outcome, each.detail) for each in done.outcomes] == [
        ("failed", "renamed ABCDEF0123"),
        ("deleted", ""),
    ]
    assert kept(postfix) == {targets[1].queue_id}
    assert postfix.count("hold") == 0, "it is in the maildrop, for pickup(8) to take in"
