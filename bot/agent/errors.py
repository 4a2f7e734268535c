"""The one error of the agent: a code for the bot, and a text for the admin."""

from __future__ import annotations


class AgentError(Exception):
    """`code` is one of protocol.ERROR_CODES; the text says what happened, what was not done and what to do."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
