"""The bot is killed before and after each step of a request, and the agent around each of its postsuper(1): what was
begun is finished after the next start, once, and the card says how it ended.

(The agent alone, killed between any two of its system calls: tests/postfix/test_delete_killed.py.)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from bot.approvals.model import Request, State
from bot.console.workspace import text_of
from tests.postfix.instance import PrivatePostfix
from tests.postfix.test_hold_killed import with_postsuper
from tests.postfix.waiting import eventually
from tests.slack.desk import OPAL, OPS
from tests.slack.killing import Site, site
from tests.slack.mail import check_places, check_untouched, emptied, filled, kept, unfinished
from tests.slack.nursery import Nursery

pytestmark = [pytest.mark.real("postfix"), pytest.mark.takes(300)]

FEW = {"deferred": 4, "active": 2, "hold": 2}
ALL = sum(FEW.values())

Homes = Mapping[str, str]


def around(*steps: str) -> tuple[str, ...]:
    return tuple(f"{when} {step}" for step in steps for when in ("before", "after"))


def with_the_agent(verb: str) -> tuple[str, ...]:
    return f"asking {verb}", f"hearing {verb}", f"heard {verb}"


async def ended(site: Site, moment: str) -> Request:
    """The request once it is over and told, by a bot that is the second one."""
    request = await site.over()
    await site.told()
    assert site.starts == 2, f"the first bot did not come to this moment: {moment}"
    await site.left_alone()
    return request


async def test_a_deletion_is_carried_out_once(in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path) -> None:
    steps = around("delete.ask", "delete.approve", "delete.begin", "delete.end")
    for moment in (*steps, *with_the_agent("delete")):
        home, recipients = filled(in_memory, FEW)
        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.asked("/mail delete all")
            await made.decided("request.approve")
            request = await ended(made, moment)
            assert request.result is not None and request.result.counts == {"deleted": ALL}, moment
            await made.check(request, home, recipients)
        emptied(in_memory)


async def test_a_hold_instead_is_carried_out_once(in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path) -> None:
    for moment in (*around("delete.hold", "delete.begin", "delete.end"), *with_the_agent("hold")):
        home, _ = filled(in_memory, FEW)
        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.asked("/mail delete all")
            await made.decided("request.hold", OPAL)
            request = await ended(made, moment)
            assert request.result is not None
            assert request.result.counts == {"held": 6, "already_on_hold": 2}, moment
            assert {path.name for path in in_memory.files("hold")} == set(home)
            await made.check_told(request, "Put 6 of 8 messages on hold on mx1, instead of deleting")
        emptied(in_memory)


async def test_a_final_deletion_is_carried_out_once(
    in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path
) -> None:
    for moment in (*around("final.approve", "final.begin", "final.end"), *with_the_agent("delete")):
        filled(in_memory, FEW)
        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.asked("/mail delete all --final")
            await made.decided_by_number(ALL)
            request = await ended(made, moment)
            assert request.result is not None and request.result.counts == {"deleted": ALL}, moment
            assert in_memory.queue() == []
            await made.check_told(request, f"Deleted {ALL} messages for good on mx1")
        emptied(in_memory)


async def test_a_restore_is_carried_out_once(in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path) -> None:
    for moment in (*around("restore"), *with_the_agent("restore")):
        home, recipients = filled(in_memory, FEW)
        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.asked("/mail delete all")
            await made.decided("request.approve")
            await made.over()
            await made.told()
            await made.restored()
            request = await ended(made, moment)
            (restoration,) = request.restorations
            assert sum(restoration.counts.values()) == ALL, (moment, restoration)
            assert request.left_in_trash == 0
            assert f"Restored {ALL} messages: U0OPAL" in text_of(await made.card())
            assert check_places(in_memory, home, recipients, request.key) == []
            assert [row.verb for row in await made.services.store.audit.latest(1000)].count("restore") == 1
        emptied(in_memory)


async def test_a_purge_is_carried_out_once(in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path) -> None:
    for moment in (*around("purge.begin", "purge.end"), *with_the_agent("purge")):
        filled(in_memory, FEW)
        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.asked("/mail delete all")
            await made.decided("request.approve")
            key = (await made.over()).key
            await made.told()
            await made.asked(f"/mail purge {key}")
            await made.decided_by_number(ALL)
            request = await ended(made, moment)
            assert request.result is not None and request.result.counts == {"purged": ALL}, moment
            assert (in_memory.queue(), kept(in_memory, key), unfinished(in_memory)) == ([], [], []), moment
            await made.check_told(request, f"Purged {ALL} messages from the trash on mx1")
            record = await made.services.approvals.get(1)
            assert (record.key, record.left_in_trash, record.purged_at is None) == (key, 0, False)
        emptied(in_memory)


async def test_an_expiry_is_carried_out_once(in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path) -> None:
    for moment in (*around("expire.begin", "expire.end"), *with_the_agent("expire")):
        home, recipients = filled(in_memory, FEW)
        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.asked("/mail expire all")
            await made.decided_by_number(ALL)
            request = await ended(made, moment)
            assert request.result is not None and request.result.counts == {"expired": 6, "on_hold": 2}, moment
            listing = await made.services.hosts.named("mx1").list(limit=ALL)
            assert {each.queue_id for each in listing.page if each.forced_expire} == set(home), moment
            check_places(in_memory, home, recipients)
            await made.check_told(request, f"Expired {ALL} messages on mx1")
        emptied(in_memory)


async def test_what_was_denied_stays_denied(in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path) -> None:
    home, recipients = filled(in_memory, FEW)
    for moment in around("delete.deny"):
        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.asked("/mail delete all")
            await made.decided("request.deny")
            request = await ended(made, moment)
            assert request.state is State.DENIED
            check_untouched(in_memory, home, recipients)
            headline = "Nothing was deleted on mx1. Denied by"
            await made.check_told(request, f"{headline} U0APRIL", last="deny")


async def test_what_was_cancelled_stays_cancelled(in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path) -> None:
    home, recipients = filled(in_memory, FEW)
    for moment in around("delete.cancel"):
        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.asked("/mail delete all")
            await made.decided("request.cancel", OPAL)
            request = await ended(made, moment)
            assert request.state is State.CANCELLED
            check_untouched(in_memory, home, recipients)
            (card,) = made.workspace.messages(OPS)  # whoever cancels knows it: nobody is told in a thread
            assert text_of(card).startswith("Nothing was deleted on mx1. Cancelled by U0OPAL")


async def test_what_nobody_decided_ends_with_its_time(
    in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path
) -> None:
    home, recipients = filled(in_memory, FEW)
    for moment in (*around("delete.expire"), "while no bot lives"):
        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.asked("/mail delete all")
            if moment == "while no bot lives":
                made.kill_bot()
            made.clock.turn(timedelta(minutes=31))
            request = await ended(made, moment)
            assert request.state is State.EXPIRED
            check_untouched(in_memory, home, recipients)
            await made.check_told(request, "Nothing was deleted on mx1. Nobody decided", last="expire")


async def test_a_requeue_that_nobody_saw_the_end_of_loses_nothing_and_doubles_nothing(
    in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path
) -> None:
    """It is no request: whoever sees no answer looks at the queue, and asks again."""
    for moment in (*with_the_agent("requeue"), *around("requeue")):
        _, recipients = filled(in_memory, {"deferred": 6})

        def each_once(recipients: Homes = recipients) -> bool:
            return Counter(entry.recipients[0].address for entry in in_memory.queue()) == Counter(recipients.values())

        async with site(in_memory, nursery, tmp_path / moment) as made:
            await made.start(ends=moment)
            await made.workspace.command(OPAL, OPS, "/mail requeue all")
            await eventually(lambda made=made: not made.alive, timeout=60, what=moment)  # type: ignore[misc]
            await made.left_alone()
            await eventually(each_once, timeout=90, what=f"each message is queued once: {moment}")
            assert await made.services.store.audit.verify() == ()
        emptied(in_memory)


HALF = """head -n $(($(wc -l <$IDS) / 2)) $IDS >$IDS.half
$REAL "$@" <$IDS.half
"""
KILLS = {
    "before": "kill -9 $PPID\n",
    "half way": f"{HALF}kill -9 $PPID\n",
    "after": '$REAL "$@" <$IDS\nkill -9 $PPID\n',
    "with half of it done": f"{HALF}kill -9 $$\n",  # postsuper(1) alone
    "with all of it done": '$REAL "$@" <$IDS\nkill -9 $$\n',
}


@pytest.mark.parametrize("when", ["deferred", "active", "-d"])
async def test_the_agent_or_postsuper_killed_around_each_of_its_runs(
    when: str, in_memory: PrivatePostfix, nursery: Nursery, tmp_path: Path
) -> None:
    for name, deed in KILLS.items():
        home, recipients = filled(in_memory, FEW)
        folder = tmp_path / f"postsuper killed {name}".replace(" ", "-")
        folder.mkdir()
        once = f'case " $* " in *" {when} "*) [ -e {folder}/done ] || {{ touch {folder}/done\n{deed}}} ;; esac\n'
        agent = with_postsuper(in_memory, folder, f'{once}exec $REAL "$@" <$IDS\n')
        async with site(in_memory, nursery, tmp_path / name, agent) as made:
            await made.start()
            await made.asked("/mail delete all")
            await made.decided("request.approve")
            request = await made.over()
            await made.told()
            await made.left_alone()
            assert (folder / "done").exists()
            assert request.state is State.DONE, (name, request.result)
            await made.check(request, home, recipients)
        emptied(in_memory)
