"""The dashboard: figures over the other contexts, read only.

Derived: it has no numbers of its own. A message of contacts or imports marks the figures stale, and the
loader runs at most once per second, workspace and process, while somebody looks.

Topics:
    ``<workspace_id>:dashboard``: values ``contacts``, ``organizations``, ``importing``,
    ``imported_today`` and ``running`` (the running imports)
"""

from dataclasses import asdict

from myapp import contacts, imports, runtime
from myapp.accounts.scope import Scope
from myapp.dashboard.events import Figures
from myapp.kit.topics import JSON, Channel, Topic, ignore

__all__ = ["Figures"]

MIN_INTERVAL_S = 1.0


def topic(scope: Scope) -> Topic:
    """Return where the workspace's figures change."""
    return Topic(contacts.topic(scope).workspace_id, "dashboard")


async def get_figures(scope: Scope) -> Figures:
    """Return the workspace's figures, all from one snapshot."""
    async with runtime.repo.snapshot(scope):
        running = await imports.list_running(scope)
        return Figures(
            contacts=await contacts.count_contacts(scope),
            organizations=await contacts.count_organizations(scope),
            importing=len(running),
            imported_today=await imports.count_rows_today(scope),
            running=tuple(asdict(batch) for batch in running),
        )


def _sources(topic_: Topic) -> tuple[Topic, ...]:
    scope = Scope(topic_.workspace_id)
    return (contacts.topic(scope), imports.list_topic(scope))


async def _load(topic_: Topic) -> tuple[dict[str, JSON], int]:
    return asdict(await get_figures(Scope(topic_.workspace_id))), 0


CHANNEL = Channel("dashboard", ignore, _load, sources=_sources, min_interval_s=MIN_INTERVAL_S)
