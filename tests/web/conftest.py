"""The real app without a browser: its States over the hub, its routes behind the gate."""

import dataclasses
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from itertools import count
from typing import Any

import httpx
import pytest
import structlog
from starlette.requests import Request
from starlette.responses import HTMLResponse

from myapp import application
from myapp import myapp as endpoint
from myapp.accounts import Scope
from myapp.application import Services
from myapp.live.hub import Hub
from myapp.live.testing import Room, View, live
from myapp.web import people, shell
from tests.fixtures.web import address_parameters, cookies_fixture

ORIGIN = "http://localhost:3000"
PAGE = {"accept": "text/html"}
_BETWEEN_FIGURES_S = 0.02
_clients = count(1)


@pytest.fixture
async def hub(services: Services) -> Hub:
    """A hub over the test's services; derived figures come as fast as a test wants to wait."""
    channels = {
        kind: dataclasses.replace(
            channel, min_interval_s=min(channel.min_interval_s, _BETWEEN_FIGURES_S)
        )
        for kind, channel in application.CHANNELS.items()
    }
    return Hub(services.pubsub, services.event_log, channels, flush_s=0.01, check_s=0.5)


@pytest.fixture
async def connect(hub: Hub) -> AsyncIterator[Room]:
    """Connect tabs to the real app, as ``myapp.myapp`` wires it."""
    namespace = endpoint.app.event_namespace
    assert namespace is not None
    hub.attach(
        endpoint.app,
        authenticate=people.authenticate,
        authorize=people.authorize,
        authorize_join=people.authorize_join,
        allowed_origins={"http://localhost"},
        on_refused=shell.on_refused,
        expected=shell.EXPECTED,
    )
    entrance = namespace.on_event

    async def on_event(sid: str, data: Any = None) -> None:
        # What the browser's router adds to every event, and the harness does not.
        place = data["router_data"]
        if not place.get("query"):
            place["query"] = address_parameters(endpoint.app, place["asPath"])
        await entrance(sid, data)

    namespace.on_event = on_event
    try:
        async with live(endpoint.app, hub) as room:
            yield room
            for view in list(room.views.values()):
                await view.disconnect()
    finally:
        for name in ("on_connect", "on_event", "on_disconnect", "emit"):
            vars(namespace).pop(name, None)
        vars(endpoint.app.event_processor).pop("enqueue", None)


@pytest.fixture
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What was logged, whatever the level."""
    with structlog.testing.capture_logs() as entries:
        yield entries


Visit = Callable[..., Awaitable[View]]


@pytest.fixture
async def visit(connect: Room) -> Visit:
    """Return ``visit(scope, path)``, which opens a page of a workspace in a tab of its own."""

    async def open_tab(scope: Scope, path: str = "") -> View:
        view = await connect(cookies=await cookies_fixture(scope))
        await view.mount(f"/w/{scope.workspace_slug}{path}")
        return view

    return open_tab


async def frontend(scope: Any, receive: Any, send: Any) -> None:
    """Stand in for the compiled pages; one address breaks."""
    request = Request(scope, receive)
    if request.url.path.endswith("/breaks.txt"):
        raise ZeroDivisionError("a secret detail")
    is_page = endpoint.app.router(request.url.path) is not None
    answer = HTMLResponse(
        f"<title>{'the' if is_page else 'no'} page</title>", 200 if is_page else 404
    )
    await answer(scope, receive, send)


@pytest.fixture
async def browser(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[..., httpx.AsyncClient]]:
    """Make HTTP clients, each of an address of its own; settings may be given by name."""
    made: list[httpx.AsyncClient] = []
    running = [services]
    monkeypatch.setattr(endpoint, "_running", running)

    def new(
        *, cookies: dict[str, str] | None = None, running_: Services | None = None, **env: str
    ) -> httpx.AsyncClient:
        monkeypatch.setenv("MYAPP_ENV", "test")
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        running[:] = [running_ or services]
        number = next(_clients)
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(
                endpoint.with_routes(frontend), client=(f"10.0.{number // 256}.{number % 256}", 1)
            ),
            base_url=env.get("PUBLIC_URL", ORIGIN),
            headers={"origin": env.get("PUBLIC_URL", ORIGIN), **PAGE},
            cookies=cookies,
        )
        made.append(client)
        return client

    yield new
    for client in made:
        await client.aclose()
