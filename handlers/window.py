"""What an interaction may open for its person: a modal within three seconds, and a file in their direct messages."""

import logging
from collections.abc import Mapping
from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from bot.errors import UserError
from handlers.refusals import said
from handlers.reply import SLACK_ERRORS

logger = logging.getLogger(__name__)


class Window:
    """`view` is the modal that was pressed or sent; empty for what came from a message."""

    def __init__(self, client: AsyncWebClient, user: str, trigger_id: str, view: Mapping[str, Any]) -> None:
        self._client = client
        self._user = user
        self._trigger_id = trigger_id
        self.view = view

    async def open(self, view: Mapping[str, Any]) -> str:
        """Open a modal; its ID. Raises UserError when Slack does not, mostly because three seconds were over."""
        try:
            opened = await self._client.views_open(trigger_id=self._trigger_id, view=dict(view))
        except SLACK_ERRORS as error:
            logger.warning("a window could not be opened for %s: %s", self._user, error)
            raise UserError(
                f"Slack did not open the window ({said(error)}), so nothing was done. Press the button again."
            ) from None
        return str(opened["view"]["id"])

    async def change(self, view: Mapping[str, Any], view_id: str = "") -> None:
        """Show something else in the modal, without `view_id` in the one that was pressed. Raises UserError."""
        try:
            await self._client.views_update(view_id=view_id or str(self.view.get("id", "")), view=dict(view))
        except SLACK_ERRORS as error:
            if said(error) == "not_found":
                return  # It was closed meanwhile.
            logger.warning("a window could not be changed for %s: %s", self._user, error)
            raise UserError(f"Slack did not show it ({said(error)}). Close the window and open it again.") from None

    async def send_file(self, name: str, title: str, content: str) -> None:
        """Put a file into this person's direct messages with the bot. Raises UserError when Slack does not take it."""
        try:
            opened = await self._client.conversations_open(users=self._user)
            await self._client.files_upload_v2(
                channel=str(opened["channel"]["id"]), filename=name, title=title, content=content
            )
        except SLACK_ERRORS as error:
            logger.warning("a file could not be given to %s: %s", self._user, error)
            raise UserError(f"Slack did not take the file ({said(error)}). Try again in a moment.") from None
