"""Pages rendered on the server: sign-in, set-up and errors, usable without JavaScript."""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, select_autoescape
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=select_autoescape(),
    trim_blocks=True,
    lstrip_blocks=True,
)
_WORDS = {
    403: "You may not see this.",
    404: "There is nothing at this address.",
    500: "Something went wrong; it has been noted.",
    503: "Not ready yet; try again in a moment.",
}


def document(template: str, status: int = 200, **given: Any) -> HTMLResponse:
    """Render a template as a document nobody caches."""
    body = _TEMPLATES.get_template(template).render(**given)
    return HTMLResponse(body, status, headers={"Cache-Control": "no-store"})


def error(request: Request, status: int, event_id: str | None = None) -> Response:
    """Return an error in the form the asker reads: a page for people, JSON for machines."""
    if "text/html" in request.headers.get("accept", ""):
        return document("error.html", status, code=status, event_id=event_id)
    body = {"error": {"status": status, "message": _WORDS.get(status, _WORDS[500])}}
    if event_id:
        body["error"]["reference"] = event_id
    return JSONResponse(body, status)
