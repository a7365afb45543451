"""Health and readiness, for whoever keeps the app running.

``/health``: the loop is alive, whatever else is not. ``/ready``: every part answers; with
``?for=traffic`` the database only, since without Redis the app still serves (slower).
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Readiness = Callable[[bool], Awaitable[dict[str, str]]]


def routes(readiness: Readiness) -> list[Route]:
    """Return the routes; open to everybody, they tell states and nothing else."""

    async def health(_request: Request) -> Response:
        return JSONResponse({"status": "ok", "timestamp": datetime.now(UTC).isoformat()})

    async def ready(request: Request) -> Response:
        parts = await readiness(request.query_params.get("for") == "traffic")
        is_ready = all(state == "ok" for state in parts.values())
        body = {"status": "ok" if is_ready else "error", **parts}
        return JSONResponse(body, 200 if is_ready else 503, headers={"Cache-Control": "no-store"})

    return [Route("/health", health), Route("/ready", ready)]
