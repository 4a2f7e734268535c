"""A file on its way to Slack, shared with nobody (docs.slack.dev/messaging/working-with-files#upload).

Three calls: an address, the bytes, the completion. What is not completed is nobody's file, and Slack forgets it.
"""

from aiohttp import ClientSession, ClientTimeout
from slack_sdk.web.async_client import AsyncWebClient

from handlers.posting import NotTaken, Poster
from handlers.refusals import Refusal, refusal
from handlers.reply import SLACK_ERRORS

ADDRESS, UPLOAD, COMPLETE = "files.getUploadURLExternal", "upload", "files.completeUploadExternal"


class Uploads:
    """Each method raises NotTaken or Held. The client is one without retry handlers."""

    def __init__(self, client: AsyncWebClient, poster: Poster) -> None:
        self._client = client
        self._poster = poster

    async def send(self, name: str, content: bytes, alt: str) -> str:
        """The ID of a file whose bytes Slack has, and that is not completed yet."""
        address = await self._poster.ask(
            ADDRESS,
            lambda: self._client.files_getUploadURLExternal(filename=name, length=len(content), alt_txt=alt),
        )
        await self._put(str(address["upload_url"]), content)
        return str(address["file_id"])

    async def complete(self, file_id: str, title: str) -> None:
        """From now on the file is the app's own, and Slack processes it."""
        await self._poster.ask(
            COMPLETE,
            lambda: self._client.files_completeUploadExternal(files=[{"id": file_id, "title": title}]),
        )

    async def _put(self, address: str, content: bytes) -> None:
        client = self._client
        timeout = ClientTimeout(total=client.timeout)
        try:
            async with (
                ClientSession(timeout=timeout, trust_env=client.trust_env_in_session) as session,
                session.post(address, data=content, proxy=client.proxy, ssl=client.ssl or True) as answer,
            ):
                status = answer.status
        except SLACK_ERRORS as error:
            raise NotTaken(UPLOAD, refusal(error)) from error
        if status != 200:
            raise NotTaken(UPLOAD, Refusal(f"HTTP status {status}", sure=False, lasting=False))
