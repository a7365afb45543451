"""What a page says about itself: nothing here, went wrong, not yet, and things worth knowing."""

from typing import Any, Literal

import reflex as rx

from myapp.web.components import core
from myapp.web.components.core import Child, Text, Tone


def empty_state(
    icon_name: str, title: Child, text: Child, *, action: Child | None = None
) -> rx.Component:
    """Say why there is nothing, and offer the way to something."""
    return _state("state", icon_name, title, text, action)


def error_state(
    title: Child = "This could not be loaded",
    text: Child = "Try again; if it stays like this, tell your administrator.",
    *,
    retry: rx.event.EventType[()] | None = None,
) -> rx.Component:
    """Say in plain words what failed, and offer to try again."""
    action = (
        core.button("Try again", icon_name="rotate-cw", on_click=retry)
        if retry is not None
        else None
    )
    return _state("state state--error", "triangle-alert", title, text, action, role="alert")


def skeleton_rows(count: int = 8) -> rx.Component:
    """Rows to come, so that the list does not jump when they arrive."""
    return rx.el.div(
        *[
            rx.el.div(
                *[rx.el.div(class_name="skeleton") for _ in range(3)],
                class_name="skeleton-rows__row",
            )
            for _ in range(count)
        ],
        class_name="skeleton-rows",
        aria_hidden="true",
    )


def skeleton_page(title: Text, kind: Literal["tiles", "rows"] = "rows") -> rx.Component:
    """The shape of a page that has not been answered yet; its h1 is there for the ear only."""
    tiles = rx.el.div(
        *[rx.el.div(class_name="skeleton skeleton--tile") for _ in range(4)], class_name="stats"
    )
    return rx.fragment(
        rx.el.h1(title, class_name="visually-hidden"),
        rx.el.p("Loading…", role="status", class_name="visually-hidden"),
        rx.el.div(
            rx.el.div(class_name="skeleton skeleton--title"),
            class_name="page-header",
            aria_hidden="true",
        ),
        rx.el.div(
            *([tiles] if kind == "tiles" else []),
            core.card(skeleton_rows(4 if kind == "tiles" else 10), is_flush=True),
            class_name="page",
            aria_hidden="true",
        ),
    )


def banner(
    text: Child,
    *,
    tone: Tone = "neutral",
    icon_name: str = "info",
    action: Child | None = None,
    role: Literal["status", "alert"] = "status",
) -> rx.Component:
    """A line that concerns the whole page: the connection, a warning, news."""
    return rx.el.div(
        core.icon(icon_name),
        rx.el.p(text, class_name="banner__text"),
        *([action] if action is not None else []),
        class_name=f"banner banner--{tone}",
        role=role,
    )


def connection_banner() -> rx.Component:
    """What stands over every page while the connection is lost; it waits two seconds before it shows."""
    return rx.el.div(
        banner(
            "Connection lost. Reconnecting; what you typed stays.",
            tone="warning",
            icon_name="wifi-off",
        ),
        class_name="connection",
    )


def status(text: Text, tone: Tone | rx.Var[str] = "neutral") -> rx.Component:
    """The phase of something that goes on, told to readers of a screen when it changes."""
    return rx.el.span(core.badge(text, tone), role="status")


def toaster() -> rx.Component:
    """The one place where flash messages appear: ``rx.App(toaster=feedback.toaster())``."""
    return rx.toast.provider(
        position="bottom-right",
        rich_colors=False,
        expand=False,
        close_button=False,
        gap=8,
        toast_options=rx.Var("({className: 'toast', duration: 5000})"),
    )


def _state(
    class_name: str,
    icon_name: str,
    title: Child,
    text: Child,
    action: Child | None,
    **props: Any,
) -> rx.Component:
    return rx.el.div(
        rx.el.span(core.icon(icon_name, 18), class_name="state__icon"),
        rx.el.p(title, class_name="state__title"),
        rx.el.p(text, class_name="state__text"),
        rx.el.div(*([action] if action is not None else []), class_name="state__action"),
        class_name=class_name,
        **props,
    )
