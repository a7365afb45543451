"""Figures and how far something is: tiles, bars, the six fates of imported rows."""

from typing import Any

import reflex as rx

from myapp.web.components import core
from myapp.web.components.core import Child, Flag, Text, Tone

Number = float | rx.Var

FATES = ("Created", "Updated", "Unchanged", "Merged", "Skipped", "Rejected")


def stat_tile(
    label: Child, value: Number, *, hint: Child | None = None, icon_name: str | None = None
) -> rx.Component:
    """One figure with its name."""
    return rx.el.div(
        rx.el.dt(label, class_name="stat__label"),
        *([core.icon(icon_name, 15, class_name="stat__icon")] if icon_name else []),
        rx.el.dd(core.number(value), class_name="stat__value"),
        *([rx.el.dd(hint, class_name="stat__hint")] if hint is not None else []),
        class_name="stat",
    )


def stats(*tiles: rx.Component) -> rx.Component:
    """A row of tiles, as many beside each other as fit."""
    return rx.el.dl(*tiles, class_name="stats")


def progress_bar(
    name: Text,
    value: Number,
    *,
    tone: Tone | rx.Var[str] = "accent",
    is_indeterminate: Flag = False,
    **props: Any,
) -> rx.Component:
    """A bar from 0 to 100; without a known end it moves and tells no number."""
    percent = _percent(value)
    looks: Any = f"progress progress--{tone}"
    now: Any = percent
    if isinstance(is_indeterminate, rx.Var):
        looks = rx.cond(is_indeterminate, f"{looks} progress--indeterminate", looks)
        now = rx.cond(is_indeterminate, core.UNDEFINED, percent)
    elif is_indeterminate:
        looks, now = f"{looks} progress--indeterminate", core.UNDEFINED
    # A real style attribute: the style prop would make a new CSS class for every value.
    width = rx.Var.create({"width": f"{percent}%"})
    return rx.el.div(
        rx.el.div(class_name="progress__bar", custom_attrs={"style": width}),
        role="progressbar",
        aria_label=name,
        aria_valuenow=now,
        aria_valuemin=0,
        aria_valuemax=100,
        class_name=looks,
        **props,
    )


def progress_line(
    name: Text,
    value: Number,
    *,
    tone: Tone | rx.Var[str] = "accent",
    is_indeterminate: Flag = False,
) -> rx.Component:
    """A bar with its percentage beside it, for a row of a table."""
    return rx.el.div(
        progress_bar(name, value, tone=tone, is_indeterminate=is_indeterminate),
        rx.el.span(f"{_percent(value)}%", class_name="progress-line__percent"),
        class_name="progress-line",
    )


def fates(
    *,
    created: Number,
    updated: Number,
    unchanged: Number,
    merged: Number,
    skipped: Number,
    rejected: Number,
) -> rx.Component:
    """The six counts which add up to the rows read."""
    counts = (created, updated, unchanged, merged, skipped, rejected)
    return rx.el.dl(
        *[_fate(label, count) for label, count in zip(FATES, counts, strict=True)],
        class_name="fates",
    )


def _fate(label: str, count: Number) -> rx.Component:
    return rx.el.div(
        rx.el.dt(label, id=f"fate-{label.lower()}", class_name="fates__label"),
        rx.el.dd(
            core.number(count),
            aria_labelledby=f"fate-{label.lower()}",
            class_name="fates__value",
        ),
        class_name=f"fates__item fates__item--{label.lower()}",
    )


def _percent(value: Number) -> Number:
    if isinstance(value, rx.Var):
        script = f"Math.min(100, Math.max(0, Math.floor(Number({value}) || 0)))"
        return rx.Var(script, _var_data=value._get_all_var_data()).to(int)  # noqa: SLF001 - keeps the var's imports and hooks
    return min(100, max(0, int(value)))
