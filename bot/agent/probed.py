"""What `probe` answers: how far a connection to each address got, on port 25 as far as EHLO and STARTTLS."""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple


class Peer(NamedTuple):
    """What one address did on one port. `outcome` is one of PEER_OUTCOMES and speaks of the connection alone.

    `seconds` until it was made, on port 25 until the greeting; `local` is the address that it left from. `banner` and
    `hello` are the first line of the greeting and the reply to EHLO, made plain; `starttls` is None when it was not
    found out whether it is offered, `tls` the version that was agreed on. `detail` says what went wrong.
    """

    address: str
    port: int
    outcome: str = "failed"
    detail: str = ""
    seconds: float = 0.0
    local: str = ""
    banner: str = ""
    hello: Tuple[str, ...] = ()
    starttls: Optional[bool] = None
    tls: str = ""


PEER_OUTCOMES = ("connected", "timeout", "refused", "unreachable", "failed")


class Probed(NamedTuple):
    """The answer of `probe`: each peer in the order asked for; `helo` is what this host said in EHLO."""

    helo: str
    peers: Tuple[Peer, ...] = ()
