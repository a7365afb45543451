"""The database: migrations, seeds, a fresh start."""

import asyncio
from typing import TYPE_CHECKING

import typer

from myapp.mix import services
from myapp.mix.frontend import ROOT
from myapp.mix.terminal import CannotRun, Screen

if TYPE_CHECKING:
    from alembic.config import Config

EXTENSIONS = ("pg_trgm", "unaccent")


def migrate(
    revision: str = typer.Argument("head", help="How far up."),
    with_seeds: bool = typer.Option(False, "--seed", help="Then seed, in development."),
) -> None:
    """Bring the database's tables up to date."""
    from alembic import command

    with services.reached(with_redis=with_seeds) as settings:
        command.upgrade(alembic_config(), revision)
        if with_seeds and settings.is_development:
            _seed(settings)


def rollback(
    revision: str = typer.Argument("-1", help="How far down."),
) -> None:
    """Take the last migration back."""
    from alembic import command

    with services.reached(with_redis=False):
        command.downgrade(alembic_config(), revision)


def seed() -> None:
    """Put in the demo workspace; safe to run twice; development only."""
    with services.reached() as settings:
        if not settings.is_development:
            raise CannotRun(f"seed: MYAPP_ENV={settings.env}: seeds belong to development")
        _seed(settings)


def reset(
    is_forced: bool = typer.Option(False, "--force", help="Also outside development."),
) -> None:
    """Delete everything in the database and start over: migrate, then seed."""
    from alembic import command

    with services.reached() as settings:
        if not (settings.is_development or is_forced):
            raise CannotRun(f"reset: MYAPP_ENV={settings.env}: this deletes data; add --force")
        screen = Screen()
        with screen.step("Everything deleted"):
            _drop_everything(services.database_url(settings))
        with screen.step("Tables made anew"):
            command.upgrade(alembic_config(), "head")
        if settings.is_development:
            with screen.step("Demo workspace seeded"):
                _seed(settings)


def alembic_config() -> "Config":
    """Return alembic's configuration; its environment reads DATABASE_URL."""
    from alembic.config import Config

    return Config(str(ROOT / "alembic.ini"))


def _seed(settings: services.Settings) -> None:
    from myapp import application

    asyncio.run(application.seed(settings))


def _drop_everything(url: str) -> None:
    import psycopg
    from psycopg import sql

    try:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("SET lock_timeout = '5s'")
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
            for name in EXTENSIONS:
                connection.execute(sql.SQL("CREATE EXTENSION {}").format(sql.Identifier(name)))
    except psycopg.errors.LockNotAvailable:
        raise CannotRun("reset: the database is in use; stop the application first") from None
