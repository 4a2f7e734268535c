"""What became of one message, in words for people: no word of the agent's own reaches them."""

import pytest

from bot.agent.outcomes import (
    DELETE_OUTCOMES,
    EXPIRE_OUTCOMES,
    HOLD_OUTCOMES,
    RELEASE_OUTCOMES,
    REQUEUE_OUTCOMES,
    RESTORE_OUTCOMES,
    Outcome,
)
from bot.console.workspace import text_of
from handlers.blocks import outcomes
from handlers.blocks.change import HELD, RELEASED
from handlers.blocks.request_words import DELETED, EXPIRED, RESTORED
from handlers.blocks.requeue import REQUEUED

NAMES = {
    DELETE_OUTCOMES: DELETED,
    EXPIRE_OUTCOMES: EXPIRED,
    HOLD_OUTCOMES: HELD,
    RELEASE_OUTCOMES: RELEASED,
    REQUEUE_OUTCOMES: REQUEUED,
    RESTORE_OUTCOMES: RESTORED,
}


@pytest.mark.parametrize("detail", ["", "renamed 4VbXm8dz3kzJ2Q", *outcomes.DETAILS])
def test_no_outcome_and_no_detail_of_the_agent_is_shown_raw(detail: str) -> None:
    for known, names in NAMES.items():
        for outcome in known:
            assert "_" not in outcomes.became(Outcome("4VbXm8dz3kzJ1Q", outcome, detail), names)


def test_what_the_mail_system_said_is_shown_as_it_is() -> None:
    said = outcomes.became(Outcome("4VbXm8dz3kzJ1Q", "failed", "postsuper: fatal: no room"), DELETED)
    assert said == "still queued: Postfix could not delete it (postsuper: fatal: no room)"
    renamed = outcomes.became(Outcome("A1B2C3D4E5", "failed", "renamed 4VbXm8dz3kzJ2Q"), DELETED)
    assert renamed.endswith("(Postfix has renamed it to 4VbXm8dz3kzJ2Q)")
    assert outcomes.became(Outcome("A1B2C3D4E5", "newer_word"), DELETED) == "newer word"
    assert (
        outcomes.became(Outcome("A1B2C3D4E5", "not_in_queue_yet", "maildrop"), DELETED) == DELETED["not_in_queue_yet"]
    )


def test_addresses_in_what_it_said_are_masked_in_the_channel() -> None:
    block = outcomes.listed([Outcome("A1B2C3D4E5", "failed", "jane@example.org: no")], DELETED, "masked")
    assert block is not None and "j…@example.org: no" in text_of([block])
    assert outcomes.listed([], DELETED, "masked", 7) is None
