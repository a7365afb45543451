"""The small parts every page is made of: text, links, buttons, badges, cards, panels.

Pure functions from plain values or Vars to elements; the looks live in ``assets/*.css`` under the
class names given here, so a button restyled there is restyled on every page.
Forms are in ``fields``, lists in ``tables``, figures in ``progress``, the states of nothing and
of failure in ``feedback``, the frame of a page in ``layouts``.
"""

from collections.abc import Sequence
from typing import Any, Literal, cast

import reflex as rx

Text = str | rx.Var[str]
Flag = bool | rx.Var[bool]
Child = rx.Component | rx.Var | str
Variant = Literal["primary", "secondary", "ghost", "danger"]
Tone = Literal["neutral", "accent", "success", "warning", "danger"]

STYLESHEETS = ["/tokens.css", "/base.css", "/controls.css", "/data.css", "/layout.css"]
UNDEFINED = rx.Var("undefined")


class PostForm(rx.el.Form):
    """A form the browser itself posts.

    Reflex's form always prevents the submission; this one keeps it, for routes that set cookies.
    """

    @classmethod
    def create(cls, *children: Any, **props: Any) -> "PostForm":
        """Create the element past the parent, which would attach a handler."""
        return cast("PostForm", super(rx.el.Form, cls).create(*children, **props))


def when(flag: Flag, value: str) -> str | rx.Var:
    """Return an attribute's value, or nothing at all while the flag is false."""
    if isinstance(flag, rx.Var):
        return rx.cond(flag, value, UNDEFINED)
    return value if flag else UNDEFINED


def over(props: dict[str, Any], **defaults: Any) -> dict[str, Any]:
    """Return the caller's properties laid over an element's own."""
    return {**defaults, **props}


def number(value: float | rx.Var) -> Text:
    """Write a number with separators: 12,345; a missing one as 0."""
    if isinstance(value, rx.Var):
        return _script(value, "(Number({}) || 0).toLocaleString('en-US')")
    return f"{value:,}"


def size(value: rx.Var) -> Text:
    """Write a number of bytes in the unit people use."""
    return _script(
        value,
        "((b) => b < 1024 ? b + ' B' : b < 1048576 ? Math.round(b / 1024) + ' KB'"
        " : (b / 1048576).toFixed(1) + ' MB')(Number({}) || 0)",
    )


def moment(iso: Text) -> Text:
    """Write an ISO time in the reader's zone: the time of day today, else the date."""
    if not isinstance(iso, rx.Var):
        return iso
    return _script(
        iso,
        "((t) => isNaN(t) ? '' : t.toDateString() === new Date().toDateString()"
        " ? t.toLocaleTimeString('en-GB', {{hour: '2-digit', minute: '2-digit'}})"
        " : t.toLocaleDateString('en-GB', {{day: 'numeric', month: 'short', year: 'numeric'}}))"
        "(new Date({} || NaN))",
    )


def initials(name: Text) -> Text:
    """Return the first letters of a name's first two words."""
    if isinstance(name, rx.Var):
        return _script(name, r"String({} ?? '').split(/\s+/).map((w) => w[0]).slice(0, 2).join('')")
    return "".join(word[0] for word in name.split()[:2])


def icon(name: str, size: int = 16, **props: Any) -> rx.Component:
    """A decorative lucide icon: readers of a screen hear the words beside it."""
    return rx.icon(name, size=size, aria_hidden="true", **props)


def hidden(text: Child) -> rx.Component:
    """Words for readers of a screen only."""
    return rx.el.span(text, class_name="visually-hidden")


def link(text: Child, href: Text, **props: Any) -> rx.Component:
    """A link inside the app, in running text; the router follows it without a new document."""
    return rx.el.a(text, href=href, **over(props, class_name="link"))


def button(
    label: Child,
    *,
    variant: Variant = "secondary",
    icon_name: str | None = None,
    is_disabled: Flag = False,
    **props: Any,
) -> rx.Component:
    """A button; ``type`` is "button" unless told, so that none submits by accident."""
    props = over(props, type="button", disabled=is_disabled)
    return rx.el.button(*_labelled(label, icon_name), **_classed(f"button--{variant}", props))


def link_button(
    label: Child,
    href: Text,
    *,
    variant: Variant = "secondary",
    icon_name: str | None = None,
    **props: Any,
) -> rx.Component:
    """A link inside the app that looks like a button."""
    parts = _labelled(label, icon_name)
    return rx.el.a(*parts, href=href, **_classed(f"button--{variant}", props))


def download_button(
    label: Child, href: Text, *, icon_name: str = "download", **props: Any
) -> rx.Component:
    """A link to a file of the server, which the router must not touch."""
    parts = _labelled(label, icon_name)
    return rx.el.A.create(*parts, href=href, download="", **_classed("button--secondary", props))


def icon_button(
    label: Text, icon_name: str, *, variant: Variant = "ghost", **props: Any
) -> rx.Component:
    """A button that shows an icon only; its label is its name and its tooltip."""
    props = over(props, type="button", aria_label=label, title=label)
    return rx.el.button(icon(icon_name), **_classed(f"button--{variant} button--icon", props))


def icon_link(label: Text, icon_name: str, href: Text, **props: Any) -> rx.Component:
    """A link inside the app that shows an icon only."""
    props = over(props, aria_label=label, title=label)
    return rx.el.a(icon(icon_name), href=href, **_classed("button--ghost button--icon", props))


def header(
    title: Child,
    subtitle: Child | None = None,
    *,
    actions: Sequence[Child] = (),
    back: tuple[Text, Text] | None = None,
) -> rx.Component:
    """The head of a page, with its only ``h1``; ``back`` is (label, href) of the page above."""
    return rx.el.header(
        *([_back(*back)] if back else []),
        rx.el.div(
            rx.el.h1(title, class_name="page-header__title"),
            *(
                [rx.el.p(subtitle, class_name="page-header__subtitle")]
                if subtitle is not None
                else []
            ),
            class_name="page-header__text",
        ),
        *([rx.el.div(*actions, class_name="page-header__actions")] if actions else []),
        class_name="page-header",
    )


def section(title: Child, *children: Child, action: Child | None = None) -> rx.Component:
    """A titled part of a page."""
    return rx.el.section(
        rx.el.div(
            rx.el.h2(title), *([action] if action is not None else []), class_name="section-title"
        ),
        *children,
    )


def badge(text: Child, tone: Tone | rx.Var[str] = "neutral", **props: Any) -> rx.Component:
    """A word about the state of something, with a dot of its tone."""
    return rx.el.span(text, class_name=f"badge badge--{tone}", **props)


def avatar(letters: Text, *, shape: Literal["round", "square", "large"] = "round") -> rx.Component:
    """The first letters of who or what stands beside it."""
    return rx.el.span(letters, class_name=f"avatar avatar--{shape}", aria_hidden="true")


def card(
    *children: Child,
    title: Child | None = None,
    action: Child | None = None,
    is_flush: bool = False,
) -> rx.Component:
    """A box with a hairline; a flush one gives its whole width to a table."""
    head = rx.el.div(
        rx.el.h2(title, class_name="card__title"),
        *([action] if action is not None else []),
        class_name="card__header",
    )
    return rx.el.section(
        *([head] if title is not None else []),
        rx.el.div(*children, class_name="card__body"),
        class_name="card card--flush" if is_flush else "card",
    )


def key_values(*pairs: tuple[Child, Child]) -> rx.Component:
    """A list of properties and their values."""
    return rx.el.dl(
        *[
            part
            for key, value in pairs
            for part in (
                rx.el.dt(key, class_name="key-values__key"),
                rx.el.dd(value, class_name="key-values__value"),
            )
        ],
        class_name="key-values",
    )


def meta(*parts: Child) -> rx.Component:
    """A line of small facts, which wraps rather than overflows."""
    return rx.el.div(*[rx.el.span(part) for part in parts], class_name="meta")


def tabs(name: Text, *items: tuple[Child, Text, Flag, Child | None]) -> rx.Component:
    """Links between the views of one thing: (label, href, is current, count or None)."""
    return rx.el.nav(
        *[_tab(*item) for item in items],
        class_name="tabs",
        aria_label=name,
    )


def panel(title: Child, *children: Child, close_href: Text, name: str = "panel") -> rx.Component:
    """A side panel over the page it belongs to; closing it is a link, so its place is a URL."""
    title_id = f"{name}-title"
    return rx.el.aside(
        rx.el.div(
            rx.el.h2(title, id=title_id, class_name="panel__title"),
            icon_link("Close", "x", close_href),
            class_name="panel__header",
        ),
        rx.el.div(*children, class_name="panel__body"),
        class_name="panel",
        role="dialog",
        aria_labelledby=title_id,
    )


def code(text: Child) -> rx.Component:
    """A literal value in running text."""
    return rx.el.code(text, class_name="code")


def kbd(text: Child) -> rx.Component:
    """A key to press."""
    return rx.el.kbd(text, class_name="kbd")


def stack(*children: Child, is_tight: bool = False) -> rx.Component:
    """Blocks below each other in the page's rhythm."""
    return rx.el.div(*children, class_name="stack stack--tight" if is_tight else "stack")


def cluster(*children: Child) -> rx.Component:
    """Small things beside each other, wrapping where they must."""
    return rx.el.div(*children, class_name="cluster")


def split(*children: Child) -> rx.Component:
    """A line with something at each end."""
    return rx.el.div(*children, class_name="split")


def _labelled(label: Child, icon_name: str | None) -> list[Child]:
    return [icon(icon_name), label] if icon_name else [label]


def _classed(modifiers: str, props: dict[str, Any]) -> dict[str, Any]:
    extra = props.pop("class_name", "")
    return {**props, "class_name": f"button {modifiers} {extra}".strip()}


def _back(label: Text, href: Text) -> rx.Component:
    return rx.el.a(
        icon("chevron-left"),
        href=href,
        aria_label=label,
        title=label,
        class_name="page-header__back",
    )


def _tab(label: Child, href: Text, is_current: Flag, count: Child | None) -> rx.Component:
    return rx.el.a(
        label,
        *([rx.el.span(count, class_name="tabs__count")] if count is not None else []),
        href=href,
        class_name="tabs__tab",
        aria_current=when(is_current, "page"),
    )


def _script(value: rx.Var, template: str) -> rx.Var[str]:
    # Formatting belongs to the browser: a server-side var would cost an event per change.
    return rx.Var(template.format(value), _var_data=value._get_all_var_data()).to(str)  # noqa: SLF001 - the documented way to keep a var's imports and hooks
