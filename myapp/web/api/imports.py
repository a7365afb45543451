"""Files of imports over plain HTTP: the upload, streamed to the store, and the rejected rows."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from myapp import imports
from myapp.accounts import NotPermitted, Role, Scope
from myapp.config import Settings
from myapp.kit.repo import NotFound
from myapp.kit.result import Error
from myapp.web import auth, people

_STATUS: dict[type[Exception], int] = {
    imports.FileTooLarge: 413,
    imports.StoreFull: 507,
    ClientDisconnect: 499,
}


def routes(settings: Settings) -> list[Route]:
    """Return the routes; the upload asks for a member, the download for a viewer."""
    return [
        Route("/w/{workspace}/uploads", Uploads(settings).receive, methods=["POST"]),
        Route("/w/{workspace}/imports/{batch_id:uuid}/rejected.csv", rejected, methods=["GET"]),
    ]


class Uploads:
    """Takes files; the name comes in ``X-Filename``, the bytes are the body."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    async def receive(self, request: Request) -> Response:
        """Stream a file into the store and answer with the address of its import.

        403 from a foreign page or without the role, 404 in another's workspace, 413 past the size limit,
        422 for a file that cannot be read as contacts, 507 when the store is full.
        """
        if not auth.is_own_origin(request, self._settings):
            return _refusal(403, "This upload does not come from the app's own page.")
        try:
            scope = await _scope(request)
            scope.require(Role.MEMBER)
        except (people.SignedOut, NotFound, NotPermitted) as error:
            return _refused(error)
        declared = int(request.headers.get("content-length") or 0)
        if declared > self._settings.upload_max_bytes:
            return _refusal(413, str(imports.FileTooLarge(self._settings.upload_max_bytes)))
        filename = unquote(request.headers.get("x-filename") or "contacts.csv")
        try:
            received = await imports.receive_upload(scope, filename, _chunks(request))
        except tuple(_STATUS) as error:
            status = next(code for kind, code in _STATUS.items() if isinstance(error, kind))
            return _refusal(status, str(error))
        if isinstance(received, Error):
            return _refusal(422, " ".join(received.error.errors_on("file")))
        batch = received.value
        location = f"/w/{scope.workspace_slug}/imports/{batch.id}"
        return JSONResponse(
            {"id": batch.id, "location": location}, 201, headers={"Location": location}
        )


async def rejected(request: Request) -> Response:
    """Download an import's rejected rows as CSV, each with its line and reason."""
    try:
        scope = await _scope(request)
        batch = await imports.get_batch(scope, request.path_params["batch_id"])
    except (people.SignedOut, NotFound, NotPermitted) as error:
        return _refused(error)
    rows = imports.stream_rejected_csv(scope, UUID(batch.id))
    stem = batch.filename.rpartition(".")[0] or batch.filename
    name = quote(f"{stem}-rejected.csv")
    return StreamingResponse(
        rows,
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _scope(request: Request) -> Scope:
    identity = await people.authenticate(request.cookies, {})
    return await people.scope_of(identity, request.path_params["workspace"])


async def _chunks(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        if chunk:
            yield chunk


def _refused(error: Exception) -> Response:
    status: Any = {people.SignedOut: 401, NotFound: 404, NotPermitted: 403}
    return _refusal(status[type(error)], str(error) or str(type(error).__doc__))


def _refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": {"status": status, "message": message}}, status)
