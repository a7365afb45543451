"""The endpoint: Reflex's app with its pages, the routes beside it, the services as its lifespan.

Imports everything and is imported by nothing but the command line (and Reflex, by name).
"""

import contextlib
import gc
import os
import signal
from collections.abc import AsyncGenerator

import reflex as rx
import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from myapp import application, config
from myapp.application import Services
from myapp.config import Settings
from myapp.live import connection, root
from myapp.live.hub import Hub
from myapp.web import gate, people, router, shell
from myapp.web.components import core, feedback, layouts

log = structlog.get_logger(__name__)

MAX_FRAME = 1_000_000
_running: list[Services] = []

app = rx.App(
    stylesheets=core.STYLESHEETS,
    head_components=layouts.head_components(),
    toaster=feedback.toaster(),
    theme=None,
)
root.wrap(app)
connection.show_while_lost(app, feedback.connection_banner)
router.add_pages(app)


@contextlib.asynccontextmanager
async def lifespan() -> AsyncGenerator[None]:
    """Start services and hub before the first request, stop them after the last."""
    settings = config.load()
    async with application.web(settings) as running:
        hub = Hub(running.pubsub, running.event_log, application.CHANNELS, on_failure=_end_process)
        hub.attach(
            app,
            authenticate=people.authenticate,
            authorize=people.authorize,
            authorize_join=people.authorize_join,
            allowed_origins=settings.allowed_origins,
            on_refused=shell.on_refused,
            expected=shell.EXPECTED,
        )
        _running.append(running)
        async with hub.run():
            await application.offer_set_up(settings)
            # Passes over everything that lives as long as the process would be the tail of every push.
            gc.collect()
            gc.freeze()
            gc.set_threshold(100_000, 50, 100)
            yield
        _running.clear()


def _end_process(_failure: Exception) -> None:
    # Whoever supervises this process starts it again; browsers reconnect to it or to another.
    os.kill(os.getpid(), signal.SIGTERM)


app.register_lifespan_task(lifespan)


def with_routes(inner: ASGIApp) -> ASGIApp:
    """Put the plain HTTP routes before Reflex's app, and the gate before both."""
    settings = config.load()
    routes = router.http_routes(settings, _readiness)
    plain = Starlette(routes=routes, exception_handlers={404: gate.not_found})
    plain.mount("", inner)
    return gate.Gate(plain, lambda path: app.router(path) is not None, routes)


async def _readiness(for_traffic: bool) -> dict[str, str]:
    if not _running:
        return {"services": "error"}
    return await application.readiness(_running[0], for_traffic=for_traffic)


app.api_transformer = with_routes


def serve(settings: Settings) -> None:
    """Serve the compiled app on one port until told to stop; settings come by the environment."""
    os.environ["REFLEX_ENV_MODE"] = "prod"
    os.environ["__REFLEX_SKIP_COMPILE"] = "true"
    os.environ["__REFLEX_MOUNT_FRONTEND_COMPILED_APP"] = "true"
    server = uvicorn.Server(
        uvicorn.Config(
            app(),
            host=settings.host,
            port=settings.port,
            ws="websockets-sansio",
            ws_per_message_deflate=False,
            ws_max_size=MAX_FRAME,
            ws_ping_interval=None,  # engine.io has a heartbeat of its own
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=3,
            lifespan="on",
            proxy_headers=False,
            server_header=False,
        )
    )
    server.run()  # on the loop uvicorn chooses: uvloop where it is installed
