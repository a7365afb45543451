"""Jobs on the real queue: promises ride on the transaction, fail with a record, run again."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from myapp import runtime
from myapp.kit.jobs import Cancel, Job, Jobs, Snooze, UnknownJob, Worker, backoff_s

pytestmark = pytest.mark.anyio


@pytest.fixture
async def ran():
    return []


@pytest.fixture
async def jobs(services, ran):
    async def note(job: Job) -> None:
        ran.append(job)

    async def fail(job: Job) -> None:
        ran.append(job)
        raise ValueError("no luck")

    async def give_up(job: Job) -> Cancel:
        return Cancel("nothing to do")

    async def wait(job: Job) -> Snooze:
        ran.append(job)
        return Snooze(3600)

    workers = [
        Worker("test.note", note),
        Worker("test.fail", fail, max_attempts=3),
        Worker("test.give_up", give_up),
        Worker("test.wait", wait),
    ]
    url = services.settings.database_url.get_secret_value()
    made = Jobs(url, services.repo, workers)
    async with made.app.open_async():
        yield made


async def run(jobs: Jobs) -> None:
    await jobs.app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)


async def rows(statement: str) -> list:
    async with runtime.repo.engine.connect() as connection:
        return (await connection.execute(text(statement))).all()


async def test_a_job_runs_with_its_scope_and_arguments(jobs, ran, scope):
    await jobs.enqueue(scope, "test.note", number=7)
    await run(jobs)
    [job] = ran
    assert (job.args, job.workspace_id, job.actor_id) == (
        {"number": 7},
        scope.workspace_id,
        scope.person_id,
    )


async def test_a_rolled_back_transaction_leaves_no_job(jobs, scope):
    with pytest.raises(ZeroDivisionError):
        async with runtime.repo.transaction(scope):
            await jobs.enqueue(scope, "test.note")
            raise ZeroDivisionError
    assert await rows("SELECT 1 FROM procrastinate_jobs") == []


async def test_an_unknown_name_is_refused_at_once(jobs, scope):
    with pytest.raises(UnknownJob):
        await jobs.enqueue(scope, "test.missing")


async def test_a_unique_job_waits_once_and_the_transaction_lives_on(jobs, scope):
    async with runtime.repo.transaction(scope):
        first = await jobs.enqueue(scope, "test.note", unique="one")
        assert await jobs.enqueue(scope, "test.note", unique="one") is None
    assert [row.id for row in await rows("SELECT id FROM procrastinate_jobs")] == [first]


async def test_a_job_that_always_fails_ends_with_its_errors_stored(jobs, ran, scope):
    await jobs.enqueue(scope, "test.fail")
    for _ in range(3):
        await run(jobs)
        async with runtime.repo.engine.begin() as connection:
            await connection.execute(text("UPDATE procrastinate_jobs SET scheduled_at = now()"))
    await run(jobs)
    assert len(ran) == 3
    errors = await rows("SELECT message FROM job_errors ORDER BY id")
    assert [error.message.strip() for error in errors] == ["ValueError: no luck"] * 3
    assert (await rows("SELECT status FROM procrastinate_jobs"))[0].status == "failed"


async def test_a_failed_job_waits_before_it_runs_again(jobs, ran, scope):
    await jobs.enqueue(scope, "test.fail")
    await run(jobs)
    await run(jobs)
    assert len(ran) == 1
    [row] = await rows("SELECT scheduled_at > now() AS later FROM procrastinate_jobs")
    assert row.later


async def test_a_pointless_job_is_cancelled_with_its_reason(jobs, scope):
    await jobs.enqueue(scope, "test.give_up")
    await run(jobs)
    [row] = await rows("SELECT status FROM procrastinate_jobs")
    assert row.status == "aborted"
    [error] = await rows("SELECT message FROM job_errors")
    assert error.message == "cancelled: nothing to do"


async def test_a_snoozed_job_is_scheduled_again_without_an_error(jobs, ran, scope):
    await jobs.enqueue(scope, "test.wait")
    await run(jobs)
    [row] = await rows("SELECT status, scheduled_at FROM procrastinate_jobs")
    assert row.status == "todo"
    assert row.scheduled_at > datetime.now(UTC) + timedelta(minutes=55)
    assert await rows("SELECT 1 FROM job_errors") == []


async def test_a_scheduled_job_waits_for_its_time(jobs, ran, scope):
    await jobs.enqueue(scope, "test.note", run_at=datetime.now(UTC) + timedelta(seconds=60))
    await run(jobs)
    assert ran == []


async def test_the_job_of_a_worker_that_stopped_beating_is_handed_back(jobs, ran, scope):
    await jobs.enqueue(scope, "test.note")
    async with runtime.repo.engine.begin() as connection:
        dead = (
            await connection.execute(
                text(
                    "INSERT INTO procrastinate_workers (last_heartbeat)"
                    " VALUES (now() - interval '1 hour') RETURNING id"
                )
            )
        ).scalar_one()
        await connection.execute(
            text("UPDATE procrastinate_jobs SET status = 'doing', worker_id = :id"), {"id": dead}
        )
    assert await jobs.rescue() == 1
    await run(jobs)
    assert len(ran) == 1


async def test_a_waiting_job_can_be_cancelled(jobs, ran, scope):
    job_id = await jobs.enqueue(scope, "test.note")
    assert await jobs.cancel(job_id)
    await run(jobs)
    assert ran == []


def test_backoff_doubles_with_jitter_and_a_ceiling():
    for failures, ceiling in [(1, 2), (2, 4), (3, 8), (20, 300)]:
        waits = {backoff_s(failures) for _ in range(50)}
        assert ceiling / 2 <= min(waits)
        assert max(waits) <= ceiling
        assert len(waits) > 1
