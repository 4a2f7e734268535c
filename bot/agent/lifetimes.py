"""How long mail stays in the queue before it is sent back (postconf(5), maximal_queue_lifetime)."""

from __future__ import annotations

import stat

from bot.agent.postfix import Postfix
from bot.agent.queuefile import NULL_SENDER
from bot.agent.seconds import lifetime

FORCE_EXPIRED = stat.S_IXGRP
"""The bit in the mode of a queue file that `postsuper -e` sets (mail_queue.h)."""


class Lifetimes:
    """The lifetimes that one instance is set to, in seconds."""

    def __init__(self, postfix: Postfix) -> None:
        values = postfix.parameters(["maximal_queue_lifetime", "bounce_queue_lifetime"])
        self._mail = lifetime(values.get("maximal_queue_lifetime", ""))
        self._bounces = lifetime(values.get("bounce_queue_lifetime", ""))

    def over(self, arrival_time: int, sender: str, now: float) -> bool:
        """Whether Postfix would send the message back at its next attempt that fails; times in seconds since the epoch.

        Held mail does not expire, and so can be older. What postconf says and is not understood is no limit.
        """
        limit = self._bounces if sender == NULL_SENDER else self._mail
        return limit is not None and now >= arrival_time + limit
