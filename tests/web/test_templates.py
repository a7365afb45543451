"""The pages that the server renders itself: names that people and tests use, and what they hide."""

import re
from pathlib import Path

import jinja2
import pytest

from myapp.web.components import core

TEMPLATES = Path(__file__).parents[2] / "myapp" / "web" / "templates"
DEMO = {"emails": ["admin@example.com", "member@example.com"], "password": "myapp-development"}


def test_sign_in_has_its_labels_and_button():
    page = _render("sign_in.html", next="/w/demo/contacts")
    assert _labels(page) == {"email": "Email", "password": "Password"}
    assert '<form class="form" method="post" action="/sign-in">' in page
    assert '<input type="hidden" name="next" value="/w/demo/contacts">' in page
    assert re.search(r'<button [^>]*type="submit">Sign in</button>', page)


def test_sign_in_shows_the_development_accounts_only_when_given():
    assert "myapp-development" in _render("sign_in.html", demo=DEMO)
    page = _render("sign_in.html")
    assert "myapp-development" not in page
    assert "@example.com" not in page


def test_sign_in_keeps_the_address_and_tells_the_error_aloud_and_escaped():
    page = _render("sign_in.html", error="Not <right>", email='"><script>')
    assert re.search(r'role="alert">.*Not &lt;right&gt;', page)
    assert "<script>" not in page.split("</head>")[1]


def test_set_up_asks_for_the_first_person_and_ties_errors_to_fields():
    page = _render(
        "set_up.html",
        values={"workspace_name": "Demo", "password": "must not come back"},
        errors={"password": ["should be at least 12 characters"]},
    )
    assert _labels(page) == {
        "workspace_name": "Workspace name",
        "name": "Your name",
        "email": "Email",
        "password": "Password",
    }
    assert 'minlength="12" maxlength="72"' in page
    assert 'aria-invalid="true" aria-describedby="password-hint password-error"' in page
    assert 'id="password-error">should be at least 12 characters' in page
    assert 'role="alert"' in page
    assert "must not come back" not in page


@pytest.mark.parametrize(
    ("code", "title"),
    [
        (403, "You may not see this"),
        (404, "This page does not exist"),
        (500, "Something went wrong"),
        (503, "Not ready yet"),
    ],
)
def test_an_error_page_has_its_code_plain_words_and_one_way_out(code, title):
    page = _render("error.html", code=code)
    assert f">{code}<" in page
    assert f'<h1 class="bare__title">{title}</h1>' in page
    assert page.count("<a ") == 1


def test_an_error_page_quotes_the_event_to_ask_about():
    assert "0193-4f2a" in _render("error.html", code=500, event_id="0193-4f2a")


@pytest.mark.parametrize("name", ["sign_in.html", "set_up.html", "error.html"])
def test_every_page_links_the_stylesheets_of_the_app_in_their_order(name):
    page = _render(name, code=404)
    assert re.findall(r'rel="stylesheet" href="([^"]+)"', page) == core.STYLESHEETS
    assert page.index("/theme.js") < page.index("/tokens.css")
    assert page.count("<h1") == 1
    assert page.count("<main") == 1
    assert 'name="viewport"' in page


def _render(name: str, **values: object) -> str:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    return jinja2.Environment(loader=loader, autoescape=True).get_template(name).render(**values)


def _labels(page: str) -> dict[str, str]:
    return dict(re.findall(r'<label [^>]*for="(\w+)">([^<]+)</label>', page))
