"""The gate: what stands around all HTTP: request ids, who may open a workspace, errors as pages.

Documents under ``/w/<slug>/`` are opened to members of that workspace only; the State of each page asks
again over its socket. Failures end here: logged with the request's id, shown without a trace of it.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from myapp.kit.ids import uuid7
from myapp.kit.repo import NotFound
from myapp.web import auth, documents, people

log = structlog.get_logger(__name__)

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
)
_QUIET = ("/health", "/ready", "/assets/", "/_event")


class Gate:
    """ASGI middleware in front of the app's routes and its frontend."""

    def __init__(
        self, app: ASGIApp, is_page: Callable[[str], bool], routes: Sequence[Route]
    ) -> None:
        self._app = app
        self._is_page = is_page
        self._routes = routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; sockets pass."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request_id = uuid7().hex
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, answer = time.perf_counter(), _Answer(send)
        try:
            response = await self._answer(request)
            await (response or self._app)(scope, receive, answer.pass_on)
        except Exception:  # the boundary of HTTP
            log.exception("request_failed", path=_told(request))
            answer.fail()
        if answer.is_replaced:
            reference = request_id if answer.status == 500 else None
            failed = documents.error(request, answer.status, reference)
            await failed(scope, receive, answer.send)
        if not request.url.path.startswith(_QUIET):
            log.info(
                "request",
                method=request.method,
                path=_told(request),
                status=answer.status,
                ms=round((time.perf_counter() - started) * 1000, 1),
            )

    async def _answer(self, request: Request) -> Response | None:
        """Return what ends the request here, or None to let it through."""
        path = request.url.path
        if request.method not in {"GET", "HEAD"} or not wants_document(request):
            return None
        if any(route.path_regex.match(path) for route in self._routes):
            return None
        if not path.startswith("/w/"):
            return None if self._is_page(path) or "." in path else documents.error(request, 404)
        slug = path.split("/")[2]
        identity = await people.authenticate(request.cookies, {})
        if identity is None:
            return RedirectResponse(auth.sign_in_address(_with_query(request)), 303)
        try:
            await people.scope_of(identity, slug)
        except NotFound:
            return documents.error(request, 404)
        return None if self._is_page(path) else documents.error(request, 404)


class _Answer:
    """What is said to a browser: with this app's headers, failures in its own form."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self.is_replaced = False
        self._send = send

    async def send(self, message: Message) -> None:
        """Say it, with the headers every answer has."""
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), *_HEADERS]}
        await self._send(message)

    async def pass_on(self, message: Message) -> None:
        """Say it, unless it is a framework's own words for a failure: those are held back."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.is_replaced = self.status in {404, 500} and not _is_json(message)
        if not self.is_replaced:
            await self.send(message)

    def fail(self) -> None:
        """Note that answering failed; an answer that has begun stays as it is."""
        if self.status in {0, 500}:
            self.status, self.is_replaced = 500, True


def wants_document(request: Request) -> bool:
    """Whether a browser asks for a page rather than for one of its parts."""
    return "text/html" in request.headers.get("accept", "")


def _is_json(message: Message) -> bool:
    return any(
        name == b"content-type" and value.startswith(b"application/json")
        for name, value in message["headers"]
    )


def _told(request: Request) -> str:
    """Return a path as the log may keep it: without the token of a set-up link."""
    head, slash, _token = request.url.path.partition("/set-up/")
    return f"{head}{slash}…" if slash else head


def _with_query(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


async def not_found(request: Request, _error: Any = None) -> Response:
    """Answer an address nothing answers to."""
    return documents.error(request, 404)
