"""Who pressed an undo first, and what a release had released."""

import pytest

from bot.agent.protocol import Identity
from bot.errors import UserError
from handlers.commands import undo
from handlers.commands.undo import Undos


def test_only_the_first_press_counts() -> None:
    undos = Undos()
    with undos.first("h-1", "ana", "10:00"), refused("by ana, 10:00"), undos.first("h-1", "bob", "10:01"):
        pytest.fail("the second press got through")
    with refused("by ana, 10:00"), undos.first("h-1", "bob", "10:02"):
        pytest.fail("a later press got through")


def refused(by: str) -> pytest.RaisesExc[UserError]:
    return pytest.raises(UserError, match=f"pressed before, {by}")


def test_what_is_left_can_be_undone_by_another_press() -> None:
    undos = Undos()
    with undos.first("h-1", "ana", "10:00"):
        pass
    undos.again("h-1")
    with undos.first("h-1", "bob", "10:01"):
        pass


def test_a_press_whose_work_failed_does_not_count() -> None:
    undos = Undos()
    with pytest.raises(ZeroDivisionError), undos.first("h-1", "ana", "10:00"):
        raise ZeroDivisionError
    with undos.first("h-1", "bob", "10:01"):
        pass


def test_what_was_released_is_remembered_by_identity() -> None:
    undos = Undos()
    released = (Identity("4VbXm8dz3kzJ1Q", 1, 2, "a@b.org"), "A1B2C3D4E5")
    assert undos.released(undos.remember(released)) == released
    with pytest.raises(UserError, match="no longer knows"):
        undos.released("r-00000000")


def test_the_oldest_releases_are_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(undo, "MESSAGES", 10)
    undos = Undos()
    first, second, third = (undos.remember([f"{letter}"] * 5) for letter in "abc")
    assert undos.released(second) and undos.released(third)
    with pytest.raises(UserError):
        undos.released(first)
    huge = undos.remember(["d"] * 50)
    assert len(undos.released(huge)) == 50, "the newest is kept, however large"
