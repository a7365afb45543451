"""Lists: the table with its sticky head, sorting, row links, and the pages below it.

Columns say how much they matter: ``main`` stays and carries the second line on a narrow screen,
``secondary`` leaves where the table is under 544 px wide, ``optional`` under 960 px.
"""

from collections.abc import Sequence
from typing import Any, Literal

import reflex as rx

from myapp.web.components import core
from myapp.web.components.core import Child, Flag, Text

Column = Literal[
    "plain", "main", "secondary", "optional", "number", "wrap", "progress", "control", "actions"
]


def toolbar(*children: Child, end: Sequence[Child] = ()) -> rx.Component:
    """The line above a table: search and filters, and at its end what acts on the list."""
    return rx.el.div(
        *children,
        *([rx.el.div(*end, class_name="toolbar__end")] if end else []),
        class_name="toolbar",
    )


def table(label: Text, heads: Sequence[rx.Component], *rows: Child, **props: Any) -> rx.Component:
    """A table in a box of its own, which scrolls instead of the page."""
    return rx.el.div(
        rx.el.table(
            rx.el.thead(rx.el.tr(*heads)),
            rx.el.tbody(*rows),
            class_name="table",
            aria_label=label,
        ),
        class_name="table-box",
        **props,
    )


def head(label: Child, *kinds: Column) -> rx.Component:
    """The head of a column."""
    content = core.hidden(label) if "actions" in kinds else label
    return rx.el.th(content, scope="col", class_name=_classes("table__head", kinds))


def sort_head(
    label: Child, direction: Text, *kinds: Column, on_click: rx.event.EventType[()]
) -> rx.Component:
    """The head of a column that sorts; ``direction`` is ascending, descending or none."""
    return rx.el.th(
        rx.el.button(
            label,
            core.icon("arrow-up", 12, class_name="table__sort-icon"),
            type="button",
            class_name="table__sort",
            on_click=on_click,
        ),
        scope="col",
        aria_sort=direction,
        class_name=_classes("table__head", kinds),
    )


def row(*cells: rx.Component, is_current: Flag = False, **props: Any) -> rx.Component:
    """A row; the current one is the one open beside the list. Give a ``key`` in a foreach."""
    return rx.el.tr(
        *cells,
        aria_current=core.when(is_current, "true"),
        **core.over(props, class_name="table__row table__row--hover"),
    )


def cell(content: Child, *kinds: Column, **props: Any) -> rx.Component:
    """One value of a row."""
    return rx.el.td(content, class_name=_classes("table__cell", kinds), **props)


def main_cell(
    text: Child, *, href: Text | None = None, sub: Child | None = None, letters: Text | None = None
) -> rx.Component:
    """The cell that names the row: its link covers the row, its second line serves the phone."""
    name = (
        rx.el.a(text, href=href, class_name="table__link") if href is not None else rx.el.span(text)
    )
    return rx.el.td(
        rx.el.div(
            *([core.avatar(letters)] if letters is not None else []),
            rx.el.div(
                name,
                *([rx.el.span(sub, class_name="table__sub")] if sub is not None else []),
                class_name="table__text",
            ),
            class_name="table__main",
        ),
        class_name="table__cell table__cell--main",
    )


def pagination(summary: Child, *, previous: rx.Component, following: rx.Component) -> rx.Component:
    """Where in the list one is, and the ways on."""
    return rx.el.nav(
        rx.el.p(summary),
        rx.el.div(previous, following, class_name="pagination__buttons"),
        class_name="pagination",
        aria_label="Pages",
    )


def page_button(
    label: Literal["Previous", "Next"],
    *,
    is_disabled: Flag = False,
    on_click: rx.event.EventType[()] | None = None,
) -> rx.Component:
    """One step through the pages of a list."""
    name = "chevron-left" if label == "Previous" else "chevron-right"
    acts = {"on_click": on_click} if on_click is not None else {}
    return core.icon_button(label, name, variant="secondary", disabled=is_disabled, **acts)


def _classes(block: str, kinds: Sequence[Column]) -> str:
    modifiers = [f"{block}--{kind}" for kind in kinds if kind != "plain"]
    return " ".join([block, *modifiers])
