"""A sign of life for a dead man's switch elsewhere, which raises the alarm when it stops."""

import logging

from aiohttp import ClientError, ClientSession, ClientTimeout

logger = logging.getLogger(__name__)

TIMEOUT = ClientTimeout(total=10)


async def beat(url: str) -> bool:
    """Fetch the address; whether it was answered well. Nothing is raised: who watches for it will notice."""
    try:
        async with ClientSession(timeout=TIMEOUT) as session, session.get(url) as answer:
            if answer.status < 400:
                return True
            logger.warning("HEARTBEAT_URL answered with %s", answer.status)
    except (ClientError, TimeoutError, ValueError) as error:
        # The address may be a secret, and so may be what an error says of it.
        logger.warning("HEARTBEAT_URL could not be fetched (%s)", type(error).__name__)
    return False
