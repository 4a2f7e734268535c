"""The key of the audit chain: made once, while nothing was written with another, and never lost in silence."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bot.errors import StoreError
from bot.store.database import Store
from bot.store.key import file_key
from tests.store.subjects import write


async def test_the_first_start_makes_a_key_and_the_next_ones_use_it(url: str, tmp_path: Path) -> None:
    file = tmp_path / "audit.key"
    async with Store(url, file_key(file)) as store:
        await write(store, range(1, 3))
    made = file.read_text()
    assert len(made.strip()) == 64
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    async with Store(url, file_key(file)) as store:
        await write(store, range(3, 5))
        assert await store.audit.verify() == ()
    assert file.read_text() == made
    async with Store(url, made.strip().encode()) as store:
        assert await store.audit.verify() == (), "AUDIT_KEY may hold what the file holds"


async def test_a_key_that_is_gone_is_not_replaced(url: str, tmp_path: Path) -> None:
    file = tmp_path / "audit.key"
    async with Store(url, file_key(file)) as store:
        await write(store, range(1, 2))
    file.unlink()
    with pytest.raises(StoreError, match=r"The key of the audit chain is gone: there is no .*audit\.key") as told:
        await Store(url, file_key(file)).open()
    assert "Bring the file back from its copy" in str(told.value)
    assert not file.exists()


async def test_a_key_that_is_cut_off_is_refused(url: str, tmp_path: Path) -> None:
    file = tmp_path / "audit.key"
    file.write_text("short\n")
    with pytest.raises(StoreError, match="is too short: 5 characters, 32 are needed"):
        await Store(url, file_key(file)).open()


async def test_a_key_that_can_not_be_read_or_made_is_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="can't be read"):
        await Store(url, file_key(tmp_path)).open()
    with pytest.raises(StoreError, match=r"can't be made at .*/none/audit\.key"):
        await Store(url, file_key(tmp_path / "none" / "audit.key")).open()


async def test_a_short_key_is_refused(url: str) -> None:
    with pytest.raises(StoreError, match="AUDIT_KEY is too short: 5 bytes, 32 are needed"):
        await Store(url, b"short").open()
