"""The manifest: the frozen list of the messages that a request is for, and its digest.

The digest is the SHA-256 over its lines, one JSON array each, sorted by queue ID, each with a newline; so it can be
made again from the list that a person was given. Lists are kept compressed (zlib).
"""

import hashlib
import itertools
import json
import zlib
from collections.abc import Iterable

from bot.agent.outcomes import Outcome
from bot.agent.protocol import Identity
from bot.approvals.model import Manifest
from bot.errors import StoreError


class NotTheList(StoreError):
    """The list that is kept is not the one that was shown, or there is none any more: it is not used."""


def frozen(identities: Iterable[Identity]) -> Manifest:
    """The manifest of these messages. Raises ValueError when a queue ID stands for two of them."""
    listed = tuple(sorted(identities, key=lambda identity: identity.queue_id))
    if any(one.queue_id == other.queue_id for one, other in itertools.pairwise(listed)):
        raise ValueError("a queue ID stands twice in a manifest")
    return Manifest(listed, hashlib.sha256(_lines(listed)).hexdigest())


def packed(manifest: Manifest) -> bytes:
    return zlib.compress(_lines(manifest.identities))


def unpacked(lines: bytes, digest: str) -> Manifest:
    """The manifest as it was packed. Raises NotTheList when it is not the one of this digest: it was changed since."""
    try:
        manifest = frozen(Identity(*json.loads(line)) for line in zlib.decompress(lines).splitlines())
        same = manifest.digest == digest
    except (zlib.error, ValueError, TypeError):
        same = False
    if not same:
        raise NotTheList(
            f"The list of messages kept in the database is not the one whose digest is {digest[:12]}: it was changed "
            "there since it was shown. It is not used."
        )
    return manifest


def packed_outcomes(outcomes: Iterable[Outcome]) -> bytes:
    lines = (json.dumps([each.queue_id, each.outcome, each.detail]) + "\n" for each in outcomes)
    return zlib.compress("".join(lines).encode("ascii"))


def unpacked_outcomes(lines: bytes) -> tuple[Outcome, ...]:
    return tuple(Outcome(*json.loads(line)) for line in zlib.decompress(lines).splitlines())


def _lines(identities: Iterable[Identity]) -> bytes:
    return "".join(identity.line() + "\n" for identity in identities).encode("ascii")
