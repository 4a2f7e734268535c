"""Brings a database to the schema of this version, by the migrations in this folder (Alembic, in this process)."""

import functools
import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from bot.store.engine import Database
from bot.store.tables import metadata

VERSION_TABLE = "maildesk_schema"


def upgrade(connection: Connection, database: Database, make: bool) -> None:
    """Run the migrations that are missing, in this connection's transaction.

    Raises StoreError for what is not ours, and, without `make`, for what is not up to date.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    known = _migrations()
    current = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()
    if current == known.get_current_head():
        return
    if current is None:
        foreign = sorted(set(inspect(connection).get_table_names()) & set(metadata.tables))
        if foreign:
            raise database.error(
                f"holds tables of something else, under names that Maildesk needs ({', '.join(foreign)}). It was left "
                "as it is; name another database in DATABASE_URL."
            )
    elif current not in {script.revision for script in known.walk_revisions()}:
        raise database.error(
            f"was last used by a newer Maildesk (schema {current}; this one knows up to {known.get_current_head()}). "
            "It was left as it is; run that version, or bring back a copy from before."
        )
    if not make:
        raise database.error("is not up to date. Start the bot once, which sees to that.")
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    return config


@functools.cache
def _migrations() -> ScriptDirectory:
    """The migrations of this version; reading them takes longer than opening a database that has them all."""
    return ScriptDirectory.from_config(_config())
