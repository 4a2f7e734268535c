"""`probe`: does mail get out of this host? Connect to given addresses on port 25, and on port 443 to compare.

It is the one verb that meets the network, so it is carried out as Postfix's own user, never as root, and only greets.
"""

from __future__ import annotations

import os
import pwd
import re
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, List, Mapping, Tuple

from bot.agent import peers, smtptalk
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.peers import Peers
from bot.agent.probed import Peer, Probed

PARAMETERS = (
    "mail_owner", "myhostname", "smtp_helo_name", "smtp_bind_address", "smtp_bind_address6", "inet_interfaces",
)  # fmt: skip

HELO = re.compile(r"[A-Za-z0-9.\[\]:_-]{1,255}\Z")


def probe(system: MailSystem, args: Mapping[str, Any]) -> Probed:
    """Every address of `smtp` on port 25 and of `compare` on port 443, at once, within `wait` seconds.

    Raises AgentError, and nothing was connected to, for an address that agent.ini does not allow.
    """
    wanted = [(address, 25) for address in args["smtp"]] + [(address, 443) for address in args["compare"]]
    allowed = peers.read(system.instance.probe_networks, system.instance.probe_road)
    _refuse_others(allowed, wanted)
    parameters = system.postfix.parameters(PARAMETERS)
    helo = parameters.get("smtp_helo_name") or parameters.get("myhostname", "")
    if not HELO.match(helo):
        raise AgentError("internal", f"smtp_helo_name is {helo!r}, which nobody can say in EHLO. Nothing was probed.")
    # The threads that connect are started as whoever the process is by then.
    _become(system.instance.probe_user or parameters.get("mail_owner", ""))
    end = time.monotonic() + args["wait"]

    def look(each: Tuple[str, int]) -> Peer:
        return _look(Peer(each[0], each[1]), allowed, _bound(parameters, ":" in each[0]), helo, end)

    with ThreadPoolExecutor(max(1, len(wanted))) as threads:
        return Probed(helo, tuple(threads.map(look, wanted)))


def _refuse_others(allowed: Peers, wanted: List[Tuple[str, int]]) -> None:
    for address, port in wanted:
        if not allowed.allows(address, port):
            raise AgentError(
                "denied",
                f"This host does not allow to probe {address}: it is no public address, and no network in "
                "probe_networks of agent.ini has it. Nothing was connected to.",
            )


def _bound(parameters: Mapping[str, str], ipv6: bool) -> str:
    """The address that Postfix's client sends from: set, or the only one of its kind that the instance listens on."""
    set_to = parameters.get("smtp_bind_address6" if ipv6 else "smtp_bind_address", "")
    listening = [
        each.strip("[]")
        for each in parameters.get("inet_interfaces", "").replace(",", " ").split()
        if peers.is_address(each.strip("[]")) and (":" in each) == ipv6
    ]
    if set_to or len(listening) != 1 or peers.is_loopback(listening[0]):
        return set_to
    return listening[0]


def _become(owner: str) -> None:
    """Give root up for good, before the first packet leaves. Nothing to give up: the uninstalled agent, as its user."""
    if os.geteuid() != 0:
        return
    try:
        user = pwd.getpwnam(owner)
    except KeyError:
        raise AgentError(
            "internal", f"There is no user {owner!r} to probe as (mail_owner, probe_user). Nothing was probed."
        ) from None
    if user.pw_uid == 0 or user.pw_gid == 0:
        raise AgentError("denied", f"mail_owner (or probe_user) is {owner}, which is root: nothing is probed as root.")
    os.setgroups([])
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)


def _look(peer: Peer, allowed: Peers, bind: str, helo: str, end: float) -> Peer:
    found, connection = smtptalk.connect(peer, allowed.endpoint(peer.address, peer.port), bind, end)
    if connection is None:
        return found
    if peer.port != 25:
        connection.close()
        return found
    return smtptalk.talk(found, connection, helo, end)
