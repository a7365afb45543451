"""Jobs: promises kept by PostgreSQL, through procrastinate.

``enqueue`` writes a row in the caller's transaction; a worker process runs it. A job returns (done),
raises (retried with jittered backoff until ``max_attempts`` errors are stored), or returns
``Cancel(reason)`` or ``Snooze(seconds)``. A worker that stops beating is taken for dead and its jobs run
again within seconds; such a rescue counts as no error. Jobs are therefore written to run twice, and
long ones commit their chunks with a fence.

Usage::

    @worker(queue="imports", max_attempts=5)
    async def process_batch(job: Job) -> None: ...

    await jobs.enqueue(scope, "imports.process_batch", batch_id=str(batch.id))

Telemetry: ``job_started``, ``job_finished``, ``job_failed``, ``job_rescued`` in the log, each with
``job_id``, ``job`` and the ids of the request that asked for it.
"""

import asyncio
import contextlib
import random
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import procrastinate
import structlog
from procrastinate import exceptions as errors
from procrastinate.job_context import AbortReason, JobContext
from procrastinate.jobs import Job as QueuedJob
from procrastinate.retry import BaseRetryStrategy, RetryDecision
from sqlalchemy import text

from myapp.kit.repo import Repo, ScopeLike

log = structlog.get_logger(__name__)

HEARTBEAT_S = 2.0
STALLED_AFTER_S = 8.0
POLL_S = 1.0
BACKOFF_BASE_S = 2.0
BACKOFF_MAX_S = 300.0
KEEP_FINISHED_HOURS = 72
_OWN = ("workspace_id", "actor_id", "cause")


@dataclass(frozen=True, slots=True)
class Job:
    """One run of a job, as its worker function sees it."""

    id: int
    name: str
    args: dict[str, Any]
    attempt: int
    workspace_id: UUID | None
    actor_id: UUID | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The job has become pointless; it is not run again."""

    reason: str


@dataclass(frozen=True, slots=True)
class Snooze:
    """The job is not due yet; run it again after ``seconds``."""

    seconds: float


WorkerFunction = Callable[[Job], Awaitable[Cancel | Snooze | None]]


@dataclass(frozen=True, slots=True)
class Worker:
    """What is known of a job by name: its function, queue and number of tries."""

    name: str
    function: WorkerFunction
    queue: str = "default"
    max_attempts: int = 5
    cron: str | None = None
    summary: str = field(default="", compare=False)


def worker(
    *, queue: str = "default", max_attempts: int = 5, cron: str | None = None
) -> Callable[[WorkerFunction], Worker]:
    """Declare a worker function; its name is ``<context>.<function>``.

    With ``cron`` (five fields, UTC) it runs once per tick over all worker processes.
    """

    def declare(function: WorkerFunction) -> Worker:
        context = function.__module__.split(".")[1]
        summary = (function.__doc__ or "").strip().partition("\n")[0]
        name = f"{context}.{getattr(function, '__name__', 'job')}"
        return Worker(name, function, queue, max_attempts, cron, summary)

    return declare


def workers_of(*modules: object) -> list[Worker]:
    """Return the workers declared in modules, by name."""
    found = [
        value for module in modules for value in vars(module).values() if isinstance(value, Worker)
    ]
    return sorted(found, key=lambda worker: worker.name)


class UnknownJob(LookupError):
    """No worker is declared for a job of this name."""


class _Retry(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:.1f} s")
        self.seconds = seconds


class _Exhausted(Exception):
    pass


class _Decision(BaseRetryStrategy):
    def get_retry_decision(
        self, *, exception: BaseException, job: QueuedJob
    ) -> RetryDecision | None:
        del job
        match exception:
            case _Retry(seconds=seconds):
                return RetryDecision(retry_at=datetime.now(UTC) + timedelta(seconds=seconds))
            case asyncio.CancelledError():
                return RetryDecision(retry_at=datetime.now(UTC))
            case _:
                return None


def backoff_s(failures: int) -> float:
    """Return the seconds to wait after ``failures`` errors: doubling, capped, with full jitter upwards."""
    ceiling = min(BACKOFF_MAX_S, BACKOFF_BASE_S * 2 ** (failures - 1))
    return ceiling / 2 + random.uniform(0, ceiling / 2)  # noqa: S311 (spreads load, keeps no secret)


class Jobs:
    """One process's way to the queue: to enqueue, and in a worker process to run."""

    def __init__(
        self,
        conninfo: str,
        repo: Repo,
        workers: Sequence[Worker] = (),
        *,
        cause: Callable[[], dict[str, Any]] = dict,
        stalled_after_s: float = STALLED_AFTER_S,
    ) -> None:
        self._repo = repo
        self._cause = cause
        self._stalled_after_s = stalled_after_s
        self.workers = {worker.name: worker for worker in workers}
        self.app = procrastinate.App(
            connector=procrastinate.PsycopgConnector(
                conninfo=conninfo, min_size=1, max_size=4, kwargs={"application_name": "myapp-jobs"}
            )
        )
        for worker_ in workers:
            self._register(worker_)

    async def enqueue(
        self,
        scope: ScopeLike,
        name: str,
        *,
        run_at: datetime | None = None,
        priority: int = 0,
        lock: str | None = None,
        unique: str | None = None,
        **args: Any,
    ) -> int | None:
        """Write a job in the open transaction, or in one of its own; returns its id.

        ``lock``: no two jobs with it run at once. ``unique``: while one with it waits, another is not
        written and None is returned. Raises ``UnknownJob`` for a name no worker has.
        """
        declared = self.workers.get(name)
        if declared is None:
            raise UnknownJob(f"{UnknownJob.__doc__} ({name})")
        async with self._repo.transaction(scope):
            try:
                async with self._repo.savepoint():
                    deferrer = self.app.configure_task(
                        name,
                        queue=declared.queue,
                        schedule_at=run_at,
                        priority=priority,
                        lock=lock,
                        queueing_lock=unique,
                        connection=await self._repo.driver_connection(),
                    )
                    return await deferrer.defer_async(
                        workspace_id=_text(scope.workspace_id),
                        actor_id=_text(scope.actor_id),
                        cause=self._cause(),
                        **args,
                    )
            except errors.AlreadyEnqueued:
                return None

    async def cancel(self, job_id: int) -> bool:
        """Cancel a waiting job, or ask a running one to stop; False when it has already ended."""
        return await self.app.job_manager.cancel_job_by_id_async(job_id, abort=True)

    async def work(self, *, concurrency: int = 2) -> None:
        """Run jobs until cancelled; then let running ones stop and hand them back."""
        rescue = asyncio.create_task(self._rescue_loop(), name="jobs.rescue")
        try:
            await self.app.run_worker_async(
                concurrency=concurrency,
                install_signal_handlers=False,
                fetch_job_polling_interval=POLL_S,
                update_heartbeat_interval=HEARTBEAT_S,
                stalled_worker_timeout=self._stalled_after_s,
                shutdown_graceful_timeout=1.0,
                delete_jobs="never",
            )
        finally:
            rescue.cancel()
            await asyncio.gather(rescue, return_exceptions=True)

    async def rescue(self) -> int:
        """Hand back the jobs of workers that stopped beating; returns how many."""
        stalled = await self.app.job_manager.get_stalled_jobs(
            seconds_since_heartbeat=self._stalled_after_s
        )
        rescued = 0
        for job in stalled:
            # A twin that waits under the same unique key does the work instead (its insert won).
            with contextlib.suppress(errors.AlreadyEnqueued, errors.ConnectorException):
                await self.app.job_manager.retry_job(job)
                log.warning("job_rescued", job_id=job.id, job=job.task_name)
                rescued += 1
        return rescued

    async def prune(self) -> None:
        """Delete jobs that ended long ago, with their errors."""
        await self.app.job_manager.delete_old_jobs(
            nb_hours=KEEP_FINISHED_HOURS,
            include_failed=True,
            include_cancelled=True,
            include_aborted=True,
        )

    async def _rescue_loop(self) -> None:
        while True:
            try:
                await self.rescue()
            except errors.ConnectorException as error:
                log.warning("job_rescue_waits", reason=str(error))
            await asyncio.sleep(HEARTBEAT_S)

    def _register(self, worker_: Worker) -> None:
        async def run(context: JobContext, **kwargs: Any) -> None:
            await self._run(worker_, context, kwargs)

        task = self.app.task(
            name=worker_.name, queue=worker_.queue, pass_context=True, retry=_Decision()
        )(run)
        if worker_.cron:
            self.app.periodic(cron=worker_.cron)(task)

    async def _run(self, worker_: Worker, context: JobContext, kwargs: dict[str, Any]) -> None:
        job = _job(worker_, context, kwargs)
        structlog.contextvars.bind_contextvars(
            job_id=job.id, job=job.name, **(kwargs.get("cause") or {})
        )
        started = time.perf_counter()
        log.info("job_started", attempt=job.attempt)
        try:
            outcome = await worker_.function(job)
        except asyncio.CancelledError:
            if context.abort_reason() is AbortReason.USER_REQUEST:
                raise errors.JobAborted from None
            raise
        # The third of the four boundaries (STYLE): whatever a worker raises is stored and tried again.
        except Exception as error:  # noqa: BLE001 (see above)
            await self._failed(worker_, job, error)
        else:
            ms = round((time.perf_counter() - started) * 1000)
            log.info("job_finished", outcome=str(outcome or "done"), ms=ms)
            match outcome:
                case Cancel(reason=reason):
                    await self._store_error(job, f"cancelled: {reason}")
                    raise errors.JobAborted
                case Snooze(seconds=seconds):
                    raise _Retry(seconds)
        finally:
            structlog.contextvars.clear_contextvars()

    async def _failed(self, worker_: Worker, job: Job, error: Exception) -> None:
        failures = await self._store_error(job, "".join(traceback.format_exception_only(error)))
        log.error(
            "job_failed", exc_info=error, failures=failures, max_attempts=worker_.max_attempts
        )
        if failures >= worker_.max_attempts:
            raise _Exhausted from error
        raise _Retry(backoff_s(failures)) from error

    async def _store_error(self, job: Job, message: str) -> int:
        async with self._repo.engine.begin() as connection:
            await connection.execute(
                text(
                    "INSERT INTO job_errors (job_id, attempt, message, inserted_at)"
                    " VALUES (:job_id, :attempt, :message, now())"
                ),
                {"job_id": job.id, "attempt": job.attempt, "message": message[:4000]},
            )
            count = await connection.execute(
                text("SELECT count(*) FROM job_errors WHERE job_id = :job_id"), {"job_id": job.id}
            )
            return count.scalar_one()


def _job(worker_: Worker, context: JobContext, kwargs: dict[str, Any]) -> Job:
    args = {name: value for name, value in kwargs.items() if name not in _OWN}
    return Job(
        id=context.job.id or 0,
        name=worker_.name,
        args=args,
        attempt=context.job.attempts + 1,
        workspace_id=_uuid(kwargs.get("workspace_id")),
        actor_id=_uuid(kwargs.get("actor_id")),
    )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _uuid(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)
