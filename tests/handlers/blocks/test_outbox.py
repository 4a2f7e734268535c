"""The lines that say what Slack does not have yet."""

from datetime import UTC, datetime, timedelta

from bot.store.outbox import Backlog, FailedItem
from handlers.blocks.outbox import pictureless, undelivered

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def failed(*errors: str) -> Backlog:
    return Backlog(0, None, tuple(FailedItem("request", str(n), error, NOW) for n, error in enumerate(errors)))


def test_while_all_is_well_nothing_is_said() -> None:
    assert undelivered(Backlog(0, None, ()), NOW) == []
    assert undelivered(Backlog(3, NOW - timedelta(seconds=20), ()), NOW) == []


def test_each_reason_is_told_once_with_what_to_do_about_it() -> None:
    backlog = failed("is_archived in C0OLD", "not_in_channel in C0OPS", "not_in_channel in C0OPS")
    assert undelivered(backlog, NOW) == [
        "2 messages could not be posted: not_in_channel in C0OPS. Type /invite and the bot's name there.",
        "1 message could not be posted: is_archived in C0OLD. The channel is archived.",
    ]


def test_a_post_whose_end_is_not_known_is_not_called_missing() -> None:
    (line,) = undelivered(failed("conversations.history: missing_scope in C0OPS"), NOW)
    assert line == (
        "1 message could not be posted: conversations.history: missing_scope in C0OPS. It may be there or not: the bot "
        "can't read the channel's history, and does not post twice. Reinstall the app from its manifest."
    )


def test_many_reasons_are_cut_and_a_strange_one_is_told_as_it_is() -> None:
    lines = undelivered(failed(*(f"reason_{number} in C0OPS" for number in range(7))), NOW)
    assert len(lines) == 6
    assert lines[0] == "1 message could not be posted: reason_0 in C0OPS."
    assert lines[-1] == "2 messages could not be posted for other reasons: see the bot's log."


def test_what_has_waited_long_is_told() -> None:
    (line,) = undelivered(Backlog(2, NOW - timedelta(minutes=5), ()), NOW)
    assert line == "2 messages wait to be posted, the oldest for 5 min; the bot goes on trying."


def test_why_cards_have_no_pictures_is_told_with_what_to_do() -> None:
    said = "Cards are posted without their pictures: Slack does not take the files"
    assert pictureless("") == []
    assert pictureless("missing_scope") == [f"{said} (missing_scope). Reinstall the app from its manifest."]
    assert pictureless("no_such_word") == [f"{said} (no_such_word)."]
