"""The supervision trees: which services run in a web process, a worker, a console, a test.

Recovery is start-up: a tree that starts after any crash finds its work in PostgreSQL.
"""

import asyncio
import contextlib
import inspect
from collections.abc import AsyncGenerator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog

from myapp import accounts, contacts, dashboard, imports, runtime
from myapp.accounts import workers as accounts_workers
from myapp.config import Settings
from myapp.imports import workers as imports_workers
from myapp.kit import telemetry
from myapp.kit.event_log import EventLog
from myapp.kit.jobs import Job, Jobs, worker, workers_of
from myapp.kit.limiter import Limiter
from myapp.kit.pubsub import PubSub
from myapp.kit.repo import Repo
from myapp.kit.supervisor import Child, Supervisor
from myapp.kit.topics import Channel

log = structlog.get_logger(__name__)

CHANNELS: dict[str, Channel] = {
    channel.kind: channel
    for channel in (
        accounts.CHANNEL,
        contacts.CHANNEL,
        imports.LIST_CHANNEL,
        imports.BATCH_CHANNEL,
        dashboard.CHANNEL,
    )
}
_SERVICES = ("settings", "repo", "jobs", "pubsub", "limiter")


@worker(cron="*/10 * * * *")
async def prune(_job: Job) -> None:
    """Delete old messages and jobs that ended long ago."""
    messages = await EventLog(runtime.repo.engine).prune()
    await runtime.jobs.prune()
    log.info("pruned", messages=messages)


WORKERS = [
    worker_ for module in (accounts_workers, imports_workers) for worker_ in workers_of(module)
] + [prune]


@dataclass(frozen=True, slots=True)
class Services:
    """What a tree runs, for the endpoint and for tests."""

    settings: Settings
    repo: Repo
    pubsub: PubSub
    jobs: Jobs
    event_log: EventLog


@contextlib.asynccontextmanager
async def services(settings: Settings, *, listen: bool = False) -> AsyncGenerator[Services]:
    """Start pool, bus and queue and make them available by name; stop them in reverse."""
    telemetry.configure(level=settings.log_level, is_json=settings.log_is_json)
    database_url, redis_url = _addresses(settings)
    async with contextlib.AsyncExitStack() as stack:
        pubsub = PubSub(redis_url)
        repo = Repo(
            database_url,
            pubsub,
            pool_size=settings.pool_size,
            pool_timeout_s=settings.pool_timeout_s,
            cause=telemetry.cause,
        )
        stack.push_async_callback(repo.close)
        await stack.enter_async_context(pubsub.run(listen=listen))
        jobs = Jobs(database_url, repo, WORKERS, cause=telemetry.cause)
        await jobs.app.open_async()
        stack.push_async_callback(jobs.app.close_async)
        limiter = Limiter(redis_url)
        stack.push_async_callback(limiter.close)
        runtime.provide(settings=settings, repo=repo, jobs=jobs, pubsub=pubsub, limiter=limiter)
        stack.callback(runtime.withdraw, *_SERVICES)
        yield Services(settings, repo, pubsub, jobs, EventLog(repo.engine))


@contextlib.asynccontextmanager
async def web(settings: Settings) -> AsyncGenerator[Services]:
    """Start what a web process needs: the services, listening to the bus."""
    async with services(settings, listen=True) as running:
        await imports.check_store()
        yield running


@contextlib.asynccontextmanager
async def worker_node(settings: Settings) -> AsyncGenerator[Supervisor]:
    """Start a job worker beside the services; it stops and hands its jobs back on leaving.

    The supervisor it yields starts the worker again when it fails, and tells when that is in vain.
    """
    async with services(settings) as running:
        await imports.check_store()
        working = Child(
            "jobs.work", lambda: running.jobs.work(concurrency=settings.worker_concurrency)
        )
        async with Supervisor([working]) as supervisor:
            yield supervisor


@contextlib.asynccontextmanager
async def console(settings: Settings) -> AsyncGenerator[Services]:
    """Start the services for an interactive session."""
    async with services(settings) as running:
        yield running


async def readiness(running: Services, *, for_traffic: bool = False) -> dict[str, str]:
    """Return each part's state, ``ok`` or ``error``; for traffic only the database counts."""
    parts = {"database": _answers(running.repo.ping())}
    if not for_traffic:
        parts["cache"] = _answers(_ping(running.pubsub))
    states = await asyncio.gather(*parts.values())
    return dict(zip(parts, states, strict=True))


async def seed(settings: Settings) -> None:
    """Write the development seeds; twice gives the same rows."""
    async with services(settings):
        await _seed_demo()


async def import_file(
    settings: Settings, path: Path, as_email: str, *, wait: bool
) -> dict[str, Any]:
    """Import a file as a person would in the browser; returns the batch, with counts when waited for."""
    async with services(settings):
        scope = await accounts.scope_by_email(as_email)
        batch = await imports.import_path(scope, path, wait=wait)
        return asdict(batch)


async def offer_set_up(settings: Settings) -> None:
    """Write the one-time set-up link of a fresh installation where ``run`` finds and prints it.

    A link that is still good stays: a web process that starts again must not end it.
    """
    path = settings.data_dir / "setup-link"
    if path.exists() and await accounts.is_set_up_token(
        path.read_text().strip().rpartition("/")[2]
    ):
        return
    path.unlink(missing_ok=True)
    if settings.is_development:
        return
    token = await accounts.new_set_up_token()
    if token is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"{settings.base_url}/set-up/{token}\n")
        log.info("set_up_offered", path=str(path))


def topics() -> list[dict[str, str]]:
    """Return every kind of topic and what is announced on it."""
    return [
        {
            "kind": channel.kind,
            "derived": "yes" if _is_derived(channel) else "no",
            "loader": f"{channel.load.__module__}.{getattr(channel.load, '__name__', '')}",
        }
        for channel in CHANNELS.values()
    ]


def jobs() -> list[dict[str, Any]]:
    """Return every declared worker."""
    return [
        {
            "job": each.name,
            "queue": each.queue,
            "max_attempts": each.max_attempts,
            "cron": each.cron or "",
            "summary": each.summary,
        }
        for each in WORKERS
    ]


def _is_derived(channel: Channel) -> bool:
    return channel.sources is not Channel.__dataclass_fields__["sources"].default


async def _seed_demo() -> None:
    people = {"admin@example.com": accounts.Role.ADMIN, "member@example.com": accounts.Role.MEMBER}
    scope = await accounts.seed_workspace("Demo", "demo", people)
    await contacts.seed_contacts(scope)


async def _ping(pubsub: PubSub) -> None:
    if not await pubsub.ping():
        raise ConnectionError("Redis does not answer")


async def _answers(question: Any) -> str:
    try:
        async with asyncio.timeout(1.5):
            await question
    # Whatever a part fails with, readiness has one word for it.
    except (OSError, TimeoutError, runtime.DatabaseError):
        return "error"
    finally:
        if inspect.iscoroutine(question):
            question.close()
    return "ok"


def _addresses(settings: Settings) -> tuple[str, str]:
    if settings.database_url is None or settings.redis_url is None:
        raise RuntimeError("DATABASE_URL and REDIS_URL are filled in by `run` before a tree starts")
    return settings.database_url.get_secret_value(), settings.redis_url.get_secret_value()
