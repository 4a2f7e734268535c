"""The container's health check: is the bot connected to Slack? (proc(5), `net/tcp`; exit status 0 yes, 1 no)

In its container the bot is alone, so an established connection to Slack's port, or to the proxy's, is its Socket Mode
connection. The standard library is enough, and nothing is sent.
"""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

ESTABLISHED = "01"
TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
PORTS = {"http": 80, "https": 443}


def slack_port(environment: Mapping[str, str]) -> int:
    """The TCP port that the bot's way to Slack begins with."""
    proxy = environment.get("HTTPS_PROXY") or environment.get("https_proxy")
    url = urlsplit(proxy or environment.get("SLACK_API_URL") or "https://slack.com/api/")
    return url.port or PORTS.get(url.scheme, 443)


def connected(port: int, tables: Iterable[Path] = TABLES) -> bool:
    """Whether this machine holds an established connection to that port of anyone."""
    for table in tables:
        for line in table.read_text().splitlines()[1:] if table.exists() else ():
            _, _, remote, state, *_ = line.split()
            if state == ESTABLISHED and int(remote.rpartition(":")[2], 16) == port:
                return True
    return False


if __name__ == "__main__":
    sys.exit(not connected(slack_port(os.environ)))
