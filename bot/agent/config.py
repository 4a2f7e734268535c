"""The host's own say: /etc/maildesk/agent.ini maps instances to Postfix configurations and may take verbs away.

Each section is an instance, and a request names a section, never a path:

    [default]
    config_directory = /etc/postfix
    verbs = info depth list show flush hold release delete restore trash purge requeue expire probe
    trash = /var/spool/postfix/maildesk-trash
    retention = 7d
    command_directory = /usr/sbin
    probe_networks = 10.0.0.0/8
    probe_road = 192.0.2.1:25=127.0.0.1:4025
    probe_user = nobody

Everything but `config_directory` may be left out. Without the file there is one instance, `default`, for /etc/postfix.
"""

from __future__ import annotations

import configparser
import os
from typing import Dict, NamedTuple, Tuple

from bot.agent.errors import AgentError
from bot.agent.seconds import seconds
from bot.agent.verbs import RESULTS

INI = "/etc/maildesk/agent.ini"
DEFAULT_INSTANCE = "default"
MEMBERS = (
    *("config_directory", "verbs", "trash", "retention", "command_directory"),
    *("probe_networks", "probe_road", "probe_user"),
)
RETENTION = 7 * 24 * 3600


class Instance(NamedTuple):
    """One Postfix instance. Empty: `trash` is `$queue_directory/maildesk-trash`, `command_directory` is PATH.

    `retention` is how long deleted mail is kept, in seconds. `probe_networks` and `probe_road` are as
    bot/agent/peers.py reads them; `probe_user` is who probes, Postfix's mail_owner when it is empty.
    """

    name: str
    config_directory: str
    verbs: Tuple[str, ...] = tuple(RESULTS)
    trash: str = ""
    command_directory: str = ""
    retention: int = RETENTION
    probe_networks: str = ""
    probe_road: str = ""
    probe_user: str = ""


def read(path: str) -> Dict[str, Instance]:
    """The instances that `path` declares. Raises AgentError(internal), which names the mistake."""
    if not os.path.exists(path):
        return {DEFAULT_INSTANCE: Instance(DEFAULT_INSTANCE, "/etc/postfix")}
    parser = configparser.ConfigParser(interpolation=None, default_section="", inline_comment_prefixes=(";", "#"))
    try:
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        raise _mistake(path, str(error).replace("\n", " ")) from None
    if not parser.sections():
        raise _mistake(path, "it declares no instance; one is a section such as [default] with a config_directory")
    return {name: _instance(path, name, dict(parser[name])) for name in parser.sections()}


def _instance(path: str, name: str, values: Dict[str, str]) -> Instance:
    for member in values:
        if member not in MEMBERS:
            raise _mistake(path, f"[{name}] has {member!r}; known are {', '.join(MEMBERS)}")
    if not values.get("config_directory"):
        raise _mistake(path, f"[{name}] has no config_directory")
    for member in ("config_directory", "trash", "command_directory"):
        if values.get(member) and not os.path.isabs(values[member]):
            raise _mistake(path, f"[{name}] {member} must be an absolute path")
    verbs = tuple(values["verbs"].split()) if "verbs" in values else tuple(RESULTS)
    for verb in verbs:
        if verb not in RESULTS:
            raise _mistake(path, f"[{name}] verbs: there is no verb {verb!r}; there are {' '.join(RESULTS)}")
    retention = seconds(values["retention"], "d") if "retention" in values else RETENTION
    if retention is None:
        raise _mistake(path, f"[{name}] retention: {values['retention']!r} is no time such as 7d, 12h or 90m")
    networks, road = values.get("probe_networks", ""), values.get("probe_road", "")
    if networks or road:
        from bot.agent import peers  # imported by who needs it: every request waits for what is imported

        try:
            peers.read(networks, road)
        except ValueError as error:
            raise _mistake(path, f"[{name}] probe_networks or probe_road: {error}") from None
    trash, commands = values.get("trash", ""), values.get("command_directory", "")
    user = values.get("probe_user", "")
    return Instance(name, values["config_directory"], verbs, trash, commands, retention, networks, road, user)


def _mistake(path: str, what: str) -> AgentError:
    return AgentError("internal", f"{path} has a mistake, so nothing was done: {what}.")
