"""Watch: a handler called by the browser when a live value has changed in it.

A push goes to all browsers of a topic alike and runs no handler. Where a session must act on one, its
page watches a value made from it; choose one that changes seldom, since each change is an event.

Usage::

    watch.watch(ImportShow.batch.is_done.to_string(), on_change=ImportShow.refresh)
"""

from typing import Any

import reflex as rx

from myapp.live import scripts


def _changed() -> tuple[()]:
    return ()


class LiveWatch(rx.Component):
    """The element; it shows nothing."""

    library = scripts.WATCH
    tag = "LiveWatch"

    value: rx.Var[Any]
    on_change: rx.EventHandler[_changed]  # ty: ignore[invalid-type-form]


def watch(value: Any, *, on_change: Any) -> rx.Component:
    """Return an element that calls ``on_change`` after each change of ``value``, not at first."""
    return LiveWatch.create(value=value, on_change=on_change)
