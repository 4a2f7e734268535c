"""What the undo buttons need to know: who pressed one first, and which messages a release has released.

It is kept in memory. A hold is remembered on the mail host itself, by its key, so its undo outlives a restart of the
bot; a release is not, and after a restart its button says so.
"""

import secrets
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bot.errors import UserError
from bot.mailhost.host import Target

RELEASES = 200
MESSAGES = 200_000
"""So many releases, with so many messages in all, are remembered; the oldest are forgotten first."""
PRESSED = 5000


class Undos:
    def __init__(self) -> None:
        self._released: OrderedDict[str, tuple[Target, ...]] = OrderedDict()
        self._pressed: OrderedDict[str, str] = OrderedDict()

    def remember(self, messages: Sequence[Target]) -> str:
        """Remember what was released; the key for its undo button."""
        key = f"r-{secrets.token_hex(4)}"
        self._released[key] = tuple(messages)
        while len(self._released) > RELEASES or (
            len(self._released) > 1 and sum(map(len, self._released.values())) > MESSAGES
        ):
            self._released.popitem(last=False)
        return key

    def released(self, key: str) -> tuple[Target, ...]:
        """The messages that were released. Raises UserError when they are forgotten."""
        if key not in self._released:
            raise UserError(
                "This bot was started anew since then and no longer knows which messages these were, so nothing was "
                "done. Say which ones: /mail hold and their IDs, or a filter such as from:@example.org"
            )
        return self._released[key]

    def again(self, key: str) -> None:
        """Let it be pressed once more: something is left to undo."""
        self._pressed.pop(key, None)

    @contextmanager
    def first(self, key: str, by: str, at: str) -> Iterator[None]:
        """Only the first press counts: another one raises UserError. A press whose work failed does not count."""
        if key in self._pressed:
            raise UserError(f"This undo was pressed before, {self._pressed[key]}. Nothing more was done.")
        self._pressed[key] = f"by {by}, {at}"
        while len(self._pressed) > PRESSED:
            self._pressed.popitem(last=False)
        try:
            yield
        except BaseException:
            self._pressed.pop(key, None)
            raise
