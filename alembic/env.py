"""Migrations: metadata from the contexts, one transaction per migration, bounded waits for locks.

The connection is handed over by the caller (``config.attributes["connection"]``) or made from
``DATABASE_URL``. Tables of the queue are the job library's own (migration 0001) and are left alone.
"""

import os
from typing import Any

from sqlalchemy import create_engine, text
from sqlmodel import SQLModel

from alembic import context
from myapp.accounts import schemas as accounts_schemas
from myapp.contacts import schemas as contacts_schemas
from myapp.imports import schemas as imports_schemas
from myapp.kit import event_tables, repo

METADATA = SQLModel.metadata
OWNED = (accounts_schemas, contacts_schemas, imports_schemas, event_tables)
LOCK_TIMEOUT = "5s"


def include_object(_object: Any, name: str | None, type_: str, *_rest: Any) -> bool:
    """Leave out what the job library owns."""
    return not (type_ in {"table", "index"} and (name or "").startswith("procrastinate_"))


def run(connection: Any) -> None:
    """Run the migrations on a connection."""
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        include_object=include_object,
        compare_type=True,
        compare_server_default=False,
        transaction_per_migration=True,
    )
    with context.begin_transaction():
        context.get_context().connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = create_engine(repo.sqlalchemy_url(os.environ["DATABASE_URL"]))
    with engine.connect() as made:
        run(made)
    engine.dispose()
