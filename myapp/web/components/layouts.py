"""The frames of pages: the app with its navigation, and the bare page outside it.

``app`` is one set of elements for both widths: under 900 px the stylesheet turns the sidebar into
a top bar and its links into a tab bar, so no link exists twice.
"""

from typing import Literal

import reflex as rx

from myapp.web.components import core, feedback
from myapp.web.components.core import Child, Flag, Text

Section = Literal["dashboard", "contacts", "imports"]

_NAVIGATION: tuple[tuple[Section, str, str, str], ...] = (
    ("dashboard", "Dashboard", "layout-dashboard", ""),
    ("contacts", "Contacts", "users", "/contacts"),
    ("imports", "Imports", "file-up", "/imports"),
)
_THEMES = (("system", "monitor"), ("light", "sun"), ("dark", "moon"))


def app(
    active: Section,
    *children: Child,
    person_name: Text,
    person_email: Text,
    workspace_name: Text,
    base: Text,
    is_ready: Flag = True,
) -> rx.Component:
    """The workspace around a page; until it is ready, the page's shape stands in its place.

    ``base`` is the workspace's address, such as ``/w/demo``.
    Pages pass a ``core.header`` (the only h1) and a ``page``.
    """
    return rx.el.div(
        rx.el.A.create("Skip to content", href="#main", class_name="skip-link"),
        rx.el.div(
            _workspace(workspace_name, base),
            _navigation(active, base),
            _person(person_name, person_email),
            class_name="sidebar",
        ),
        rx.el.main(
            _when_ready(active, is_ready, children), id="main", tab_index=-1, class_name="main"
        ),
        class_name="app",
    )


def page(
    *children: Child,
    width: Literal["full", "narrow", "form"] = "full",
    is_dense: bool = False,
) -> rx.Component:
    """The body of a page below its header; a dense one keeps a list close to its toolbar."""
    dense = " page--dense" if is_dense else ""
    return rx.el.div(*children, class_name=f"page page--{width}{dense}")


def not_found() -> rx.Component:
    """The page for an address that does not exist."""
    return bare(
        "This page does not exist",
        "The address may be mistyped, or what it showed has been deleted.",
        core.link_button("Go to the start page", "/", variant="primary"),
        code="404",
    )


def bare(title: Child, text: Child, *actions: Child, code: str | None = None) -> rx.Component:
    """A page outside the workspace: a few words and the ways out."""
    return rx.el.main(
        rx.el.div(
            rx.el.div(
                *([rx.el.p(code, class_name="bare__code")] if code else []),
                rx.el.h1(title, class_name="bare__title"),
                rx.el.p(text, class_name="bare__text"),
                rx.el.div(*actions, class_name="bare__actions"),
                class_name="bare__head",
            ),
            class_name="bare__box",
        ),
        id="main",
        class_name="bare",
    )


def theme_script() -> rx.Component:
    """The script that sets the chosen theme before the first paint: for ``head_components``."""
    return rx.el.script(src="/theme.js")


def head_components() -> list[rx.Component]:
    """What every document carries in its head."""
    return [
        theme_script(),
        rx.el.link(rel="icon", type="image/svg+xml", href="/favicon.svg"),
        rx.el.meta(name="color-scheme", content="light dark"),
    ]


def theme_toggle() -> rx.Component:
    """A button through system, light and dark; the stylesheet shows the state it is in."""
    return rx.el.button(
        *[
            rx.el.span(
                core.icon(icon_name),
                core.hidden(f"Theme: {theme}"),
                class_name=f"theme-toggle__state theme-toggle__state--{theme}",
            )
            for theme, icon_name in _THEMES
        ],
        type="button",
        title="Change the theme",
        class_name="button button--ghost button--icon",
        custom_attrs={"data-theme-toggle": ""},
    )


def _workspace(name: Text, base: Text) -> rx.Component:
    return rx.el.a(
        core.avatar(core.initials(name), shape="square"),
        rx.el.span(name, class_name="workspace__name"),
        href=base,
        class_name="workspace",
    )


def _navigation(active: Section, base: Text) -> rx.Component:
    return rx.el.nav(
        rx.el.ul(
            *[
                rx.el.li(
                    rx.el.a(
                        core.icon(icon_name, class_name="nav__icon"),
                        label,
                        href=f"{base}{path}",
                        class_name="nav__link",
                        aria_current=core.when(section == active, "page"),
                    )
                )
                for section, label, icon_name, path in _NAVIGATION
            ],
            class_name="nav__list",
        ),
        class_name="nav",
        aria_label="Workspace",
    )


def _person(name: Text, email: Text) -> rx.Component:
    return rx.el.div(
        core.avatar(core.initials(name)),
        rx.el.div(
            rx.el.p(name, class_name="person__name", title=name),
            rx.el.p(email, class_name="person__email", title=email),
            class_name="person__text",
        ),
        rx.el.div(
            theme_toggle(),
            core.PostForm.create(
                core.icon_button("Sign out", "log-out", type="submit"),
                action="/sign-out",
                method="post",
            ),
            class_name="person__actions",
        ),
        class_name="person",
    )


def _when_ready(active: Section, is_ready: Flag, children: tuple[Child, ...]) -> Child:
    title = next(label for section, label, *_ in _NAVIGATION if section == active)
    shape = feedback.skeleton_page(title, "tiles" if active == "dashboard" else "rows")
    if isinstance(is_ready, rx.Var):
        return rx.cond(is_ready, rx.fragment(*children), shape)
    return rx.fragment(*children) if is_ready else shape
