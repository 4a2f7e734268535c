"""Socket Mode's good and bad behaviour, seen by a plain WebSocket client and by a real Bolt app."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest
from slack_bolt.async_app import AsyncApp

from bot.console.workspace import Workspace
from tests.console.app import ANA, OPS, client_of, running


async def connect(workspace: Workspace, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
    opened = await client_of(workspace).apps_connections_open(app_token=workspace.app_token)
    socket = await session.ws_connect(opened["url"])
    assert (await socket.receive_json())["type"] in ("hello", "disconnect")
    return socket


def silent(app: AsyncApp) -> None:
    @app.command("/mail")
    async def mail(ack: Any) -> None:
        await ack()


async def test_a_ticket_opens_one_connection_once(workspace: Workspace) -> None:
    opened = await client_of(workspace).apps_connections_open(app_token=workspace.app_token)
    async with aiohttp.ClientSession() as session:
        socket = await session.ws_connect(opened["url"])
        assert (await socket.receive_json())["num_connections"] == 1
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(opened["url"])


async def test_an_envelope_goes_to_one_of_the_connections_and_the_eleventh_is_sent_away(workspace: Workspace) -> None:
    async with aiohttp.ClientSession() as session:
        sockets = [await connect(workspace, session) for _ in range(10)]
        opened = await client_of(workspace).apps_connections_open(app_token=workspace.app_token)
        eleventh = await session.ws_connect(opened["url"])
        assert (await eleventh.receive_json())["reason"] == "too_many_websockets"

        async def answer(socket: aiohttp.ClientWebSocketResponse) -> str:
            envelope = await socket.receive_json()
            await socket.send_json({"envelope_id": envelope["envelope_id"], "payload": {"text": "noted"}})
            return str(envelope["payload"]["text"])

        listeners = [asyncio.create_task(answer(socket)) for socket in sockets]
        receipt = await workspace.command(ANA, OPS, "/mail one")
        assert receipt.payload == {"text": "noted"}
        done, waiting = await asyncio.wait(listeners, timeout=0.05)
        assert [task.result() for task in done] == ["one"]
        for task in waiting:
            task.cancel()
    assert workspace.last(OPS, ANA).text == "noted"
    assert workspace.messages(OPS) == []


async def test_without_a_connection_the_person_reads_that_it_failed(workspace: Workspace) -> None:
    receipt = await workspace.command(ANA, OPS, "/mail status")
    assert (receipt.acked, receipt.error) == (False, "dispatch_failed")
    assert "dispatch_failed" in workspace.last(OPS, ANA).text


async def test_an_acknowledgement_too_late_is_recorded_as_late(workspace: Workspace) -> None:
    workspace.sockets.ack_seconds = 0.05
    async with aiohttp.ClientSession() as session:
        socket = await connect(workspace, session)
        receipt = await workspace.command(ANA, OPS, "/mail status")
        assert receipt.error == "operation_timeout"
        assert receipt.seconds >= 0.05
        envelope = await socket.receive_json()
        assert envelope["accepts_response_payload"] is True
        await socket.send_str(json.dumps({"envelope_id": envelope["envelope_id"]}))
        await workspace.wait(lambda: workspace.sockets.late == [receipt.envelope_id], 1)
    assert "operation_timeout" in workspace.last(OPS, ANA).text


async def test_a_deaf_connection_answers_pings_and_delivers_nothing(workspace: Workspace) -> None:
    workspace.sockets.ack_seconds = 0.05
    workspace.sockets.deaf = True
    async with running(workspace, silent):
        assert not (await workspace.command(ANA, OPS, "/mail status")).acked
        workspace.sockets.deaf = False
        workspace.sockets.ack_seconds = 3
        assert (await workspace.command(ANA, OPS, "/mail status")).acked
    async with aiohttp.ClientSession() as session:
        opened = await client_of(workspace).apps_connections_open(app_token=workspace.app_token)
        socket = await session.ws_connect(opened["url"], autoping=False)
        await socket.receive_json()
        workspace.sockets.deaf = True
        await socket.ping(b"there?")
        assert (await socket.receive(timeout=1)).data == b"there?"
        workspace.sockets.mute = True
        await socket.ping(b"there?")
        with pytest.raises(asyncio.TimeoutError):
            await socket.receive(timeout=0.05)


@pytest.mark.parametrize("how", ["drop", "refresh_requested"])
async def test_an_app_that_loses_its_connection_comes_back(workspace: Workspace, how: str) -> None:
    async with running(workspace, silent):
        if how == "drop":
            workspace.sockets.drop()
        else:
            await workspace.sockets.disconnect(how)
        await workspace.wait(lambda: [c.method for c in workspace.calls].count("apps.connections.open") == 2, 8)
        await workspace.connected()
        assert (await workspace.command(ANA, OPS, "/mail status")).acked
