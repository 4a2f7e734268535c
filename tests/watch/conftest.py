"""A store on each kind of database, and the alerts of a bot on it."""

from __future__ import annotations

from tests.store.conftest import url

__all__ = ["url"]
