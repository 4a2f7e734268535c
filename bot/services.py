"""What the front ends are handed: every service there is, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.actors import Roster
from bot.background import Background
from bot.mailhost.host import MailHosts
from bot.settings import Settings


@dataclass(frozen=True, slots=True)
class Services:
    """Built by bot/bootstrap.py; `now` is the clock, aware and in UTC."""

    settings: Settings
    hosts: MailHosts
    roster: Roster
    background: Background
    now: Callable[[], datetime]
