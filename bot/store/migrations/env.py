"""Alembic's entry point; bot/store/schema.py starts it, in the transaction that it hands over.

A new migration is a file in versions/, written by hand; tests/store/test_schema.py says what is still missing in it.
"""

from alembic import context

from bot.store.schema import VERSION_TABLE
from bot.store.tables import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
