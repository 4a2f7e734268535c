"""What Slack's Web API, or the way to it, said instead of yes; and what that means for whoever asked.

Codes: docs.slack.dev/reference/methods/chat.postMessage#errors. A code that is in no table here is taken for a lasting
one: somebody has to mend something.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import ClientConnectorError
from slack_sdk.errors import SlackApiError

RETRY_AFTER = 10.0
"""Seconds to wait when a rate limit does not say how long."""

# Slack's own bad moments. Of these it says that some of the call may have happened.
UNSURE = frozenset(("internal_error", "fatal_error", "request_timeout", "service_unavailable"))
PASSING = UNSURE | {"ratelimited", "rate_limited", "accesslimited", "message_limit_exceeded", "team_added_to_org"}


@dataclass(frozen=True, slots=True)
class Refusal:
    """`code` is Slack's word, such as `not_in_channel`, or the network's.

    `sure`: the call surely did nothing. `lasting`: it would be refused again until somebody mends something.
    `retry_after` in seconds, for a rate limit. `places` are Slack's words on what in the call it refused.
    """

    code: str
    sure: bool
    lasting: bool
    retry_after: float | None = None
    places: tuple[str, ...] = ()


def refusal(error: BaseException) -> Refusal:
    """What one of SLACK_ERRORS means."""
    if not isinstance(error, SlackApiError):
        # Whether a name could be found and a connection made is known; what came of a call that was sent is not.
        sure = isinstance(error, ClientConnectorError)
        return Refusal(str(error) or "no answer in time", sure=sure, lasting=False)
    status, code = _status(error.response), _word(error.response)
    if status == 429 or code in ("ratelimited", "rate_limited"):
        return Refusal("ratelimited", sure=True, lasting=False, retry_after=_retry_after(error.response))
    if code in PASSING:
        return Refusal(code, sure=code not in UNSURE, lasting=False)
    if status >= 500 or not code:
        return Refusal(said(error), sure=False, lasting=False)
    return Refusal(code, sure=True, lasting=True, places=_places(error.response))


def said(error: BaseException) -> str:
    """Slack's own word for an error, such as `invalid_auth`; else the HTTP status, or the network's words."""
    if not isinstance(error, SlackApiError):
        return str(error) or "no answer in time"
    return _word(error.response) or f"HTTP status {_status(error.response)}"


def _word(response: Any) -> str:
    """Empty for an answer that is not JSON, which arrives here as text, or as aiohttp's own response."""
    told = getattr(response, "data", response)
    return str(told.get("error") or "") if isinstance(told, Mapping) else ""


def _places(response: Any) -> tuple[str, ...]:
    """Such as `invalid slack file [json-pointer:/blocks/0/slack_file]`."""
    told = getattr(response, "data", response)
    listed = told.get("errors") if isinstance(told, Mapping) else None
    return tuple(str(each) for each in listed) if isinstance(listed, list) else ()


def _status(response: Any) -> int:
    """The HTTP status; a SlackResponse and aiohttp's own have other names for it."""
    return int(getattr(response, "status_code", 0) or getattr(response, "status", 0))


def _retry_after(response: Any) -> float:
    """Seconds."""
    headers = {str(name).lower(): str(value) for name, value in response.headers.items()}
    try:
        return max(float(headers["retry-after"]), 0.0)
    except (KeyError, ValueError):
        return RETRY_AFTER
