"""``make dev``: the same servers and worker; pages and backend with hot reload.

Reflex's development server has two ports. The pages' one is PORT, the address to open; it
passes the backend's own routes on. The worker is not reloaded: start again after changing a job.
"""

import asyncio
import json
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack

from myapp.config import Settings
from myapp.kit.embedded.files import free_port
from myapp.kit.supervisor import Program
from myapp.mix import frontend, lock, run
from myapp.mix.stopping import Stopping
from myapp.mix.terminal import CannotRun, Screen

_ALWAYS = {"^/ready": ["GET"], "^/health": ["GET"], "^/_upload": ["GET", "POST"]}
_PARAMETER = re.compile(r"\{\w+(:\w+)?\}")


def dev() -> None:
    """Run the application with hot reload of pages and backend."""
    run.supervise("dev", _run)


async def _run(settings: Settings, screen: Screen, own: lock.DataLock, stop: Stopping) -> None:
    if not settings.is_development:
        raise CannotRun(f"dev: MYAPP_ENV={settings.env}: hot reload belongs to development")
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(run.embedded_servers(settings, screen))
        await run.prepare_database(settings, screen)
        with screen.step("Pages prepared"):
            await asyncio.to_thread(frontend.prepare)
        backend_port = free_port((settings.port + 1) % 65536)
        with screen.step("Pages, backend and worker ready"):
            both = [_reflex(settings, backend_port), run.task_program("worker")]
            group = await stack.enter_async_context(run.programs(both, own, stop))
            await run.until_ready(settings, group)
        screen.address(
            f"http://localhost:{settings.port}",
            f"This is the address to open; the backend alone is on port {backend_port}.",
            *run.notes(settings),
        )
        await run.until_crash(group)


def _reflex(settings: Settings, backend_port: int) -> Program:
    from myapp.mix import origin

    ports = ["--frontend-port", str(settings.port), "--backend-port", str(backend_port)]
    arguments = [sys.executable, "-m", "reflex", "run", "--env", "dev", *ports]
    environment = {
        **frontend.environment(),
        origin.BACKEND_SETTING: f"http://127.0.0.1:{backend_port}",
        origin.ROUTES_SETTING: json.dumps(backend_routes()),
    }
    host = ["--backend-host", "127.0.0.1"]
    return Program("reflex", [*arguments, *host], environment, frontend.ROOT)


def backend_routes() -> dict[str, list[str]]:
    """Return the routes that are no pages as patterns for Vite, with their methods."""
    from myapp.web import router

    return {**_ALWAYS, **patterns(router.routes())}


def patterns(routes: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    r"""Return a pattern with the methods of every route that is no page.

    >>> plain = {"method": "GET", "path": "/w/{slug}/files/{name:path}", "page": ""}
    >>> patterns([plain, {"method": "GET", "path": "/w/[slug]", "page": "Dashboard"}])
    {'^/w/[^/]+/files/.+(\\?.*)?$': ['GET']}
    """
    found: dict[str, list[str]] = {}
    for route in routes:
        if not route["page"]:
            path = _PARAMETER.sub(lambda it: ".+" if it[1] == ":path" else "[^/]+", route["path"])
            found.setdefault(f"^{path}(\\?.*)?$", []).append(route["method"])
    return found
