"""The jobs of accounts."""

from myapp import accounts
from myapp.kit.jobs import Job, worker


@worker(cron="17 3 * * *")
async def delete_expired_sessions(_job: Job) -> None:
    """Delete sessions past their time."""
    await accounts.delete_expired_sessions()
