"""Migrations: up, down, up again; the models and the database agree; every foreign key has an index."""

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, text
from sqlmodel import SQLModel

from myapp.kit.repo import sqlalchemy_url
from tests.conftest import cloned_database, migrate

_FOREIGN_KEYS = """
    SELECT c.conrelid::regclass::text AS table, c.conname AS name, c.conkey AS columns
    FROM pg_constraint c
    WHERE c.contype = 'f' AND c.conrelid::regclass::text NOT LIKE 'procrastinate%'
"""
_INDEXES = """
    SELECT i.indrelid::regclass::text AS table, i.indkey::int2[] AS columns
    FROM pg_index i WHERE i.indpred IS NULL
"""


@pytest.fixture
def url():
    with cloned_database("test_migrations") as address:
        yield address


def tables(url: str) -> set[str]:
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row[0] for row in rows}


def test_down_and_up_again_leave_the_same_tables(url):
    before = tables(url)
    migrate(url, "base")
    assert tables(url) == {"alembic_version"}
    migrate(url, "head")
    assert tables(url) == before


def test_one_step_down_and_up(url):
    before = tables(url)
    migrate(url, "-1")
    assert tables(url) < before
    migrate(url)
    assert tables(url) == before


def test_autogenerate_finds_nothing(url):
    engine = create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda _o, name, kind, *_: (
                    kind not in {"table", "index"} or not (name or "").startswith("procrastinate_")
                ),
            },
        )
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_every_foreign_key_has_an_index(url):
    engine = create_engine(sqlalchemy_url(url))
    with engine.connect() as connection:
        indexes = [
            (row.table, list(row.columns)) for row in connection.execute(text(_INDEXES)).all()
        ]
        bare = [
            f"{key.table}.{key.name}"
            for key in connection.execute(text(_FOREIGN_KEYS)).all()
            if not any(
                table == key.table and columns[: len(key.columns)] == list(key.columns)
                for table, columns in indexes
            )
        ]
    engine.dispose()
    assert bare == []


def test_the_applications_role_is_no_superuser(url):
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
    assert row == (False, False, False)
