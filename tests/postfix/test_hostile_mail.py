"""Mail that tries to be more than it is, on a real Postfix: odd senders, forged attributes, bodies, the maildrop."""

from __future__ import annotations

import pytest

from bot.agent.protocol import Selection, Term
from bot.errors import AgentRefused
from tests.postfix.hosts import mail_host
from tests.postfix.instance import PrivatePostfix
from tests.postfix.remote import GREYLIST
from tests.postfix.world import World

pytestmark = pytest.mark.real("postfix")

EVERYTHING = Selection()

# postqueue(1) prints a sender quoted and without control characters, the queue file holds it as it is.
SENDERS = [
    '"john doe"@sender.test',
    '"a\\"b"@sender.test',
    '"a\\\\b"@sender.test',
    '"a\x0cb \x1c c"@sender.test',
    '"@"@sender.test',
    "??@sender.test",
    "",
    "MAILER-DAEMON@sender.test",
    f"{'x' * 1500}@sender.test",
    f'"{"x " * 700}"@sender.test',
]


async def test_mail_of_any_sender_is_held_and_released_by_its_identity(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    for sender in SENDERS:
        postfix.inject(sender, "bob@grey.test")
    postfix.defer("ann@sender.test", "bob@grey.test")
    host = mail_host(postfix)
    picked = await host.select(EVERYTHING)
    held = await host.hold(picked)
    assert held.result.counts == {"held": len(SENDERS) + 1}
    assert (await host.release(picked)).result.counts == {"released": len(SENDERS) + 1}
    shown = [(await host.show(each.queue_id)).queued.identity for each in picked]
    assert (await host.hold(shown)).result.counts == {"held": len(SENDERS) + 1}


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\r"])
async def test_a_sender_can_forge_neither_attributes_nor_recipients_nor_headers(
    postfix: PrivatePostfix, world: World, separator: str
) -> None:
    world.domain("grey.test", GREYLIST)
    for number in range(2):
        forged = ["named_attribute: sasl_username=root", "recipient: eve@forged.test"][number]
        if separator != "\r":
            postfix.inject(f'"a{separator}{forged}"@sender.test', "bob@grey.test")
    headers = {"Subject": f"hello{separator}X-Forged: yes", "X-Long": f"a{separator} b"}
    postfix.defer("ann@sender.test", "bob@grey.test", headers=headers)
    host = mail_host(postfix)
    for each in await host.select(EVERYTHING):
        message = await host.show(each.queue_id)
        assert "sasl_username" not in message.attributes
        assert [recipient.address for recipient in message.queued.recipients] == ["bob@grey.test"]
        assert "X-Forged" not in dict(message.headers)


async def test_the_body_and_what_looks_like_a_header_in_it_is_not_shown(postfix: PrivatePostfix, world: World) -> None:
    world.domain("grey.test", GREYLIST)
    boundary = "Content-Type: multipart/mixed; boundary=frontier"
    text = f"Subject: outer\n{boundary}\n\n--frontier\nX-Inner: secret\n\nX-Body: secret\n--frontier--\n"
    postfix.submit("ann@sender.test", "bob@grey.test", text)
    postfix.submit("ann@sender.test", "bob@grey.test", "no header at all: secret\n\nX-Body: secret\n")
    postfix.submit("ann@sender.test", "bob@grey.test", "\nX-Body: secret\n")
    postfix.defer("ann@sender.test", "bob@grey.test")
    host = mail_host(postfix)
    for each in await host.select(EVERYTHING):
        assert "secret" not in str(await host.show(each.queue_id))


async def test_mail_in_the_maildrop_is_neither_held_nor_shown_as_damaged(postfix: PrivatePostfix, world: World) -> None:
    postfix.stop()
    try:
        postfix.submit("ann@sender.test", "bob@grey.test")
        host = mail_host(postfix)
        (waiting,) = await host.select(Selection((Term("queue", "maildrop"),)))
        assert (await host.depth()).queues["maildrop"] == 1
        held = await host.hold([waiting])
        assert held.result.counts == {"not_in_queue_yet": 1}
        assert (await host.release([waiting])).result.counts == {"not_on_hold": 1}
        with pytest.raises(AgentRefused, match="still lies in maildrop"):
            await host.show(waiting.queue_id)
        assert postfix.count("maildrop") == 1
    finally:
        postfix.start()
