"""The trash and its purge on a real Postfix: what is kept, until when, and what is left of it afterwards."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from bot.agent.protocol import Selection
from bot.errors import AgentRefused
from tests.postfix.filling import Spooled, fill
from tests.postfix.hosts import agent_argv, mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import GREYLIST
from tests.postfix.test_delete import kept, trash
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")

EVERYTHING = Selection()
KEY, OTHER = "57-k3qf", "58-aaaa"


def set_retention(postfix: PrivatePostfix, value: str) -> None:
    ini = Path(agent_argv(postfix)[-1])
    ini.write_text(f"{ini.read_text()}retention = {value}\n")


async def test_the_trash_says_what_is_kept_and_until_when(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    host = mail_host(postfix)
    assert (await host.trash()).deletions == ()
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    targets = await host.select(EVERYTHING)
    await host.delete(KEY, targets[:2])
    await host.delete(OTHER, targets[2:], final=True)
    listing = await host.trash()
    assert [each.key for each in listing.deletions] == [OTHER, KEY]
    final, first = listing.deletions
    assert (first.deleted, first.kept, first.overdue, first.restored) == (2, 2, 0, 0)
    assert (
        first.bytes == listing.bytes == sum(path.stat().st_size for path in (trash(postfix) / KEY / "kept").iterdir())
    )
    assert first.until == pytest.approx(time.time() + listing.retention, abs=60)
    assert (final.final, final.deleted, final.kept, final.until) == (True, 1, 0, None)
    assert listing.messages == () and listing.free_bytes > 0
    one = await host.trash(KEY)
    assert one.messages == targets[:2]
    await host.restore(KEY, [targets[0]])
    (after,) = (await host.trash(KEY)).deletions
    assert (after.deleted, after.kept, after.restored) == (2, 1, 1)
    with pytest.raises(AgentRefused, match="There is no deletion 99-zzzz"):
        await host.trash("99-zzzz")


async def test_what_would_bounce_is_counted(postfix: PrivatePostfix, world: World) -> None:
    day = 24 * 3600
    ids = fill(postfix, [Spooled("ann@x.test", {"b@y.test": "no"}, time.time() - age * day) for age in (6, 4, 3)])
    postfix.run("postsuper", "-e", "-", stdin=f"{ids[2]}\n")
    host = mail_host(postfix)
    await host.delete(KEY, await host.select(EVERYTHING))
    (deletion,) = (await host.trash()).deletions
    assert (deletion.kept, deletion.overdue) == (3, 2)


async def test_a_purge_destroys_what_is_past_its_retention_and_forgets_the_addresses(
    postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=3)
    host = mail_host(postfix)
    targets = await host.select(EVERYTHING)
    set_retention(postfix, "0s")
    done = await host.delete(KEY, targets[:2])
    host = mail_host(postfix)  # with the retention of 7 days again
    await host.delete(OTHER, targets[2:])
    purged = await host.purge()
    assert (purged.keys, purged.messages, purged.bytes) == ((KEY,), 2, done.result.kept_bytes)
    assert not (trash(postfix) / KEY / "kept").exists()
    assert len(kept(postfix, OTHER)) == 1
    assert "ann@sender.test" not in (trash(postfix) / KEY / "journal").read_text()
    assert (await host.purge()).keys == ()
    # What became of each is still known; only the mail is gone.
    again = await host.delete(KEY, targets[:2])
    assert again.outcomes == done.outcomes
    assert (await host.restore(KEY)).result.counts == {"not_in_trash": 2}
    (_, first) = (await host.trash()).deletions
    assert (first.key, first.deleted, first.kept) == (KEY, 2, 0)
    assert first.purged == pytest.approx(time.time(), abs=60)


async def test_one_deletion_is_purged_on_purpose_and_only_once(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=2)
    host = mail_host(postfix)
    await host.delete(KEY, await host.select(EVERYTHING))
    with pytest.raises(AgentRefused, match="There is no deletion 99-zzzz on this host, so nothing was purged"):
        await host.purge("99-zzzz")
    late = await host.purge(KEY, not_after=time.time() - 1)
    assert (late.begun, len(kept(postfix))) == (False, 2)
    purged = await host.purge(KEY, not_after=time.time() + 60)
    assert (purged.keys, purged.messages) == ((KEY,), 2)
    assert await host.purge(KEY, not_after=time.time() - 1) == purged, "asked again it reports"


async def test_old_journals_are_forgotten_a_year_after_their_mail(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@sender.test", "bob@grey.test", count=1)
    host = mail_host(postfix)
    await host.delete(KEY, await host.select(EVERYTHING))
    await host.purge(KEY)
    journal = trash(postfix) / KEY / "journal"
    lines = journal.read_text().splitlines()
    lines[-1] = f'{{"purged":{time.time() - 367 * 24 * 3600}}}'
    journal.write_text("".join(f"{line}\n" for line in lines))
    await host.purge()
    assert KEY not in os.listdir(trash(postfix))  # noqa: PTH208
    assert (await host.trash()).deletions == ()
