"""What a single setting may be; the error says what it is instead, and never quotes what could be a secret."""

import re
from collections.abc import Callable
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

from bot.listsettings import ID as LIST
from bot.nameservers import name_server

CHANNEL = re.compile(r"[CG][A-Z0-9]{1,20}\Z")
MEMBER = re.compile(r"(?:[UWS][A-Z0-9]{1,20}|login:[A-Za-z0-9._-]{1,64})\Z")
DATABASE = re.compile(r"(?:sqlite:///[^?]+|postgresql://(?:[^@/?#\s]*@)?[^@/?#\s]*(?:[/?][^@#\s]*)?)\Z")
TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z")


def _names(value: Any) -> Any:
    """Several names in one variable, with commas between them, each once."""
    if isinstance(value, str):
        return tuple(dict.fromkeys(name for name in (part.strip() for part in value.split(",")) if name))
    return value


def _each(look: Callable[[str], str]) -> AfterValidator:
    return AfterValidator(lambda value: tuple(map(look, value)))


def _channel(value: str) -> str:
    if not CHANNEL.match(value):
        raise ValueError(f"{value!r} is not a channel ID (C…). In Slack: the channel's name, About, at the bottom.")
    return value


def _member(value: str) -> str:
    if not MEMBER.match(value):
        raise ValueError(
            f"{value!r} is neither a user ID (U…), a user group's ID (S…) nor a terminal login (login:ana)."
        )
    return value


def _blocklist(value: str) -> str:
    if not LIST.match(value):
        raise ValueError(f"{value!r} is not the ID of a blocklist, such as barracuda or uceprotect-3.")
    return value


def _token(start: str) -> AfterValidator:
    def look(value: SecretStr) -> SecretStr:
        if not re.match(f"{start}[!-~]+\\Z", value.get_secret_value()):
            raise ValueError(f"this is not a token of that kind: it starts with {start} and has no blanks")
        return value

    return AfterValidator(look)


def _api_address(value: str) -> str:
    if not re.match(r"https?://[^\s/]+", value):
        raise ValueError(f"{value!r} is not the URL of a Web API, such as https://slack.com/api/")
    return value if value.endswith("/") else value + "/"


def _database(value: str) -> str:
    if not DATABASE.match(value):
        raise ValueError(
            "this is not the address of a database: sqlite:///FILE, or postgresql://USER:PASSWORD@HOST/NAME. "
            "In a password, write / as %2F, # as %23 and @ as %40."
        )
    return value


def _audit_key(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < 32:
        raise ValueError(f"{len(value.get_secret_value())} characters are too few for this key; it has 32 or more")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError):
        raise ValueError(f"{value!r} is not a time zone; it is written as Europe/Madrid or UTC.") from None
    return value


def _time_of_day(value: str) -> str:
    if value != "never" and not TIME_OF_DAY.match(value):
        raise ValueError(f"{value!r} is not a time of day; it is written as 08:00, or never.")
    return value


def _fetched(value: SecretStr) -> SecretStr:
    if not value.get_secret_value().startswith(("https://", "http://")):
        raise ValueError("this is not an address that can be fetched: https://….")
    return value


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_names)]
Channels = Annotated[Names, _each(_channel)]
Members = Annotated[Names, _each(_member)]
Blocklists = Annotated[Names, _each(_blocklist)]
NameServers = Annotated[Names, AfterValidator(lambda value: tuple(str(name_server(each)) for each in value))]
BotToken = Annotated[SecretStr, _token("xoxb-")]
AppToken = Annotated[SecretStr, _token("xapp-")]
AuditKey = Annotated[SecretStr, AfterValidator(_audit_key)]
Fetched = Annotated[SecretStr, AfterValidator(_fetched)]
APIAddress = Annotated[str, AfterValidator(_api_address)]
DatabaseAddress = Annotated[str, AfterValidator(_database)]
TimeZone = Annotated[str, AfterValidator(_zone)]
TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
