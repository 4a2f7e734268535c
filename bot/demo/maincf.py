"""The settings of one demo instance: main.cf over Postfix's defaults (postconf(5))."""

# Importing pathlib takes longer than all that the demo's programs do with it.
from __future__ import annotations

DEFAULTS = {
    "mail_version": "3.7.11",
    "myhostname": "localhost.localdomain",
    "mydomain": "localdomain",
    "inet_interfaces": "all",
    "inet_protocols": "all",
    "smtp_bind_address": "",
    "smtp_bind_address6": "",
    "relayhost": "",
    "default_transport": "smtp",
    "transport_maps": "",
    "queue_directory": "/var/spool/postfix",
    "maillog_file": "",
    "mail_owner": "postfix",
    "mail_name": "Postfix",
    "multi_instance_name": "",
    "syslog_name": "${multi_instance_name?{$multi_instance_name}:{postfix}}",
    "enable_long_queue_ids": "no",
    "hash_queue_names": "deferred, defer",
    "hash_queue_depth": "1",
    "maximal_queue_lifetime": "5d",
    "bounce_queue_lifetime": "5d",
    "minimal_backoff_time": "300s",
    "maximal_backoff_time": "4000s",
    "queue_run_delay": "300s",
    "qmgr_message_active_limit": "20000",
    "queue_minfree": "0",
    "message_size_limit": "10240000",
    "process_id_directory": "pid",
    "default_destination_concurrency_limit": "20",
    "fast_flush_domains": "$relay_domains",
    "relay_domains": "",
    "defer_transports": "",
    "soft_bounce": "no",
    "config_directory": "",
}


def read(config_directory: str) -> dict[str, str]:
    """Every known parameter, not expanded. Raises OSError when there is no main.cf."""
    values = {**DEFAULTS, "config_directory": config_directory}
    with open(f"{config_directory}/main.cf", encoding="utf-8") as file:
        for line in file:
            name, equals, value = line.partition("=")
            if equals and not line.startswith("#"):
                values[name.strip()] = value.strip()
    return values


def expanded(values: dict[str, str], name: str) -> str:
    """A parameter's value with each `$name` in it replaced."""
    value = values[name]
    if name == "syslog_name" and value.startswith("${"):
        return values["multi_instance_name"] or "postfix"
    return " ".join(
        expanded(values, word[1:]) if word.startswith("$") and word[1:] in values else word for word in value.split(" ")
    )


def seconds(value: str) -> int:
    """A time as postconf(5) writes it (`5d`, `4000s`), in seconds; without a unit it is seconds here."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
    return int(value[:-1]) * units[value[-1]] if value[-1] in units else int(value)
