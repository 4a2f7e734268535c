"""Socket Mode: tickets, connections, envelopes, acknowledgements (docs.slack.dev/apis/events-api/using-socket-mode)."""

import asyncio
import itertools
import json
import logging
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from aiohttp import WSCloseCode, WSMsgType, web

from bot.console.workspace.state import APP_ID, JSON

logger = logging.getLogger(__name__)

MOST_CONNECTIONS = 10
PING_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """How an envelope fared; `seconds` until its acknowledgement, `payload` what the app sent with it.

    `error` is empty, `dispatch_failed` (nobody was connected) or `operation_timeout` (nobody acknowledged in time).
    """

    envelope_id: str
    seconds: float = 0.0
    payload: JSON = field(default_factory=dict)
    error: str = ""

    @property
    def acked(self) -> bool:
        return not self.error

    @property
    def errors(self) -> dict[str, str]:
        """A modal's errors by block_id, if the app refused its submission."""
        found = self.payload.get("errors")
        return dict(found) if isinstance(found, dict) else {}


class Sockets:
    """The app's WebSocket connections. `deaf` delivers nothing; `mute` does not even answer pings."""

    def __init__(self, ack_seconds: float, changed: Callable[[], None]) -> None:
        self.ack_seconds = ack_seconds
        self._changed = changed
        self.deaf = False
        self.mute = False
        self.late: list[str] = []
        self._tickets: set[str] = set()
        self._open: dict[web.WebSocketResponse, web.Request] = {}
        self._waiting: dict[str, asyncio.Future[JSON]] = {}
        self._turn = itertools.count()

    @property
    def connections(self) -> int:
        return len(self._open)

    def ticket(self) -> str:
        """A ticket that opens one connection, once."""
        name = secrets.token_urlsafe(24)
        self._tickets.add(name)
        return name

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """One connection, from `hello` to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=408, text="unknown or used ticket")
        self._tickets.discard(ticket)
        # Pings are answered by hand: a deaf connection that still says "pong" is one of the faults.
        socket = web.WebSocketResponse(autoping=False)
        await socket.prepare(request)
        if len(self._open) >= MOST_CONNECTIONS:
            await socket.send_json({"type": "disconnect", "reason": "too_many_websockets"})
            await socket.close()
            return socket
        self._open[socket] = request
        self._changed()
        pinger = asyncio.create_task(self._ping(socket))
        try:
            await socket.send_json(
                {
                    "type": "hello",
                    "num_connections": len(self._open),
                    "debug_info": {"host": "applink-local", "approximate_connection_time": 18060},
                    "connection_info": {"app_id": APP_ID},
                }
            )
            await self._listen(socket)
        finally:
            pinger.cancel()
            self._open.pop(socket, None)
            self._changed()
        return socket

    async def send(self, kind: str, payload: JSON, *, accepts_payload: bool) -> Receipt:
        """Sends an envelope to one connection and waits for its acknowledgement."""
        envelope = str(uuid.uuid4())
        if not self._open:
            return Receipt(envelope, error="dispatch_failed")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[JSON] = loop.create_future()
        self._waiting[envelope] = answer
        started = loop.time()
        message = {
            "envelope_id": envelope,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": accepts_payload,
        }
        try:
            if not self.deaf:
                await list(self._open)[next(self._turn) % len(self._open)].send_json(message)
            body = await asyncio.wait_for(answer, self.ack_seconds)
        except TimeoutError:
            return Receipt(envelope, loop.time() - started, error="operation_timeout")
        except ConnectionError:
            return Receipt(envelope, loop.time() - started, error="dispatch_failed")
        finally:
            self._waiting.pop(envelope, None)
        return Receipt(envelope, loop.time() - started, body)

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Asks every connection to leave, as Slack does (`warning`, `refresh_requested`, `link_disabled`)."""
        for socket in list(self._open):
            await socket.send_json({"type": "disconnect", "reason": reason, "debug_info": {"host": "applink-local"}})
            if reason != "warning":
                self._open.pop(socket, None)

    def drop(self) -> None:
        """Cuts every connection without a word."""
        for request in list(self._open.values()):
            if request.transport is not None:
                request.transport.abort()

    async def stop(self) -> None:
        for socket in list(self._open):
            await socket.close(code=WSCloseCode.GOING_AWAY)

    async def _ping(self, socket: web.WebSocketResponse) -> None:
        for number in itertools.count():
            await asyncio.sleep(PING_SECONDS)
            if not self.mute and not socket.closed:
                await socket.ping(f"Ping from applink-local {number}".encode())

    async def _listen(self, socket: web.WebSocketResponse) -> None:
        async for message in socket:
            if message.type is WSMsgType.PING and not self.mute:
                await socket.pong(message.data)
            elif message.type is WSMsgType.TEXT:
                self._acknowledged(message.data)

    def _acknowledged(self, text: str) -> None:
        try:
            answer = json.loads(text)
            envelope = str(answer["envelope_id"])
        except (ValueError, KeyError, TypeError):
            logger.warning("not an acknowledgement: %.200r", text)
            return
        waiting = self._waiting.pop(envelope, None)
        if waiting is None or waiting.done():
            self.late.append(envelope)
            self._changed()
            return
        payload = answer.get("payload")
        waiting.set_result({"text": payload} if isinstance(payload, str) else payload or {})
