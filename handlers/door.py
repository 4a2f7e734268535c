"""Lets each command and click in: acknowledges it at once, works on it after, and tells its person every error."""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any

from slack_bolt.context.ack.async_ack import AsyncAck
from slack_sdk.web.async_client import AsyncWebClient

from bot.actors import Actor
from bot.errors import MaildeskError, NotAllowed, UserError
from bot.services import Services
from handlers.access import Access, Body, Elsewhere, NoRole, channel_of, require, user_of
from handlers.blocks import notice
from handlers.blocks.kit import Card
from handlers.blocks.request_modal import kept
from handlers.reply import Reply
from handlers.window import Window

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Request:
    """One command, click or sent window of a person who was let in.

    `words` is what stood behind `/mail`; `value` is the pressed button's, or the chosen option's; `blocks` are those of
    the message that it stands in. `workspace` is the team's ID; `window` opens and changes modals.
    """

    services: Services
    actor: Actor
    reply: Reply
    window: Window
    workspace: str = ""
    words: str = ""
    value: str = ""
    block_id: str = ""
    blocks: tuple[dict[str, Any], ...] = ()


Deed = Callable[[Request], Awaitable[None]]
AtHome = Callable[[str, Card | None], Awaitable[None]]
"""Answers a user in their Home tab; without an answer it shows what is there now."""
NOTHING_WRONG: Mapping[str, str] = MappingProxyType({})


class Door:
    """What the listeners hand their work to. Nothing else starts work for a person."""

    def __init__(self, client: AsyncWebClient, services: Services) -> None:
        self._client = client
        self._services = services
        self._access = Access(client, services)
        self.at_home: AtHome = self._publish

    async def admit(
        self, ack: AsyncAck, body: Body, deed: Deed, verb: str = "help", wrong: Mapping[str, str] = NOTHING_WRONG
    ) -> None:
        """Acknowledge, then let the person in if they may do `verb`, and do it.

        `wrong` is what is wrong with a window that was sent, by block_id: then it stays open and shows that.
        Nothing here may raise between the acknowledgement and the return: Bolt could lose the acknowledgement.
        """
        if wrong:
            await ack(response_action="errors", errors=dict(wrong))
            return
        await ack()
        self._services.background.start(self._work(body, deed, verb), f"{verb} for {user_of(body)}")

    async def _work(self, body: Body, deed: Deed, verb: str) -> None:
        """The one place where errors become answers."""
        reply = self._reply(body)
        try:
            actor = await self._access.admit(body)
            require(actor, verb, self._services.roster)
            await deed(self._request(body, actor, reply))
            if _pressed_at_home(body):
                await self.at_home(reply.user, None)
        except MaildeskError as error:
            await reply.privately(self._known(error))
        except asyncio.CancelledError:
            raise
        except Exception:
            reference = secrets.token_hex(4)
            logger.exception("reference %s: %s for %s failed", reference, verb, reply.user)
            await reply.privately(notice.unexpected(reference))

    def _known(self, error: MaildeskError) -> Card:
        if isinstance(error, Elsewhere):
            return notice.elsewhere(self._services.settings.ops_channels)
        if isinstance(error, NoRole) or (isinstance(error, NotAllowed) and error.who):
            return notice.refusal(str(error), error.who)
        return notice.error(str(error))

    def _reply(self, body: Body) -> Reply:
        container = body.get("container") or {}
        return Reply(
            self._client,
            user=user_of(body),
            channel=channel_of(body) or _of_window(body),
            response_url=str(body.get("response_url") or ""),
            clicked=str(container.get("message_ts") or ""),
            alone=bool(container.get("is_ephemeral")),
            home=partial(self.at_home, user_of(body)) if _is_home(body) else None,
        )

    async def _publish(self, user: str, card: Card | None) -> None:
        """The answer alone: nobody keeps the Home tabs."""
        if card:
            await self._client.views_publish(user_id=user, view={"type": "home", "blocks": list(card.blocks)})

    def _request(self, body: Body, actor: Actor, reply: Reply) -> Request:
        pressed = (body.get("actions") or [{}])[0]
        chosen = pressed.get("selected_option") or {}
        return Request(
            services=self._services,
            actor=actor,
            reply=reply,
            window=Window(self._client, reply.user, str(body.get("trigger_id") or ""), body.get("view") or {}),
            workspace=str(body.get("team_id") or (body.get("team") or {}).get("id") or ""),
            words=str(body.get("text") or ""),
            value=str(pressed.get("value") or chosen.get("value") or ""),
            block_id=str(pressed.get("block_id") or ""),
            blocks=tuple((body.get("message") or {}).get("blocks") or ()),
        )


def _is_home(body: Body) -> bool:
    return (body.get("event") or {}).get("type") == "app_home_opened" or _pressed_at_home(body)


def _pressed_at_home(body: Body) -> bool:
    return (body.get("view") or {}).get("type") == "home" and "actions" in body


def _of_window(body: Body) -> str:
    """The channel for whose people a window works; the window remembers it."""
    try:
        return kept(body.get("view") or {}).channel
    except UserError:
        return ""
