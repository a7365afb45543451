"""The jobs of imports; thin: what they do stands in ``processing``."""

from contextlib import AbstractAsyncContextManager
from types import TracebackType
from uuid import UUID

from sqlalchemy import func
from sqlmodel import col, select

from myapp import runtime
from myapp.accounts.scope import Scope
from myapp.imports import processing
from myapp.kit.event_tables import JobError
from myapp.kit.jobs import Cancel, Job, Snooze, worker

MAX_ATTEMPTS = 5
LOOK_AGAIN_S = 30.0
GIVEN_UP = (
    "Something went wrong on our side. What was imported so far stays; importing the file again "
    "is safe and goes on from there."
)


@worker(queue="imports", max_attempts=MAX_ATTEMPTS)
async def process_batch(job: Job) -> Cancel | Snooze | None:
    """Read a batch's file and turn its rows into contacts; safe to run twice, and at once."""
    scope = Scope.for_job(job.workspace_id, job.actor_id)
    batch_id = UUID(job.args["batch_id"])
    async with _GivingUp(scope, batch_id, job):
        is_ended = await processing.process(scope, batch_id)
    # The job is the promise that somebody brings the batch to its end. Whoever took it over may die
    # yet, and a job that has ended is not rescued: so look again instead of calling it done.
    return None if is_ended else Snooze(LOOK_AGAIN_S)


class _GivingUp(AbstractAsyncContextManager[None]):
    """Ends the batch with words for people when its last try fails; what failed is raised on."""

    def __init__(self, scope: Scope, batch_id: UUID, job: Job) -> None:
        self._scope = scope
        self._batch_id = batch_id
        self._job = job

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del kind, trace
        if isinstance(error, Exception) and await self._is_last():
            await processing.fail(self._scope, self._batch_id, GIVEN_UP)

    async def _is_last(self) -> bool:
        stored = select(func.count(col(JobError.id))).where(col(JobError.job_id) == self._job.id)
        async with runtime.repo.snapshot(self._scope):
            return (await runtime.repo.rows(stored))[0][0] + 1 >= MAX_ATTEMPTS
