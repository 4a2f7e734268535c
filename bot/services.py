"""What the front ends are handed: every service there is, and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from bot.actors import Roster
from bot.approvals.execution import Executor
from bot.approvals.requests import Approvals
from bot.approvals.trash import Restores
from bot.background import Background
from bot.doctor import Doctor
from bot.mailhost.hosts import MailHosts
from bot.reputation.blocklists import Blocklists
from bot.reputation.reports import Reports
from bot.reputation.resolver import Resolver
from bot.settings import Settings
from bot.store.database import Store
from bot.watch.alerts import Alerts
from bot.watch.digests import Digests
from bot.watch.mutes import Mutes
from bot.watch.reputation_watch import ReputationWatch
from bot.watch.sampling import Sampling


@dataclass(frozen=True, slots=True)
class Services:
    """Built by bot/bootstrap.py; `now` is the clock, aware and in UTC. Whoever starts the bot opens the store."""

    settings: Settings
    hosts: MailHosts
    roster: Roster
    background: Background
    store: Store
    approvals: Approvals
    executor: Executor
    restores: Restores
    resolver: Resolver
    blocklists: Blocklists
    reports: Reports
    alerts: Alerts
    mutes: Mutes
    sampling: Sampling
    reputation: ReputationWatch
    digests: Digests
    doctor: Doctor
    now: Callable[[], datetime]
