"""`info`: what stands behind an instance, even one that is broken."""

from __future__ import annotations

import os
import platform
from typing import Iterable, Mapping, Optional, Tuple

from bot import __version__
from bot.agent import expiries, holds, journal, kept, signing, transports
from bot.agent.config import Instance
from bot.agent.errors import AgentError
from bot.agent.instance import MailSystem
from bot.agent.protocol import VERSION, Info
from bot.agent.unexplained import unexplained

# Worth knowing: where it sends from, how it is limited, and what the other verbs go by.
PARAMETERS = (
    "multi_instance_directories",
    "mail_version", "myhostname", "mydomain", "myorigin", "smtp_helo_name", "inet_interfaces", "inet_protocols",
    "smtp_bind_address", "smtp_bind_address6", "relayhost", "default_transport", "transport_maps", "queue_directory",
    "maillog_file", "syslog_name", "enable_long_queue_ids", "hash_queue_names", "hash_queue_depth",
    "maximal_queue_lifetime", "bounce_queue_lifetime", "minimal_backoff_time", "maximal_backoff_time",
    "queue_run_delay", "qmgr_message_active_limit", "queue_minfree", "message_size_limit", "defer_transports",
    "soft_bounce", "config_directory", "authorized_mailq_users", "authorized_flush_users",
)  # fmt: skip


def info(system: MailSystem, instances: Mapping[str, Instance]) -> Info:
    """Raises AgentError when this instance's Postfix does not even tell its parameters."""
    # In a trash path that is no folder nothing is kept; that its size is unknown then says so.
    records = (holds, expiries, journal) if os.path.isdir(system.trash.path) else ()
    parameters = system.postfix.parameters(PARAMETERS)
    return Info(
        agent_version=__version__,
        protocol_version=VERSION,
        python_version=platform.python_version(),
        instance=system.instance.name,
        instances=tuple(instances),
        verbs=system.instance.verbs,
        mail_system_up=_running(system),
        parameters=parameters,
        trash_path=system.trash.path,
        trash_bytes=system.trash.used_bytes() if system.trash.exists() else 0,
        unfinished=tuple(each for kind in records for each in kind.unfinished(system.trash)),
        last_flush=system.trash.last_flush(),
        catch_all=transports.catch_all(system.postfix, parameters.get("transport_maps", "")),
        signing=signing.selectors(system.trust),
        held_unexplained=unexplained(system),
        user=os.geteuid(),
        trash_refuses=_trash_refuses(system),
        config_listed=_config_listed(system) if os.geteuid() else None,
        uncovered=_uncovered(parameters.get("multi_instance_directories", ""), instances.values()),
    )


def _uncovered(listed: str, instances: Iterable[Instance]) -> Tuple[str, ...]:
    """What postmulti(1) lists (postmulti -l), and agent.ini does not."""
    covered = {os.path.realpath(instance.config_directory) for instance in instances}
    return tuple(each for each in listed.replace(",", " ").split() if os.path.realpath(each) not in covered)


def _running(system: MailSystem) -> Optional[bool]:
    try:
        return system.running()
    except AgentError:
        return None


def _trash_refuses(system: MailSystem) -> Optional[str]:
    """Tried where mail may be deleted at all."""
    return kept.refusal(system.trash, system.queues) if "delete" in system.instance.verbs else None


def _config_listed(system: MailSystem) -> Optional[bool]:
    try:
        return system.postfix.is_listed()
    except AgentError:
        return None
