"""Speed and size of the bot itself, on the local workspace over a real WebSocket."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import tempfile
from pathlib import Path

from bot import bootstrap
from bot.console.workspace import Workspace
from bot.mailhost.hosts import MailHosts
from bot.settings import Settings
from handlers.app import build_app, serve
from tests.bench.measure import resident
from tests.postfix.hosts import mail_host
from tests.postfix.instance import PrivatePostfix

OPS, ANA = "C0OPS", "login:ana"


async def acknowledgements(postfix: PrivatePostfix, commands: int) -> list[float]:
    """Seconds until each of some simultaneous commands was acknowledged, while a listing runs."""
    with tempfile.TemporaryDirectory(prefix="maildesk-bench-") as folder:
        return await _acknowledgements(postfix, commands, Path(folder))


async def _acknowledgements(postfix: PrivatePostfix, commands: int, folder: Path) -> list[float]:
    async with Workspace() as workspace:
        workspace.add_user(ANA, "ana")
        workspace.add_channel(OPS, "ops", [ANA])
        settings = Settings(
            _env_file=None,  # type: ignore[call-arg]
            slack_bot_token=workspace.bot_token,  # type: ignore[arg-type]
            slack_app_token=workspace.app_token,  # type: ignore[arg-type]
            slack_api_url=workspace.api_url,
            ops_channels=(OPS,),
            operators=(ANA,),
            database_url=f"sqlite:///{folder}/maildesk.db",
            audit_key_file=folder / "audit.key",
        )
        services = bootstrap.services(settings, MailHosts([mail_host(postfix)]))
        stop = asyncio.Event()
        async with services.store:
            serving = asyncio.create_task(serve(build_app(services), services, stop))
            await workspace.connected()
            await workspace.command(ANA, OPS, "/mail status")
            await asyncio.sleep(0.5)
            asked = [workspace.command(ANA, OPS, "/mail queue from:@customers.test") for _ in range(commands)]
            receipts = await asyncio.gather(*asked)
            await services.background.idle()
            stop.set()
            await serving
        return [receipt.seconds for receipt in receipts]


async def idle_memory() -> float:
    """MiB that `maildesk run` takes half a minute after it connected, with nothing to do."""
    with tempfile.TemporaryDirectory(prefix="maildesk-bench-") as folder:
        return await _idle_memory(Path(folder))


async def _idle_memory(folder: Path) -> float:
    async with Workspace() as workspace:
        workspace.add_user(ANA, "ana")
        workspace.add_channel(OPS, "ops", [ANA])
        environment = {
            "PATH": os.environ["PATH"],
            "SLACK_BOT_TOKEN": workspace.bot_token,
            "SLACK_APP_TOKEN": workspace.app_token,
            "SLACK_API_URL": workspace.api_url,
            "OPS_CHANNELS": OPS,
            "APPROVERS": ANA,
            "DATABASE_URL": f"sqlite:///{folder}/maildesk.db",
            "AUDIT_KEY_FILE": str(folder / "audit.key"),
        }
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", env=environment, stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await workspace.connected()
            await asyncio.sleep(30)
            return resident(process.pid)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
