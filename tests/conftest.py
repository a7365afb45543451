"""Real servers for every test: PostgreSQL and Valkey from wheels, a database cloned per process.

The controlling process starts the servers once; each test process clones a migrated template
(28 ms) and runs its services on one event loop. Tables are emptied after every test that used them.
"""

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from alembic.config import Config as AlembicConfig

from alembic import command
from myapp import accounts, application
from myapp.accounts import Role, Scope
from myapp.application import Services
from myapp.config import Environment, Settings
from myapp.kit.embedded.postgres import EmbeddedPostgres
from myapp.kit.embedded.valkey import EmbeddedValkey
from tests.fixtures.accounts import scope_fixture
from tests.fixtures.messages import Heard

ROOT = Path(__file__).parent.parent
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_servers: list = []


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(config, "workerinput") or "TEST_SUPER_URL" in os.environ:
        return
    folder = Path(tempfile.mkdtemp(prefix="myapp-test-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user than root
    postgres = EmbeddedPostgres(folder / "postgres", FAST)
    valkey = EmbeddedValkey(folder / "valkey")
    for server in (postgres, valkey):
        server.start()
        _servers.append(server)
    os.environ["TEST_SUPER_URL"] = postgres.url("postgres", "postgres")
    os.environ["TEST_OWNER_URL"] = postgres.url()
    os.environ["TEST_REDIS_URL"] = valkey.url()
    _make_template()


def pytest_unconfigure(config: pytest.Config) -> None:
    for server in reversed(_servers):
        server.stop()
        if isinstance(server, EmbeddedPostgres):
            server.erase()
    for server in _servers[:1]:
        shutil.rmtree(server.root.parent, ignore_errors=True)
    if _servers:
        os.environ.pop("TEST_SUPER_URL", None)
    _servers.clear()


def _make_template() -> None:
    with psycopg.connect(os.environ["TEST_SUPER_URL"], autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_myapp OWNER myapp")
    migrate(database_url("template_myapp"))


def migrate(url: str, revision: str = "head") -> None:
    """Bring a database to a revision, up or down."""
    config = AlembicConfig(str(ROOT / "alembic.ini"))
    before, os.environ["DATABASE_URL"] = os.environ.get("DATABASE_URL"), url
    try:
        move = (
            command.downgrade if revision.startswith("-") or revision == "base" else command.upgrade
        )
        move(config, revision)
    finally:
        os.environ.pop("DATABASE_URL")
        if before is not None:
            os.environ["DATABASE_URL"] = before


def database_url(name: str, *, as_super: bool = False) -> str:
    """Return a database's address on the test server."""
    url = os.environ["TEST_SUPER_URL" if as_super else "TEST_OWNER_URL"]
    return url.rpartition("/")[0] + "/" + name


@contextlib.contextmanager
def cloned_database(name: str) -> Iterator[str]:
    """Clone the migrated template, and drop the clone at the end."""
    with psycopg.connect(os.environ["TEST_SUPER_URL"], autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template_myapp OWNER myapp')
        try:
            yield database_url(name)
        finally:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def database(worker_id: str = "") -> Iterator[str]:
    name = "test_" + hashlib.blake2s(f"{os.getpid()}".encode(), digest_size=4).hexdigest()
    with cloned_database(name) as url:
        yield url


@pytest.fixture(scope="session")
def settings(database: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_for(database, tmp_path_factory.mktemp("data"))


def settings_for(url: str, data_dir: Path, **changes: object) -> Settings:
    """Return the settings a test process runs under."""
    return Settings.model_validate(
        {
            "MYAPP_ENV": Environment.TEST,
            "DATABASE_URL": url,
            "REDIS_URL": os.environ["TEST_REDIS_URL"],
            "DATA_DIR": data_dir,
            "SECRET_KEY": "k" * 32,
            "LOG_LEVEL": "error",
            **changes,
        }
    )


@pytest.fixture(scope="session")
async def session_services(settings: Settings) -> AsyncIterator[Services]:
    async with application.services(settings, listen=True) as running:
        yield running


@pytest.fixture
async def services(session_services: Services) -> AsyncIterator[Services]:
    yield session_services
    await _empty(session_services)


async def _empty(services: Services) -> None:
    async with services.repo.engine.begin() as connection:
        await connection.exec_driver_sql(
            "TRUNCATE workspaces, people, person_sessions, set_up_tokens, events, topic_heads,"
            " job_errors, procrastinate_jobs, procrastinate_workers,"
            " procrastinate_periodic_defers CASCADE"
        )


@pytest.fixture
async def scope(services: Services) -> Scope:
    """An admin of a workspace."""
    return await scope_fixture()


@pytest.fixture
async def other_scope(services: Services) -> Scope:
    """An admin of another workspace: sees nothing, hears nothing."""
    return await scope_fixture()


@pytest.fixture
async def viewer(scope: Scope) -> Scope:
    """A viewer of the same workspace as ``scope``."""
    return await scope_fixture(workspace_of=scope, role=Role.VIEWER)


@pytest.fixture
def heard(services: Services) -> Heard:
    """What was said on topics: ``await heard.on(topic)``."""
    return Heard(services.event_log)


@pytest.fixture
async def run_jobs(services: Services) -> Callable[[], Awaitable[None]]:
    """Run the jobs that are due, until none is left."""

    async def run() -> None:
        await services.jobs.app.run_worker_async(
            wait=False, install_signal_handlers=False, listen_notify=False, concurrency=1
        )

    return run


__all__ = ["accounts"]
