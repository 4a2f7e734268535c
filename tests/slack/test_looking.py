"""`/mail status`, `queue` and `show`, from Slack to the spool and back."""

import pytest

from bot.console.workspace import Message, controls, live, text_of
from bot.demo.mail import Mail
from bot.mailhost.host import MailHost
from bot.mailhost.link import link_to
from bot.settings import HostSettings
from tests.slack.conftest import DEAD, FINE, SmallHost
from tests.slack.desk import OPAL, OPS, VIC, Desk, host
from tests.slack.desk import desk as serving


def options(message: Message) -> list[str]:
    return [option.value for control in controls(message) for option in control.options]


def labels(message: Message) -> list[str]:
    return [control.label for control in controls(message)]


async def test_status_is_told_in_the_channel_and_agrees_with_postqueue(ops: Desk, small: SmallHost) -> None:
    (card,) = await ops.type("/mail status", VIC)
    words = text_of(card)
    assert card.ephemeral_to == ""
    assert words.startswith("🟢 mx1 is well. 16 messages are queued: 15 deferred and 1 on hold.\nPostfix ")
    assert f"deferred {small.count('deferred')} · active 0 · incoming 0 · hold {small.count('hold')}" in words
    assert "12 (75 %)  n…@shop.test" in words
    assert "12 (75 %)  dead.test" in words
    assert "news@" not in words
    assert "Asked by U0VIC" in words


async def test_refresh_edits_the_card_in_place_with_a_new_block_id(ops: Desk, small: SmallHost) -> None:
    (card,) = await ops.type("/mail status")
    small.add(Mail("late@home.test", ("bob@ok.test",), "Late", 1_700_000_000))
    (fresh,) = await ops.press(card, "Refresh")
    assert (fresh.ts, fresh.revision) == (card.ts, 1)
    assert "16 deferred" in text_of(fresh)
    assert {control.block_id for control in controls(fresh)} != {control.block_id for control in controls(card)}


async def test_a_stopped_postfix_is_said_first_and_the_queue_is_still_shown(ops: Desk, small: SmallHost) -> None:
    small.instance.stop()
    words = text_of((await ops.type("/mail status"))[0])
    assert words.startswith("🔴 mx1: Postfix is down: no mail comes in and none goes out.\n")
    assert "deferred 15 · active 0 · incoming 0 · hold 1" in words


async def test_several_hosts_are_a_line_each_and_a_dead_one_is_shown_as_such(small: SmallHost) -> None:
    dead = host("mx2", small.ini.parent / "missing.ini")
    async with serving([host("mx1", small.ini), dead]) as ops:
        (card,) = await ops.type("/mail status")
        first, known, second = text_of(card).splitlines()[1:4]
        assert first.startswith(("🔴 mx2", "⚪ mx2"))
        assert known == "Nothing has been seen of it yet."
        assert second.startswith("🟢 mx1 is well.")
        (whole,) = await ops.press(card, "status.host", "mx1")
        assert text_of(whole).startswith("🟢 mx1 is well.")
        (fresh,) = await ops.press(card, "Refresh")
        assert (fresh.ts, fresh.revision) == (card.ts, 1)


async def test_a_group_is_looked_at_together_and_its_card_stays_its_own(small: SmallHost) -> None:
    there = {name: HostSettings(name, ini=str(small.ini)) for name in ("a", "b", "c")}
    hosts = [MailHost(link_to(settings), "mx1") for settings in there.values()]
    async with serving(hosts, groups={"a": ("eu",), "b": ("eu",)}) as ops:
        (card,) = await ops.type("/mail status @eu")
        assert text_of(card).startswith("@eu: 2 mail hosts, all well.\n")
        assert options(card)[:2] == ["a", "b"]
        (fresh,) = await ops.press(card, "Refresh")
        assert fresh.ts == card.ts
        assert text_of(fresh).startswith("@eu: 2 mail hosts, all well.\n")
        assert "One mail host at a time" in await ops.say("/mail queue @eu")
        assert "There is no group of mail hosts '@us'. You can say: @eu" in await ops.say("/mail status @us")


async def test_the_queue_is_for_the_asker_alone_page_by_page(ops: Desk, small: SmallHost) -> None:
    (first,) = await ops.type("/mail queue")
    assert first.ephemeral_to == OPAL
    assert text_of(first).splitlines()[0] == "mx1: 1–10 of 16, oldest first"
    assert labels(first) == ["Next", "Message …"]
    (second,) = await ops.press(first, "Next")
    assert second.ts == first.ts, "the page is turned in place"
    assert text_of(second).splitlines()[0] == "mx1: 11–16 of 16, oldest first"
    assert set(options(first)) | set(options(second)) == set(small.queue())
    assert not set(options(first)) & set(options(second))
    (again,) = await ops.press(second, "Previous")
    assert options(again) == options(first)


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("", 16),
        ("all", 16),
        ("mx1 hold", 1),
        ("deferred from:@home.test", FINE),
        ("from:news@shop.test older:30m", DEAD),
        ("to:@dead.test -from:@home.test", DEAD),
        ("newer:30m", FINE + 1),
        ("larger:1k from:news@shop.test sort:size", DEAD),
        ("reason:“name service error”", DEAD),
        ("deferred\u00a0from:<mailto:news@shop.test|news@shop.test>", DEAD),
    ],
)
async def test_a_selector_picks_what_it_says(ops: Desk, words: str, count: int) -> None:
    shown = (await ops.say(f"/mail queue {words}")).splitlines()[0]
    assert f"of {count}," in shown


async def test_the_queue_is_sorted_as_asked(ops: Desk, small: SmallHost) -> None:
    (by_size,) = await ops.type("/mail queue from:news@shop.test sort:size")
    assert options(by_size) == small.dead[:-11:-1]
    (by_sender,) = await ops.type("/mail queue sort:sender")
    assert options(by_sender)[: FINE + 1][:FINE] == small.fine


async def test_a_message_chosen_from_the_page_is_shown_whole(ops: Desk, small: SmallHost) -> None:
    (page,) = await ops.type("/mail queue from:jane0@home.test")
    (shown,) = await ops.press(page, "queue.message", small.fine[0])
    words = text_of(shown)
    assert shown.ephemeral_to == OPAL
    assert shown.ts != page.ts, "the page stays"
    assert f"{small.fine[0]} on mx1: deferred, " in words
    assert "From: jane0@home.test" in words
    assert "Login: jane" in words
    assert "Subject: Hello" in words
    assert "see you tomorrow" not in words, "never the body"
    assert labels(shown) == ["Flush", "Hold"]


async def test_show_tells_each_recipient_with_its_reason(ops: Desk, small: SmallHost) -> None:
    words = await ops.say(f"/mail show {small.dead[0]}")
    assert "user0@dead.test: " in words
    assert "dead.test" in words.split("user0@dead.test: ")[1].splitlines()[0]


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("/mail show", "Which message?"),
        ("/mail show XYZ", "“XYZ” is not a queue ID."),
        ("/mail show 4VbXm8dz3kzJ1Q", "There is no message 4VbXm8dz3kzJ1Q"),
        ("/mail queue frm:x", "frm:x"),
        ("/mail queue sort:colour", "can't be sorted by “colour”"),
        ("/mail queue site:ok.test", "site: is for a flush only"),
        ("/mail status mx9", "There is no mail host named 'mx9'"),
        ("/mail status mx1 mx1", "One mail host at a time: /mail status mx1"),
        ("/mail staus", "Did you mean /mail status?"),
        ("/mail mailq", "Did you mean /mail queue?"),
    ],
)
async def test_a_mistake_is_answered_to_its_maker_alone(ops: Desk, text: str, answer: str) -> None:
    (message,) = await ops.type(text, VIC)
    assert message.ephemeral_to == VIC
    assert answer in text_of(message)


async def test_hostile_mail_has_no_effect_in_slack(ops: Desk, small: SmallHost) -> None:
    hostile = '"<!channel> *b* `c` <https://evil.test|bank>"@evil.test'
    queue_id = small.add(
        Mail(hostile.replace('"', ""), ("<!here>@ok.test",), "<!everyone> \x1b[31m \u202e", 1_700_000_000)
    )
    (page,) = await ops.type("/mail queue")
    (shown,) = await ops.type(f"/mail show {queue_id}")
    (status,) = await ops.type("/mail status")
    assert [live(message) for message in (page, shown)] == [[], []]
    assert live(status) == [f"<{OPAL}>"]
    assert "<!everyone>" in text_of(shown)
    assert "\x1b" not in text_of(shown)


async def test_a_queue_that_moved_on_leads_back_to_its_first_page(ops: Desk, small: SmallHost) -> None:
    (page,) = await ops.type("/mail queue deferred")
    await ops.type("/mail hold from:@home.test")
    await ops.type(f"/mail hold {' '.join(small.dead[:2])}")
    (empty,) = await ops.press(page, "Next")
    assert "This page is empty now" in text_of(empty)
    (first,) = await ops.press(empty, "First page")
    assert "1–10 of 10" in text_of(first)


async def test_everything_has_a_text_for_notifications_and_screen_readers(ops: Desk, small: SmallHost) -> None:
    for text in ("", "help", "help flush", "status", "queue", f"show {small.dead[0]}", "flush site:ok.test", "hold"):
        for message in await ops.type(f"/mail {text}"):
            assert message.text.strip()
    assert all(
        call.arguments.get("unfurl_links") is False for call in ops.workspace.calls if call.method.startswith("chat.p")
    )


async def test_nothing_is_said_in_the_channel_that_is_for_one_person_alone(ops: Desk, small: SmallHost) -> None:
    for text in ("", "queue", f"show {small.dead[0]}", "hold", "nonsense"):
        await ops.type(f"/mail {text}")
    assert ops.workspace.messages(OPS) == []
