"""The local Slack's HTTP side: the Web API under `/api/`, response URLs, uploads and the WebSocket."""

import asyncio
import json
import logging
import secrets
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from aiohttp import web

from bot.console.workspace import api_chat, api_files, api_people, api_views, faults, hooks
from bot.console.workspace.calls import ApiError, Arguments, Call, Method, need
from bot.console.workspace.faults import Fault, Faults
from bot.console.workspace.sockets import Sockets
from bot.console.workspace.state import JSON, State

logger = logging.getLogger(__name__)

_EVERYWHERE = {"team_id"}  # Bolt's clients send it with every call


class Server:
    """Listens on a loopback port of the system's choice; every call needs one of the two tokens of this start."""

    def __init__(self, state: State, sockets: Sockets, switched: Faults) -> None:
        self.calls: deque[Call] = deque(maxlen=10_000)
        self.begun = 0
        self.under_way = 0
        self.bot_token = f"xoxb-{secrets.token_hex(24)}"
        self.app_token = f"xapp-{secrets.token_hex(24)}"
        self._state = state
        self._sockets = sockets
        self._faults = switched
        own = Method("apps.connections.open", self._connect, token="xapp")  # noqa: S106 (a kind of token)
        rows = (own, *api_chat.METHODS, *api_views.METHODS, *api_people.METHODS, *api_files.METHODS)
        self._methods = {row.name: row for row in rows}
        self._runner: web.AppRunner | None = None
        self._late: set[asyncio.Task[None]] = set()

    async def start(self) -> str:
        """Starts to listen and returns the base URL."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/api/{method}", self._api)
        app.router.add_post("/respond/{hook}", self._respond)
        app.router.add_post("/upload/{file}", self._upload)
        app.router.add_get("/link", self._sockets.serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._sockets.stop()
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def _connect(self, state: State, _given: Arguments) -> JSON:
        address = state.base_url.replace("http://", "ws://", 1)
        return {"ok": True, "url": f"{address}/link?ticket={self._sockets.ticket()}"}

    async def _api(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["method"]

        async def call() -> tuple[JSON, JSON]:
            values = await _values(request)
            return self._call(request, name, values), values

        return await self._answer(request, name, call)

    def _call(self, request: web.Request, name: str, values: JSON) -> JSON:
        method = self._methods.get(name)
        if method is None:
            raise ApiError("unknown_method", req_method=name)
        self._authorize(request, method, str(values.pop("token", "")))
        if unknown := set(values) - set(method.takes.split()) - _EVERYWHERE:
            # Slack overlooks a mistyped argument; here it is a mistake that someone wants to hear of.
            raise ApiError("invalid_arguments", [f"invalid additional property: {key}" for key in sorted(unknown)])
        return method.do(self._state, Arguments(values))

    def _authorize(self, request: web.Request, method: Method, in_body: str) -> None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ").strip() or in_body
        if not token:
            raise ApiError("not_authed")
        if token not in (self.bot_token, self.app_token):
            raise ApiError("invalid_auth")
        if not token.startswith(method.token):
            raise ApiError("not_allowed_token_type")
        need(method.scope, self._state.scopes)

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        async def call() -> tuple[JSON, JSON]:
            values = await _values(request)
            hooks.respond(self._state, request.match_info["hook"], Arguments(values))
            return {"ok": True}, values

        return await self._answer(request, faults.HOOK, call)

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        async def call() -> tuple[JSON, JSON]:
            file, content = self._state.files.get(request.match_info["file"]), await request.read()
            if file is None or file.content is not None or len(content) != file.length:
                raise ApiError("invalid_upload")
            file.content = content
            return {"ok": True}, {"file": file.id, "length": len(content)}

        return await self._answer(request, faults.UPLOAD, call)

    async def _answer(self, request: web.Request, name: str, call: Callable[[], Any]) -> web.StreamResponse:
        """Makes the call unless a fault comes before it, records it, and answers unless a fault comes after."""
        self.begun += 1
        self.under_way += 1
        try:
            fault, body, error = await self._made(request, name, call)
        finally:
            self.under_way -= 1
        if fault is not None and fault.fails:
            return await _failed(request, fault)
        return self._finished(name, body, error)

    async def _made(self, request: web.Request, name: str, call: Callable[[], Any]) -> tuple[Fault | None, JSON, str]:
        """The fault that the call met, the body to answer with, and the error in it."""
        fault = self._faults.take(name)
        if fault is not None and fault.delay:
            await asyncio.sleep(fault.delay)
        body, values, error = {"ok": True}, {}, ""
        if fault is not None and fault.late:
            await request.read()
            task = asyncio.create_task(self._made_late(fault.late, call), name=f"late {name}")
            self._late.add(task)
            task.add_done_callback(self._late.discard)
        if fault is None or fault.applied:
            try:
                body, values = await call()
            except ApiError as refusal:
                body, values, error = refusal.body(), await _values(request, quiet=True), refusal.code
        else:
            values, error = await _values(request, quiet=True), fault.error
        values.pop("token", None)
        self.calls.append(Call(name, values, error, fault.name if fault else "", asyncio.get_running_loop().time()))
        self._state.touch()
        return fault, body, error

    async def _made_late(self, seconds: float, call: Callable[[], Any]) -> None:
        await asyncio.sleep(seconds)
        with suppress(ApiError):
            await call()
        self._state.touch()

    def _finished(self, name: str, body: JSON, error: str) -> web.Response:
        if name == faults.HOOK:
            status = 404 if error in ("expired_url", "used_url") else 400 if error else 200
            return web.Response(status=status, text=error or "ok")
        if name == faults.UPLOAD:
            return web.Response(status=400 if error else 200, text=error or "OK - uploaded")
        return web.json_response(body, headers={"x-oauth-scopes": ",".join(sorted(self._state.scopes))})


async def _failed(request: web.Request, fault: Fault) -> web.StreamResponse:
    if fault.silent:
        await asyncio.Event().wait()  # cancelled when the caller gives up, or at the workspace's stop
    if fault.reset and request.transport is not None:
        request.transport.abort()
    if fault.error:
        answer = {"ok": False, "error": fault.error, **fault.extra}
        return web.json_response(answer, status=fault.status, headers=fault.headers)
    return web.Response(status=fault.status, text="something went wrong", headers=fault.headers)


async def _values(request: web.Request, *, quiet: bool = False) -> JSON:
    """The arguments of a request: its query, and its body as JSON or form. Raises ApiError `invalid_json`."""
    values: JSON = dict(request.query)
    body = await request.read()
    if request.content_type == "application/json" and body:
        try:
            given = json.loads(body)
        except ValueError:
            given = None
        if isinstance(given, dict):
            values |= given
        elif not quiet:
            raise ApiError("invalid_json")
    elif request.content_type in ("application/x-www-form-urlencoded", "multipart/form-data"):
        values |= {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
    return values
