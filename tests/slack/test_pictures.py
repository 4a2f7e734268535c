"""Whatever becomes of an upload: the card is there once, with its picture if that can be, which is uploaded once."""

from __future__ import annotations

import os
import random
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from bot.console.workspace import Message, Workspace, faults, text_of
from bot.console.workspace.faults import Fault
from bot.services import Services
from bot.store.memory import forget_releases
from bot.store.outbox import Told
from handlers.blocks.kit import Card, Picture, card, context
from handlers.blocks.rich import say
from handlers.pictures import PATIENCE, refused
from tests.slack.board import Board, board
from tests.slack.conftest import SmallHost
from tests.slack.desk import LOUNGE, desk, host

OPS = "C0OPS"
SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
SIGNATURE = b"\x89PNG\r\n\x1a\n"
ADDRESS, UPLOAD, COMPLETE = "files.getUploadURLExternal", "upload", "files.completeUploadExternal"
BAD = (
    faults.server_error(500),
    faults.server_error(503, applied=True),
    faults.rate_limited(2),
    faults.no_answer(),
    faults.no_answer(applied=False),
    faults.reset(),
    faults.reset(applied=True),
    faults.refused("internal_error"),
)


class Painter:
    """Renders cards with a picture; what it paints can be changed, and be impossible."""

    def __init__(self) -> None:
        self.painting = b"a day"
        self.painted = 0

    async def render(self, _: Services, subject: str) -> Card | None:
        return card(
            text := f"day {subject}",
            say(text),
            picture=Picture("day.png", f"The queue of day {subject}", self.paint),
            last=(context("the end"),),
        )

    async def paint(self) -> bytes:
        self.painted += 1
        if not self.painting:
            raise ZeroDivisionError("no paint")
        return SIGNATURE + self.painting


@pytest.fixture
def painter() -> Painter:
    return Painter()


@pytest.fixture
async def told(tmp_path: Path, painter: Painter) -> AsyncIterator[Board]:
    async with board(tmp_path, OPS) as made:
        made.renders["day"] = painter.render
        await made.begin()
        yield made


async def tell(told: Board, subject: str = "1") -> None:
    async with told.services.store.transaction() as transaction:
        await transaction.tell(Told(told.workspace.team_id, OPS, "day", subject))


async def said(told: Board, subject: str = "1") -> Message:
    """The card's one message, once all is said."""
    await told.all_said()
    (message,) = [each for each in told.messages(OPS) if each.text == f"day {subject}"]
    return message


def shown(message: Message) -> list[str]:
    """The files that it shows."""
    return [block["slack_file"]["id"] for block in message.blocks if block["type"] == "image"]


def posts(workspace: Workspace) -> int:
    return sum(call.method == "chat.postMessage" for call in workspace.calls)


async def test_the_picture_stands_before_the_end_with_its_words_and_an_edit_shows_the_same_file(told: Board) -> None:
    for _ in range(3):
        await tell(told)
        message = await said(told)
    assert [block["type"] for block in message.blocks] == ["rich_text", "image", "context"]
    assert message.blocks[1]["alt_text"] == "The queue of day 1"
    (file,) = told.workspace.files
    assert shown(message) == [file.id]
    assert (file.content, file.name, file.channels) == (SIGNATURE + b"a day", "day.png", [])
    assert posts(told.workspace) == 1 and len(told.workspace.revisions(message)) == 3


async def test_another_picture_is_another_file(told: Board, painter: Painter) -> None:
    await tell(told)
    first = shown(await said(told))
    painter.painting = b"another day"
    await tell(told)
    second = shown(await said(told))
    assert first + second == [file.id for file in told.workspace.files]


@pytest.mark.parametrize("fault", BAD, ids=lambda fault: f"{fault.name}{' applied' if fault.applied else ''}")
@pytest.mark.parametrize("method", [ADDRESS, UPLOAD, COMPLETE, "chat.postMessage"])
async def test_one_bad_moment_costs_neither_card_nor_picture_and_doubles_none(
    told: Board, method: str, fault: Fault
) -> None:
    told.workspace.faults.add(method, fault, times=1)
    await tell(told)
    message = await said(told)
    (file,) = told.workspace.files
    assert shown(message) == [file.id]
    assert told.workspace.faults.met(method) == 1


async def test_a_file_that_slack_still_processes_is_waited_for(told: Board) -> None:
    told.workspace.process_files_for(10)
    await tell(told)
    message = await said(told)
    (file,) = told.workspace.files
    assert shown(message) == [file.id]
    assert posts(told.workspace) > 1, "the first attempts were refused"


async def test_one_that_is_never_ready_is_not_waited_for_for_ever(
    told: Board, caplog: pytest.LogCaptureFixture
) -> None:
    told.workspace.process_files_for(10 * PATIENCE.total_seconds())
    await tell(told)
    message = await said(told)
    assert shown(message) == [] and len(told.workspace.files) == 1
    assert "The picture is missing: Slack has not got it ready in time." in text_of(message)
    assert "Slack has not got it ready in time" in caplog.text
    before = posts(told.workspace)
    await tell(told)
    await said(told)
    assert posts(told.workspace) == before, "an edit does not wait again"


async def test_a_file_that_somebody_deleted_is_uploaded_anew_when_its_card_changes(told: Board) -> None:
    await tell(told)
    (first,) = shown(await said(told))
    del told.workspace.state.files[first]
    await tell(told)
    (second,) = shown(await said(told))
    assert second != first
    assert posts(told.workspace) == 1


async def test_a_message_that_was_taken_without_an_answer_is_still_found_when_its_file_is_gone(told: Board) -> None:
    told.workspace.faults.add("chat.postMessage", faults.no_answer(), times=1)
    await tell(told)
    await told.workspace.wait(lambda: told.messages(OPS))
    told.workspace.state.files.clear()
    await said(told)
    assert posts(told.workspace) == 1


async def test_a_completion_that_never_arrived_is_made_up_for(told: Board) -> None:
    """Slack knows nothing of the file any more, though it had taken the bytes."""
    told.workspace.faults.add(COMPLETE, faults.no_answer(applied=False), times=1)
    await tell(told)
    await told.workspace.wait(lambda: any(call.method == COMPLETE for call in told.workspace.calls))
    told.workspace.state.files.clear()
    message = await said(told)
    (file,) = told.workspace.files
    assert shown(message) == [file.id]


async def test_another_process_goes_on_with_the_file_that_is_there(told: Board) -> None:
    told.workspace.faults.add("chat.postMessage", faults.refused("not_in_channel"), times=1)
    await tell(told)
    await told.workspace.wait(lambda: posts(told.workspace) == 1)
    await told.end()
    await told.begin()
    message = await said(told)
    (file,) = told.workspace.files
    assert shown(message) == [file.id]


async def test_when_uploads_fail_on_and_on_the_card_goes_without(told: Board) -> None:
    told.workspace.faults.add(UPLOAD, faults.server_error(500))
    await tell(told)
    message = await said(told)
    assert shown(message) == []
    assert "The picture is missing: Slack did not take its file (HTTP status 500)." in text_of(message)
    told.workspace.faults.clear()
    await tell(told)
    assert len(shown(await said(told))) == 1, "with the next change it is there"


@pytest.mark.parametrize("error", ["missing_scope", "file_uploads_disabled", "no_such_word"])
async def test_a_lasting_refusal_is_told_once_and_tried_again_when_it_may_have_been_mended(
    told: Board, error: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.pictures.AGAIN", timedelta(seconds=300))
    told.workspace.faults.add(ADDRESS, faults.refused(error))
    for subject in ("1", "2", "3"):
        await tell(told, subject)
        message = await said(told, subject)
        assert shown(message) == []
        assert f"The picture is missing: Slack did not take its file ({error})." in text_of(message)
    assert caplog.text.count("cards go without their pictures") == 1
    assert sum(call.method == ADDRESS for call in told.workspace.calls) == 1
    told.workspace.faults.clear()
    await told.clock.sleep(300)
    await tell(told, "1")
    assert len(shown(await said(told, "1"))) == 1


async def test_why_pictures_are_missing_is_known_until_slack_takes_one(told: Board) -> None:
    told.workspace.faults.add(ADDRESS, faults.refused("missing_scope"))
    await tell(told)
    await said(told)
    store, team = told.services.store, told.workspace.team_id
    assert await refused(store, team) == "missing_scope"
    async with store.transaction() as transaction:
        await forget_releases(transaction, told.clock.now() + timedelta(days=60))
    assert await refused(store, team) == "missing_scope"
    told.workspace.faults.clear()
    await told.kill()
    await told.begin()
    await tell(told)
    await said(told)
    assert await refused(told.services.store, team) == ""


@pytest.mark.parametrize("seed", range(50 if SOAK else 4))
async def test_any_mixture_of_faults_and_restarts_leaves_each_card_once_with_its_newest_picture(
    told: Board, painter: Painter, seed: int
) -> None:
    chance = random.Random(seed)
    methods = (ADDRESS, UPLOAD, COMPLETE, "chat.*", "conversations.*", "auth.test")
    told.workspace.process_files_for(3)
    for number in range(25):
        deed = chance.choices(["tell", "paint", "fault", "kill", "wait"], [6, 2, 6, 2, 4])[0]
        if deed == "tell":
            await tell(told, chance.choice("12"))
        elif deed == "paint":
            painter.painting = f"day {number}".encode()
        elif deed == "fault":
            told.workspace.faults.add(chance.choice(methods), chance.choice(BAD), times=chance.randint(1, 2))
        elif deed == "kill":
            await told.kill()
            await told.begin()
        else:
            await told.clock.sleep(chance.uniform(0, 10))
    told.workspace.faults.clear()
    await told.kill()
    await told.begin()
    for subject in "12":
        await tell(told, subject)
        (name,) = shown(await said(told, subject))
        assert told.workspace.file(name).content == SIGNATURE + painter.painting


async def test_a_picture_that_cannot_be_drawn_keeps_no_card_back(
    told: Board, painter: Painter, caplog: pytest.LogCaptureFixture
) -> None:
    painter.painting = b""
    await tell(told)
    message = await said(told)
    assert "The picture is missing: it could not be drawn, reference " in text_of(message)
    reference = text_of(message).partition("reference ")[2].split()[0]
    assert f"reference {reference}: the picture of day 1 can't be drawn" in caplog.text
    assert "no paint" in caplog.text


async def test_status_says_why_cards_have_no_pictures_until_they_have(
    small: SmallHost, painter: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.app.OUTBOX", {"day": painter.render})
    monkeypatch.setattr("handlers.pictures.AGAIN", timedelta())
    async with desk([host(small.name, small.ini)]) as ops:

        async def day(subject: str) -> None:
            async with ops.services.store.transaction() as transaction:
                await transaction.tell(Told(ops.workspace.team_id, LOUNGE, "day", subject))
            await ops.services.background.idle()

        assert "without their pictures" not in await ops.say("/mail status")
        ops.workspace.scopes.discard("files:write")
        await day("1")
        assert (
            "Cards are posted without their pictures: Slack does not take the files (missing_scope). "
            "Reinstall the app from its manifest." in await ops.say("/mail status")
        )
        ops.workspace.scopes.add("files:write")
        await day("2")
        assert len(shown(ops.workspace.last(LOUNGE))) == 1
        assert "without their pictures" not in await ops.say("/mail status")
