"""Reads one request from standard input and takes nothing on trust: every mistake is a `bad_request`."""

from __future__ import annotations

import json
import re
from typing import Any, BinaryIO, Callable, Dict, Iterator, Mapping, NamedTuple, Optional, Tuple

from bot.agent import protocol
from bot.agent.errors import AgentError
from bot.agent.protocol import Cursor, Selection, Term
from bot.agent.queueid import is_queue_id

KEY = re.compile(r"[a-z0-9]{1,12}-[a-z0-9]{4,16}\Z")
SITE = re.compile(r"(?=.{1,255}\Z)[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\Z")
MAX_TERMS = 200
MAX_WAIT = 60


class Target(NamedTuple):
    """One message that is meant: by its whole identity, or, where nothing more is known, by its queue ID alone."""

    queue_id: str
    arrival_time: Optional[int] = None
    message_size: Optional[int] = None
    sender: Optional[str] = None


class Request(NamedTuple):
    """A request that passed every check. `args` holds exactly the arguments that the verb knows, defaults filled in."""

    verb: str
    instance: str
    args: Mapping[str, Any]
    targets: Tuple[Target, ...] = ()


def read(stdin: BinaryIO) -> Request:
    """The request on `stdin`. Raises AgentError(bad_request); nothing has been done then."""
    line = stdin.readline(protocol.MAX_REQUEST_BYTES + 1)
    if len(line) > protocol.MAX_REQUEST_BYTES:
        raise bad(f"the request is longer than {protocol.MAX_REQUEST_BYTES} bytes")
    request = _object(_parsed(line, "the request"), "the request", ("v", "verb", "instance", "args"))
    if type(request.get("v")) is not int or request["v"] != protocol.VERSION:
        raise bad(f"protocol version {_shown(request.get('v'))}; this agent speaks version {protocol.VERSION}")
    verb = request.get("verb")
    if not isinstance(verb, str) or verb not in _ARGUMENTS:
        raise bad(f"there is no verb {_shown(verb)}; there are {' '.join(_ARGUMENTS)}")
    instance = request.get("instance")
    if not isinstance(instance, str) or not instance or len(instance) > 100:
        raise bad("an instance must be named")
    known = _ARGUMENTS[verb]
    given = _object(request.get("args", {}), "args", tuple(known))
    args = {name: read_value(given.get(name), name) for name, read_value in known.items()}
    if verb in _NEED_A_KEY and not args["key"]:
        raise bad(f"{verb} needs a key, by which it can be asked about, finished and undone")
    if verb == "probe" and not (args["smtp"] or args["compare"]):
        raise bad("probe needs an address to connect to")
    return Request(verb, instance, args, _targets(stdin, verb, args))


def bad(what: str) -> AgentError:
    """The error for a request that cannot be carried out as it stands."""
    return AgentError("bad_request", f"The request was refused and nothing was done: {what}.")


def _targets(stdin: BinaryIO, verb: str, args: Mapping[str, Any]) -> Tuple[Target, ...]:
    """The lines after the request; as many as it announced, so that a link cut in the middle acts on nothing."""
    announced = args.get("targets") or 0
    targets = tuple(_read_targets(stdin)) if announced else ()
    if len(targets) != announced:
        raise bad(f"{announced} targets were announced and {len(targets)} came")
    if not announced and stdin.read(1):
        raise bad(f"{verb} was asked for with lines that it does not take")
    return targets


def _read_targets(stdin: BinaryIO) -> Iterator[Target]:
    seen = set()
    # Much of what is deleted has one sender, which is kept once.
    senders: Dict[str, str] = {}
    while True:
        line = stdin.readline(protocol.MAX_TARGET_BYTES + 1)
        if not line:
            return
        if len(line) > protocol.MAX_TARGET_BYTES or not line.endswith(b"\n"):
            raise bad("a target is cut off or too long")
        target = _target(_parsed(line, "a target"))
        if target.sender is not None:
            target = target._replace(sender=senders.setdefault(target.sender, target.sender))
        if target.queue_id in seen:
            raise bad(f"{target.queue_id} stands twice among the targets")
        seen.add(target.queue_id)
        if len(seen) > protocol.MAX_TARGETS:
            raise bad(f"more than {protocol.MAX_TARGETS:,} targets")
        yield target


def _target(value: Any) -> Target:
    if not isinstance(value, list) or len(value) not in (1, 4):
        raise bad("a target is an array of a queue ID, or of queue ID, arrival time, size and sender")
    queue_id = _queue_id(value[0], "target")
    if len(value) == 1:
        return Target(queue_id)
    if type(value[1]) is not int or type(value[2]) is not int or not isinstance(value[3], str):
        raise bad(f"the identity of {queue_id} has members of the wrong type")
    return Target(queue_id, value[1], value[2], value[3])


def _parsed(line: bytes, what: str) -> Any:
    try:
        return json.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        raise bad(f"{what} is not a line of JSON") from None


def _object(value: Any, what: str, members: Tuple[str, ...]) -> Dict[str, Any]:
    if not isinstance(value, dict):
        raise bad(f"{what} is not a JSON object")
    for member in value:
        if member not in members:
            raise bad(f"{what} has an unknown member {_shown(member)}")
    return value


def _shown(value: Any) -> str:
    return ascii(value)[:60]


def _flag(value: Any, name: str) -> bool:
    if value is None:
        return False
    if not isinstance(value, bool):
        raise bad(f"{name} is true or false")
    return value


def _whole(least: int, most: int, default: int) -> Callable[[Any, str], int]:
    def read_value(value: Any, name: str) -> int:
        if value is None:
            return default
        if type(value) is not int or not least <= value <= most:
            raise bad(f"{name} is a whole number from {least} to {most}")
        return value

    return read_value


def _moment(value: Any, name: str) -> Optional[float]:
    """Seconds since the epoch after which the agent must not begin; None: it may."""
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value < 1e12:
        raise bad(f"{name} is a moment, in seconds since the epoch")
    return float(value)


def _queue_id(value: Any, name: str) -> str:
    if not isinstance(value, str) or not is_queue_id(value):
        raise bad(f"{name}: {_shown(value)} is not a queue ID")
    return value


def _matching(pattern: "re.Pattern[str]", what: str) -> Callable[[Any, str], str]:
    def read_value(value: Any, name: str) -> str:
        if value is None:
            return ""
        if not isinstance(value, str) or not pattern.match(value):
            raise bad(f"{name}: {_shown(value)} is not {what}")
        return value

    return read_value


def _sort(value: Any, name: str) -> str:
    if value is None:
        return protocol.SORTS[0]
    if value not in protocol.SORTS:
        raise bad(f"{name}: {_shown(value)} is none of {' '.join(protocol.SORTS)}")
    return str(value)


def _cursor(value: Any, name: str) -> Optional[Cursor]:
    if value is None:
        return None
    members = _object(value, name, ("key", "queue_id"))
    if not isinstance(members.get("key"), str) or len(members["key"]) > protocol.MAX_TEXT:
        raise bad(f"{name}: the key is not a string")
    return Cursor(members["key"], _queue_id(members.get("queue_id"), name))


_NUMBERS = ("older", "newer", "larger", "smaller")
_TEXTS = ("from", "to", "reason", "login")


def _selection(value: Any, name: str) -> Selection:
    if value is None:
        return Selection()
    terms = _object(value, name, ("terms",)).get("terms")
    if not isinstance(terms, list) or len(terms) > MAX_TERMS:
        raise bad(f"{name}: terms is a list of at most {MAX_TERMS}")
    return Selection(tuple(_term(term) for term in terms))


def _term(value: Any) -> Term:
    members = _object(value, "a term", ("kind", "value", "negated"))
    kind, text = members.get("kind"), members.get("value")
    if not isinstance(text, str) or not text or len(text) > protocol.MAX_TEXT or "\0" in text:
        raise bad("a term's value is a string of some characters")
    if kind == "id":
        _queue_id(text, "a term")
    elif kind == "queue":
        if text not in protocol.LISTED_QUEUES:
            raise bad(f"there is no queue {_shown(text)}")
    elif kind in _NUMBERS:
        if not (text.isascii() and text.isdigit() and len(text) <= 15):
            raise bad(f"{kind}: {_shown(text)} is not a whole number")
    elif kind == "client":
        _network(text)
    elif kind not in _TEXTS:
        raise bad(f"there is no term of the kind {_shown(kind)}")
    return Term(str(kind), text, _flag(members.get("negated"), "negated"))


def _network(text: str) -> None:
    import ipaddress  # every other request is spared the time that it takes

    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise bad(f"client: {_shown(text)} is neither an IP address nor a network") from None


def _addresses(value: Any, name: str) -> Tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > protocol.MAX_PEERS:
        raise bad(f"{name} is a list of at most {protocol.MAX_PEERS} addresses")
    return tuple(dict.fromkeys(_address(each, name) for each in value))


def _address(value: Any, name: str) -> str:
    from bot.agent import peers  # every other request is spared the time that it takes

    try:
        return peers.plain(value if isinstance(value, str) else "")
    except ValueError:
        raise bad(f"{name}: {_shown(value)} is not an IP address") from None


_TARGETS = _whole(0, protocol.MAX_TARGETS, 0)
_KEY = _matching(KEY, "a key, such as 57-k3qf")
_NEED_A_KEY = ("hold", "delete", "restore", "expire")

# What each verb takes: the name of the argument, and what reads and checks it (None: it was not given).
_ARGUMENTS: Mapping[str, Mapping[str, Callable[[Any, str], Any]]] = {
    "info": {},
    "depth": {},
    "list": {
        "selection": _selection,
        "select": _flag,
        "sort": _sort,
        "limit": _whole(0, protocol.MAX_PAGE, 0),
        "after": _cursor,
        "before": _cursor,
        "behind": _whole(0, protocol.MAX_BEHIND, 0),
    },
    "show": {"queue_id": _queue_id},
    "flush": {
        "targets": _TARGETS,
        "site": _matching(SITE, "a site, such as example.org"),
        "wait": _whole(0, MAX_WAIT, MAX_WAIT),
    },
    "hold": {"targets": _TARGETS, "key": _KEY, "not_after": _moment},
    "release": {"targets": _TARGETS, "key": _KEY},
    "delete": {"targets": _TARGETS, "key": _KEY, "not_after": _moment, "final": _flag},
    "restore": {"targets": _TARGETS, "key": _KEY},
    "trash": {"key": _KEY},
    "purge": {"key": _KEY, "not_after": _moment},
    "requeue": {"targets": _TARGETS},
    "expire": {"targets": _TARGETS, "key": _KEY, "not_after": _moment},
    "probe": {"smtp": _addresses, "compare": _addresses, "wait": _whole(1, MAX_WAIT, 25)},
}
