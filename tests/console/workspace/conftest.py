"""A started workspace with two people, and the app's client."""

from collections.abc import AsyncIterator

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bot.console.workspace import Workspace
from tests.console.app import client_of, people


@pytest.fixture
async def workspace() -> AsyncIterator[Workspace]:
    async with Workspace() as workspace:
        people(workspace)
        yield workspace


@pytest.fixture
def client(workspace: Workspace) -> AsyncWebClient:
    return client_of(workspace)
