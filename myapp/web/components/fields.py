"""What people fill in: labelled controls, selects, search, and the drop zone for files.

The live form helper writes the same class names (``field``, ``field__label``, ``field__input``,
``field__hint``, ``field__error``), so a form looks alike whoever made its inputs.
"""

from collections.abc import Sequence
from typing import Any

import reflex as rx

from myapp.web.components import core, progress
from myapp.web.components.core import Child, Flag, Text


def field(
    label: Child,
    control: rx.Component,
    *,
    control_id: str,
    hint: Child | None = None,
    error: Child | None = None,
) -> rx.Component:
    """A control under its label, with a hint and the place where its error is told.

    Give the control ``aria_describedby=described_by(control_id)``.
    """
    return rx.el.div(
        rx.el.label(label, html_for=control_id, class_name="field__label"),
        control,
        *(
            [rx.el.p(hint, id=f"{control_id}-hint", class_name="field__hint")]
            if hint is not None
            else []
        ),
        *(
            [rx.el.p(error, id=f"{control_id}-error", class_name="field__error")]
            if error is not None
            else []
        ),
        class_name="field",
    )


def described_by(control_id: str) -> str:
    """Return the ids that tell more about a control."""
    return f"{control_id}-hint {control_id}-error"


def text_input(
    control_id: str, *, name: str, is_invalid: Flag = False, **props: Any
) -> rx.Component:
    """An uncontrolled text input: what is being typed belongs to the browser."""
    return rx.el.input(
        id=control_id,
        name=name,
        class_name="field__input",
        aria_invalid=core.when(is_invalid, "true"),
        aria_describedby=described_by(control_id),
        **core.over(props, type="text", auto_complete="off"),
    )


def text_area(
    control_id: str, *, name: str, is_invalid: Flag = False, **props: Any
) -> rx.Component:
    """An uncontrolled input of several lines."""
    return rx.el.textarea(
        id=control_id,
        name=name,
        class_name="field__input",
        aria_invalid=core.when(is_invalid, "true"),
        aria_describedby=described_by(control_id),
        **props,
    )


def select(
    options: Sequence[tuple[str, str]] | rx.Var, *, label: Text | None = None, **props: Any
) -> rx.Component:
    """A choice among (value, words); ``label`` names one that stands without a visible label."""
    props = core.over(props, **({"aria_label": label} if label is not None else {}))
    return rx.el.span(
        rx.el.select(_options(options), class_name="field__input select__input", **props),
        core.icon("chevron-down", 14, class_name="select__icon"),
        class_name="select",
    )


def searchbox(name: Text = "Search", **props: Any) -> rx.Component:
    """A search field; its name is also its placeholder."""
    return rx.el.div(
        core.icon("search", 15, class_name="searchbox__icon"),
        rx.el.input(
            aria_label=name,
            class_name="field__input searchbox__input",
            **core.over(props, type="search", placeholder=name, auto_complete="off"),
        ),
        class_name="searchbox",
        role="search",
    )


def dropzone(
    title: Child = "Drop a file here, or choose one",
    hint: Child = "",
    *,
    label: Text = "File",
    is_active: Flag = False,
    **props: Any,
) -> rx.Component:
    """A place to drop a file; the input covers it, so a drop works without any script."""
    looks = (
        rx.cond(is_active, "dropzone dropzone--active", "dropzone")
        if isinstance(is_active, rx.Var)
        else ("dropzone dropzone--active" if is_active else "dropzone")
    )
    return rx.el.div(
        core.icon("upload", 20, class_name="dropzone__icon"),
        rx.el.p(title, class_name="dropzone__title"),
        rx.el.p(hint),
        rx.el.input(type="file", aria_label=label, class_name="dropzone__input", **props),
        class_name=looks,
    )


def file_row(
    name: Text,
    detail: Child,
    *,
    percent: float | rx.Var | None = None,
    action: Child | None = None,
) -> rx.Component:
    """A file on its way: name, size, how much of it has arrived, and a way to stop."""
    return rx.el.div(
        core.icon("file-spreadsheet", 18, class_name="file-row__icon"),
        rx.el.div(
            rx.el.p(name, class_name="file-row__name", title=name),
            rx.el.p(detail, class_name="file-row__detail"),
        ),
        action if action is not None else rx.el.span(),
        *(
            [
                rx.el.div(
                    progress.progress_bar("Upload progress", percent),
                    class_name="file-row__progress",
                )
            ]
            if percent is not None
            else []
        ),
        class_name="file-row",
    )


def form_row(*children: Child) -> rx.Component:
    """Two or three fields beside each other, below each other where it is narrow."""
    three = " form__row--three" if len(children) == 3 else ""
    return rx.el.div(*children, class_name=f"form__row{three}")


def form_actions(*children: Child) -> rx.Component:
    """The buttons at the end of a form; in a panel they stay in sight."""
    return rx.el.div(*children, class_name="form__actions")


def _options(options: Sequence[tuple[str, str]] | rx.Var) -> Any:
    if isinstance(options, rx.Var):
        return rx.foreach(options, lambda option: rx.el.option(option[1], value=option[0]))
    return rx.fragment(*[rx.el.option(words, value=value) for value, words in options])
