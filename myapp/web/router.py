"""One table: every page and every route, with its State, title and policy.

``python -m myapp routes`` prints it; a test holds it against what the app really answers to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import reflex as rx
from starlette.routing import Route

from myapp.accounts import Role
from myapp.config import Settings
from myapp.web import auth, telemetry
from myapp.web.api import imports as api_imports
from myapp.web.components import layouts
from myapp.web.pages import contact_form, contacts, dashboard, import_show, imports
from myapp.web.shell import Shell
from myapp.web.telemetry import Readiness

EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its address, the function that draws it, the States that open with it."""

    route: str
    show: Callable[[], rx.Component]
    states: tuple[Any, ...]
    title: str
    policy: Role


PAGES = (
    Page(
        "/w/[workspace]", dashboard.dashboard_show, (dashboard.Dashboard,), "Dashboard", Role.VIEWER
    ),
    Page(
        contacts.ROUTE,
        contacts.contact_index,
        (contacts.ContactIndex, contact_form.ContactForm),
        "Contacts",
        Role.VIEWER,
    ),
    Page(
        "/w/[workspace]/imports",
        imports.import_index,
        (imports.ImportIndex,),
        "Imports",
        Role.VIEWER,
    ),
    Page(
        "/w/[workspace]/imports/new",
        imports.import_new,
        (imports.ImportNew,),
        "New import",
        Role.MEMBER,
    ),
    Page(
        "/w/[workspace]/imports/[batch_id]",
        import_show.import_show,
        (import_show.ImportShow,),
        "Import",
        Role.VIEWER,
    ),
)

POLICIES: dict[tuple[str, str], Role | str] = {
    ("GET", "/"): EVERYBODY,
    ("GET", "/sign-in"): EVERYBODY,
    ("POST", "/sign-in"): EVERYBODY,
    ("POST", "/sign-out"): EVERYBODY,
    ("GET", "/set-up/{token}"): EVERYBODY,
    ("POST", "/set-up/{token}"): EVERYBODY,
    ("GET", "/health"): EVERYBODY,
    ("GET", "/ready"): EVERYBODY,
    ("POST", "/w/{workspace}/uploads"): Role.MEMBER,
    ("GET", "/w/{workspace}/imports/{batch_id:uuid}/rejected.csv"): Role.VIEWER,
}


def add_pages(app: rx.App) -> None:
    """Add every page, opened through ``mount`` of its States."""
    for page in PAGES:
        opening: Any = [Shell.mount, *(state.mount for state in page.states)]
        app.add_page(page.show, route=page.route, title=f"{page.title} · myapp", on_load=opening)
    app.add_page(layouts.not_found, route="404", title="Not found · myapp")


def http_routes(settings: Settings, readiness: Readiness) -> list[Route]:
    """Return every plain HTTP route."""
    return [*telemetry.routes(readiness), *auth.routes(settings), *api_imports.routes(settings)]


def routes() -> list[dict[str, str]]:
    """Return the table, for people."""
    pages = [
        {
            "method": "GET",
            "path": page.route,
            "policy": page.policy.value,
            "page": " ".join(state.__name__ for state in page.states),
        }
        for page in PAGES
    ]
    plain = [
        {"method": method, "path": path, "policy": str(policy), "page": ""}
        for (method, path), policy in POLICIES.items()
    ]
    return pages + plain
