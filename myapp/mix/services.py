"""The servers a task works with: the ones named by the environment, or embedded ones.

``reached`` is for tasks that come and go: they borrow the servers of a running application, or
start them for as long as they need. ``run`` and ``dev`` keep servers alive instead.
"""

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from myapp import config
from myapp.config import Settings
from myapp.mix import lock
from myapp.mix.terminal import CannotRun, Screen

if TYPE_CHECKING:
    from myapp.kit.embedded import EmbeddedPostgres, EmbeddedValkey

    Server = EmbeddedPostgres | EmbeddedValkey

OLDEST_POSTGRES = 150000
CONNECT_TIMEOUT_S = 4


@contextmanager
def reached(*, with_redis: bool = True) -> Generator[Settings]:
    """Give the settings with servers that answer; stop afterwards what was started for it."""
    settings = config.load()
    check_named(settings)
    with ExitStack() as stack:
        if settings.database_url is None or (with_redis and settings.redis_url is None):
            is_owner = stack.enter_context(lock.hold_if_free(settings.data_dir, "task")) is not None
            for name, server in embedded(settings).items():
                if name == "REDIS_URL" and not with_redis:
                    continue
                start(server)
                os.environ[name] = server.url()
                if is_owner:
                    stack.callback(server.stop)
        ensure_secret(settings)
        yield config.load()


def embedded(settings: Settings) -> dict[str, "Server"]:
    """Return the embedded servers that stand in for unnamed ones, by their setting."""
    from myapp.kit.embedded import EmbeddedPostgres, EmbeddedValkey

    servers: dict[str, Server] = {}
    if settings.database_url is None:
        servers["DATABASE_URL"] = EmbeddedPostgres(settings.data_dir)
    if settings.redis_url is None:
        servers["REDIS_URL"] = EmbeddedValkey(settings.data_dir)
    return servers


def start(server: "Server") -> None:
    """Start an embedded server or refuse with its last words."""
    from myapp.kit.embedded import EmbeddedServerFailed

    try:
        server.start()
    except EmbeddedServerFailed as error:
        raise CannotRun(*str(error).splitlines()) from None


def check_named(settings: Settings, screen: Screen | None = None) -> None:
    """Refuse when a server named by the environment does not answer or is too old."""
    checks = [
        ("PostgreSQL", settings.database_url, _ask_postgres),
        ("Redis", settings.redis_url, _ask_redis),
    ]
    refusals = []
    for name, secret, ask in checks:
        if secret is None:
            continue
        url = secret.get_secret_value()
        try:
            version = asyncio.run(_answer(url, ask))
        except ConnectionError as error:
            refusals.append(f"{_setting(name)}: {name} at {_place(url)}: {error}")
        else:
            if screen is not None:
                with screen.step(f"{name} {version} at {_place(url)}"):
                    pass
    if refusals:
        raise CannotRun(*refusals)


def ensure_secret(settings: Settings) -> None:
    """Keep one secret for all processes of this data directory where none is set."""
    if settings.secret_key is not None:
        return
    path = settings.data_dir / "secret.key"
    try:
        secret = path.read_text().strip()
    except FileNotFoundError:
        secret = secrets.token_hex(32)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secret)
    os.environ["SECRET_KEY"] = secret


async def _answer(url: str, ask: Callable[[str], Awaitable[str]]) -> str:
    # The bare socket first: it tells refused, unknown and silent apart in plain words.
    host, _, port = _place(url).rpartition(":")
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            writer.close()
            return await ask(url)
    except TimeoutError:
        raise ConnectionError("no answer") from None
    except socket.gaierror:
        raise ConnectionError("there is no host of this name") from None
    except ConnectionRefusedError:
        raise ConnectionError("nothing listens there") from None
    except OSError as error:
        raise ConnectionError(error.strerror or str(error)) from None


async def _ask_postgres(url: str) -> str:
    import psycopg

    try:
        connection = await psycopg.AsyncConnection.connect(url)
    except psycopg.OperationalError as error:
        raise ConnectionError(_reason(error)) from None
    async with connection:
        number = connection.info.server_version
    if number < OLDEST_POSTGRES:
        raise ConnectionError(f"version {number // 10000} is too old; 15 or later is needed")
    return f"{number // 10000}.{number % 10000}"


async def _ask_redis(url: str) -> str:
    import redis.asyncio as redis
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff

    # It would try a wrong password ten times, for as many seconds.
    once = Retry(NoBackoff(), 0)
    client = redis.from_url(url.replace("valkey://", "redis://", 1), retry=once)
    try:
        about = await client.info("server")
    except redis.RedisError as error:
        raise ConnectionError(_reason(error)) from None
    finally:
        await client.aclose()
    return str(about.get("valkey_version") or about["redis_version"])


def _reason(error: Exception) -> str:
    # psycopg repeats the address and the word FATAL before the reason itself.
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0].rpartition("failed: ")[2].removeprefix("FATAL:").strip()


def _place(url: str) -> str:
    parts = urlsplit(url)
    default = 5432 if parts.scheme.startswith("postgres") else 6379
    return f"{parts.hostname}:{parts.port or default}"


def _setting(name: str) -> str:
    return "DATABASE_URL" if name == "PostgreSQL" else "REDIS_URL"


def database_url(settings: Settings) -> str:
    """Return the address of the database a task has reached."""
    assert settings.database_url is not None
    return settings.database_url.get_secret_value()


def place_note(server: "Server", settings: Settings) -> str:
    """Return where a server's data lie when that is not the data directory, else nothing."""
    home = server.home
    return "" if home.is_relative_to(settings.data_dir.resolve()) else f"data in {home}"


def shown_path(path: Path) -> str:
    """Return a path for people: relative where that is shorter."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
