"""Whether the database takes what is written: the log tells once that it does not, and once that it does again."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.errors import StoreError

logger = logging.getLogger(__name__)

PROOF = "store.proof"
"""What is written along with the first transaction that ends well again (bot/store/memory.py).

One that had nothing to write would prove nothing: on a full disk it ends well, too."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Since when the database fails, and how it failed last, in words for the admin."""

    since: datetime
    text: str


class Health:
    """`trouble` is None while all is well, as far as this process knows."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.trouble: Trouble | None = None
        self._now = now
        self._told: set[str] = set()

    def failed(self, error: StoreError) -> None:
        self.trouble = Trouble(self.trouble.since if self.trouble else self._now(), str(error))
        # Whatever wants the store runs into it, several times a minute; each way to fail is worth one line.
        if str(error) not in self._told:
            self._told.add(str(error))
            logger.error("%s (said once; until it works again nothing is watched, asked for or decided)", error)

    def wrote(self) -> None:
        if self.trouble is not None:
            lasted = (self._now() - self.trouble.since) / timedelta(minutes=1)
            logger.warning("the database can be written again, after %.0f min", lasted)
            self.trouble = None
            self._told.clear()
