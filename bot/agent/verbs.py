"""The agent's verbs, and what the `done` event of each carries."""

from __future__ import annotations

from typing import Mapping

from bot.agent.outcomes import Deleted, Expired, Flushed, Held, Purged, Released, Requeued, Restored, TrashListing
from bot.agent.probed import Probed
from bot.agent.protocol import Depth, Info, Listing, Message

RESULTS: Mapping[str, type] = {
    "info": Info,
    "depth": Depth,
    "list": Listing,
    "show": Message,
    "flush": Flushed,
    "hold": Held,
    "release": Released,
    "delete": Deleted,
    "restore": Restored,
    "trash": TrashListing,
    "purge": Purged,
    "requeue": Requeued,
    "expire": Expired,
    "probe": Probed,
}
