"""One Web API call: its arguments, its method's row in the table, its error (docs.slack.dev/apis/web-api)."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.console.workspace.state import State

JSON = dict[str, Any]


class ApiError(Exception):
    """Slack's `{"ok": false, "error": code}`; `messages` name the places of what was wrong."""

    def __init__(self, code: str, messages: Sequence[str] = (), **extra: Any) -> None:
        super().__init__(code, *messages)
        self.code = code
        self.messages = tuple(messages)
        self.extra = extra

    def body(self) -> JSON:
        answer: JSON = {"ok": False, "error": self.code, **self.extra}
        if self.messages:
            answer["errors"] = list(self.messages)
            answer["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in self.messages]}
        return answer


def need(scope: str, scopes: Collection[str]) -> None:
    """Raises ApiError `missing_scope` if the app was not installed with this scope."""
    if scope and scope not in scopes:
        raise ApiError("missing_scope", needed=scope, provided=",".join(sorted(scopes)))


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a call was given, from its JSON, form or query alike (form fields hold structures as JSON text)."""

    values: Mapping[str, Any]

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def text(self, name: str, default: str = "") -> str:
        value = self.values.get(name)
        if value is None:
            return default
        if not isinstance(value, str):
            raise ApiError("invalid_arguments", [f"must be a string [json-pointer:/{name}]"])
        return value

    def required(self, name: str, code: str = "invalid_arguments") -> str:
        value = self.text(name)
        if not value:
            raise ApiError(code, [f"missing required field: {name}"] if code == "invalid_arguments" else ())
        return value

    def flag(self, name: str) -> bool:
        value = self.values.get(name)
        return value is True or (isinstance(value, str) and value.lower() in ("1", "true"))

    def number(self, name: str, default: int) -> int:
        value = self.values.get(name)
        try:
            return default if value is None else int(value)
        except (TypeError, ValueError):
            raise ApiError("invalid_arguments", [f"must be an integer [json-pointer:/{name}]"]) from None

    def structure(self, name: str, code: str = "invalid_arguments") -> Any:
        """A list or object, decoded if it came as JSON text; None if it was not given."""
        value = self.values.get(name)
        if isinstance(value, str):
            try:
                return json.loads(value) if value else None
            except ValueError:
                raise ApiError(code, [f"must be valid JSON [json-pointer:/{name}]"]) from None
        return value


@dataclass(frozen=True, slots=True)
class Method:
    """A row of the Web API's table: who may call it, with what, and the function that does it."""

    name: str
    do: "Callable[[State, Arguments], JSON]"
    takes: str = ""
    scope: str = ""
    token: str = "xoxb"  # noqa: S105 (a kind of token)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that was made: `error` is empty if it went well; `fault` names the fault that it met."""

    method: str
    arguments: JSON = field(repr=False)
    error: str = ""
    fault: str = ""
    seconds: float = 0.0
