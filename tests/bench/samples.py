"""How large a store is with a year of samples of ten mail hosts, and its minutes of two days."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import insert, text

from bot.store import tables
from bot.store.database import Store
from bot.store.samples import HOUR, KEPT, Sample

HOSTS = 10
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def a_year() -> float:
    """MB of the database file, once its log is written back."""
    with tempfile.TemporaryDirectory(prefix="maildesk-bench-") as folder:
        file = Path(folder) / "maildesk.db"
        asyncio.run(_fill(f"sqlite:///{file}"))
        return file.stat().st_size / 1e6


async def _fill(url: str) -> None:
    async with Store(url, b"k" * 32) as store:
        for number in range(HOSTS):
            async with store.transaction() as transaction:
                await transaction.connection.execute(insert(tables.samples), list(_rows(f"mx{number}.example.org")))
        async with store.reading() as connection:
            assert await connection.scalar(text("SELECT count(*) FROM samples")) == HOSTS * (366 * 24 + 2 * 24 * 60)


def _rows(host: str) -> Iterator[dict[str, Any]]:
    for span, kept in KEPT.items():
        for number in range(int(kept.total_seconds()) // span):
            at = int(NOW.timestamp()) - number * span
            count = 1000 + number % 5000
            looks = HOUR // 60 if span == HOUR else 1
            sample = Sample(at, looks, 0, 3, count // 10, count, 12, 0, 2 * count, at - 86_400, 613, True)
            yield {"host": host, "span": span, **asdict(sample)}
