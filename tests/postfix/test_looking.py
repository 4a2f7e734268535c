"""Looking at a real Postfix through the agent: the numbers agree with `postqueue -j`; nothing is taken for empty."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable

import pytest

from bot.agent.protocol import Count
from bot.errors import AgentRefused
from bot.mailhost.host import MailHost
from bot.mailhost.link import CommandLink
from bot.mailhost.selector import parse
from tests.postfix.filling import Spooled, fill
from tests.postfix.hosts import agent_argv, mail_host
from tests.postfix.instance import Entry, PrivatePostfix
from tests.postfix.remote import GREYLIST, HANG, MAILBOX_FULL, RATE_LIMITED
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")


@pytest.fixture(params=["long IDs, hashed", "short IDs, flat"])
def filled(request: pytest.FixtureRequest, world: World) -> PrivatePostfix:
    """Mail of several senders in deferred, hold and active."""
    fixture = "postfix" if request.param.startswith("long") else "short_postfix"
    postfix: PrivatePostfix = request.getfixturevalue(fixture)
    world.domain("gmail.test", RATE_LIMITED)
    world.domain("full.test", MAILBOX_FULL)
    world.domain("slow.test", HANG)
    postfix.defer("ann@one.test", "a@gmail.test", count=4, size=3000)
    postfix.defer("ben@two.test", ["b@gmail.test", "c@full.test"], count=3)
    held = postfix.defer("news@one.test", "d@full.test", count=2, size=9000)
    postfix.run("postsuper", "-h", "-", stdin="".join(f"{each.queue_id}\n" for each in held))
    postfix.active(2, "slow.test", sender="cat@three.test")
    return postfix


async def test_the_summary_agrees_with_postqueue(filled: PrivatePostfix) -> None:
    expected = filled.queue()
    listing = await mail_host(filled).list(limit=100)
    summary = listing.summary
    assert (listing.complete, listing.mail_system_up, listing.total) == (True, True, len(expected))
    assert summary.bytes == sum(entry.message_size for entry in expected)
    assert summary.recipients == sum(len(entry.recipients) for entry in expected)
    assert {name: queue.messages for name, queue in summary.queues.items()} == Counter(
        entry.queue_name for entry in expected
    )
    assert {count.name: count.messages for count in summary.senders.top} == Counter(entry.sender for entry in expected)
    assert sum(summary.ages) == len(expected)
    assert [message.queue_id for message in listing.page] == [
        entry.queue_id for entry in sorted(expected, key=lambda entry: (entry.arrival_time, entry.queue_id))
    ]
    reasons = [count.name for count in summary.reasons.top]
    assert any("4.7.28" in reason for reason in reasons)
    assert any("4.2.2" in reason for reason in reasons)
    depth = await mail_host(filled).depth()
    assert {name: count for name, count in depth.queues.items() if count} == Counter(
        entry.queue_name for entry in expected
    )


FILTERS: tuple[tuple[str, Callable[[Entry], bool]], ...] = (
    ("all", lambda entry: True),
    ("all deferred", lambda entry: entry.queue_name == "deferred"),
    ("deferred hold", lambda entry: entry.queue_name in ("deferred", "hold")),
    ("-deferred", lambda entry: entry.queue_name != "deferred"),
    ("from:ann@one.test", lambda entry: entry.sender == "ann@one.test"),
    ("from:@ONE.test", lambda entry: entry.sender.endswith("@one.test")),
    ("from:*n@*", lambda entry: entry.sender.partition("@")[0].endswith("n")),
    ("to:@full.test -from:@one.test", lambda entry: entry.sender == "ben@two.test"),
    ('reason:"over quota"', lambda entry: any("over quota" in (each.delay_reason or "") for each in entry.recipients)),
    ("larger:2k", lambda entry: entry.message_size > 2048),
    ("smaller:2k hold", lambda entry: entry.message_size < 2048 and entry.queue_name == "hold"),
    ("older:1h", lambda entry: False),
    ("newer:1h active", lambda entry: entry.queue_name == "active"),
)


async def test_each_filter_picks_what_it_says(filled: PrivatePostfix) -> None:
    host, entries = mail_host(filled), filled.queue()
    for text, picks in FILTERS:
        selected = await host.select(parse(text).selection)
        assert {each.queue_id for each in selected} == {entry.queue_id for entry in entries if picks(entry)}, text
    one = entries[0].queue_id
    assert [each.queue_id for each in await host.select(parse(one).selection)] == [one]


async def test_show_tells_envelope_reasons_login_and_headers_and_no_body(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    world.domain("full.test", MAILBOX_FULL)
    (injected,) = postfix.defer(
        "ann@one.test", ["a@grey.test", "b@full.test"], login="ana", client="203.0.113.5", size=2000
    )
    message = await mail_host(postfix).show(injected.queue_id)
    (entry,) = postfix.queue()
    assert (message.queued.sender, message.queued.message_size) == (entry.sender, entry.message_size)
    assert {each.address: each.delay_reason for each in message.queued.recipients} == {
        each.address: each.delay_reason for each in entry.recipients
    }
    assert message.attributes["sasl_username"] == "ana"
    assert message.attributes["client_address"] == "203.0.113.5"
    assert ("Message-ID", injected.message_id) in message.headers or injected.message_id in str(message.headers)
    with pytest.raises(AgentRefused, match="There is no message"):
        await mail_host(postfix).show("4jYTY25PbJzBBBB")


async def test_logins_and_clients_pick_what_postfix_recorded_of_them(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("boss@one.test", "a@grey.test", count=2, login="eve@one.test", client="203.0.113.5")
    postfix.defer("ann@one.test", "a@grey.test", login="ann", client="203.0.113.200")
    postfix.defer("ben@one.test", "a@grey.test")
    host = mail_host(postfix)
    for text, senders in (
        ("login:EVE@one.test", ["boss@one.test"] * 2),
        ("login:*", ["ann@one.test", "boss@one.test", "boss@one.test"]),
        ("-login:*", ["ben@one.test"]),
        ("login:ann client:203.0.113.0/24", ["ann@one.test"]),
        ("client:203.0.113.0/25", ["boss@one.test"] * 2),
        ("-client:203.0.113.5 -login:ann", ["ben@one.test"]),
        ("login:eve@one.test from:ann@one.test", []),
    ):
        assert sorted(each.sender for each in await host.select(parse(text).selection)) == senders, text


async def test_a_hacked_account_is_named_with_the_listing(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("boss@one.test", "a@grey.test", count=4, login="eve", client="203.0.113.5")
    postfix.defer("boss@one.test", "a@grey.test")
    postfix.defer("ann@one.test", "a@grey.test", login="ann", client="203.0.113.6")
    behind = (await mail_host(postfix).list(behind=20)).behind
    assert behind is not None
    assert (behind.sender, behind.read, behind.logins) == ("boss@one.test", 5, (Count("eve", 4),))
    assert Count("203.0.113.5", 4) in behind.clients
    assert (await mail_host(postfix).list()).behind is None


async def test_a_stopped_postfix_still_shows_its_queue_and_says_so(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@one.test", "a@grey.test", count=3)
    host = mail_host(postfix)
    assert (await host.depth()).mail_system_up is True
    postfix.stop()
    try:
        listing = await host.list()
        assert (listing.total, listing.complete, listing.mail_system_up) == (3, True, False)
        assert (await host.info()).mail_system_up is False
        depth = await host.depth()
        assert (depth.queues["deferred"], depth.mail_system_up) == (3, False)
    finally:
        postfix.start()


async def test_an_empty_queue_is_complete_and_empty(postfix: PrivatePostfix) -> None:
    listing = await mail_host(postfix).list()
    assert (listing.total, listing.complete, listing.problem, listing.mail_system_up) == (0, True, "", True)
    assert listing.summary.oldest is None


async def test_mail_that_will_expire_tonight_is_counted_and_held_mail_is_not(postfix: PrivatePostfix) -> None:
    now, hour = time.time(), 3600
    lifetimes = {"maximal_queue_lifetime": "5d", "bounce_queue_lifetime": "5d"}
    assert {name: postfix.run("postconf", "-h", name).stdout.strip() for name in lifetimes} == lifetimes
    ages = (1, 100, 110, 119)
    reason = {"a@grey.test": "450 4.7.1 Greylisted"}
    fill(postfix, [Spooled("ann@one.test", reason, now - age * hour) for age in ages])
    fill(postfix, [Spooled("", reason, now - 118 * hour)])
    fill(postfix, [Spooled("ann@one.test", reason, now - 119 * hour, queue_name="hold")])
    summary = (await mail_host(postfix).list()).summary
    assert (summary.messages, summary.expiring) == (6, 3)
    assert summary.expires_at == int(now - 119 * hour) + 120 * hour


async def test_info_has_the_limits_that_a_queue_runs_into(postfix: PrivatePostfix) -> None:
    parameters = (await mail_host(postfix).info()).parameters
    names = ("qmgr_message_active_limit", "queue_minfree", "message_size_limit")
    assert [parameters[name] for name in names] == postfix.run("postconf", "-h", *names).stdout.split()
    for name in ("maximal_queue_lifetime", "bounce_queue_lifetime"):
        assert parameters[name] == postfix.run("postconf", "-h", name).stdout.strip()


async def test_two_instances_of_one_agent_ini_are_told_apart(
    postfix: PrivatePostfix, short_postfix: PrivatePostfix, world: World
) -> None:
    world.domain("grey.test", GREYLIST)
    postfix.defer("ann@one.test", "a@grey.test", count=1)
    short_postfix.defer("ann@one.test", "a@grey.test", count=2)
    argv = agent_argv(postfix)
    ini = postfix.config_directory.parent / "agent.ini"
    ini.write_text(f"{ini.read_text()}\n[second]\nconfig_directory = {short_postfix.config_directory}\n")
    first, second = MailHost(CommandLink("mx1", argv)), MailHost(CommandLink("mx2", argv), "second")
    assert (await first.list()).total == 1
    assert (await second.list()).total == 2
    assert (await second.info()).instances == ("default", "second")
    with pytest.raises(AgentRefused, match="no instance 'third'"):
        await MailHost(CommandLink("mx3", argv), "third").list()


def damage(postfix: PrivatePostfix) -> None:
    """Put a recipient in front of the sender of one queue file, which is what showq(8) can't bear."""
    victim = sorted(postfix.files("deferred"))[20]
    data = victim.read_bytes()
    place = data.rindex(b"S", 97, data.index(b"@one.test"))  # a queue ID in front of it may have that letter too
    victim.write_bytes(data[:place] + b"R\x0dx@example.org" + data[place:])


async def test_a_damaged_queue_file_makes_a_partial_listing(
    postfix: PrivatePostfix,
) -> None:
    fill(postfix, (Spooled(f"u{i}@one.test", {"a@grey.test": None}, 1_790_000_000 + i) for i in range(40)))
    damage(postfix)
    host = mail_host(postfix)
    listing = await host.list()
    assert not listing.complete
    assert "broke off" in listing.problem
    postfix.restart()  # master(8) waits for a minute before it starts a showq(8) again that crashed


async def test_instances_of_the_host_that_no_section_covers_are_named(
    new_postfix: Callable[..., PrivatePostfix],
) -> None:
    out = "/etc/postfix-out"
    made = new_postfix(settings={"multi_instance_directories": f"{out}, /etc/postfix-in"})
    ini = made.config_directory.parent / "agent.ini"
    argv = agent_argv(made)
    assert (await MailHost(CommandLink("mx1", argv)).info()).uncovered == (out, "/etc/postfix-in")
    ini.write_text(f"{ini.read_text()}[out]\nconfig_directory = {out}/\n")
    assert (await MailHost(CommandLink("mx1", argv)).info()).uncovered == ("/etc/postfix-in",)
