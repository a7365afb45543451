"""A form over a changeset, with uncontrolled inputs.

What is typed is the browser's: the server only sends errors. After a pause of 250 ms the values and the
names of touched fields go to ``on_validate``; saving disables the button until the server acknowledged
(every handler declared with ``allow`` does, whatever becomes of it), and a refused save puts the focus on
the first field with an error. After a reconnect the values are validated again.

Usage::

    class ContactForm(LiveState, rx.State):
        form: FormState = FormState()

        @allow(Role.MEMBER)
        async def validate(self, values: dict, touched: list[str]) -> None:
            self.form = FormState.of(contacts.change_contact(self._scope, values), touched)

    form.form(
        form.field("email", "Email", type="email", errors=ContactForm.form.errors["email"]),
        form.submit("Save"),
        id="contact", on_validate=ContactForm.validate, on_save=ContactForm.save,
    )
"""

import dataclasses
from collections.abc import Collection
from typing import Any, Protocol

import reflex as rx

from myapp.live import scripts

__all__ = ["FormState", "field", "form", "submit"]


class HasErrors(Protocol):
    """The part of a changeset a form shows."""

    @property
    def errors(self) -> dict[str, list[str]]:
        """What is wrong, by field."""
        ...


@dataclasses.dataclass(frozen=True)
class FormState:
    """What the server says about a form: never the values, only what is wrong with them."""

    errors: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    is_valid: bool = True
    acknowledged: int = 0

    @classmethod
    def of(
        cls,
        changeset: HasErrors,
        touched: Collection[str] | None = None,
        *,
        acknowledged: int = 0,
    ) -> "FormState":
        """Return a changeset's errors for the touched fields; for all of them when left out."""
        errors = {
            name: list(messages)
            for name, messages in changeset.errors.items()
            if messages and (touched is None or name in touched)
        }
        is_valid = not any(changeset.errors.values())
        return cls(errors=errors, is_valid=is_valid, acknowledged=acknowledged)


_Values = rx.Var[dict[str, Any]]
_Names = rx.Var[list[str]]


def _validated(values: _Values, touched: _Names) -> tuple[_Values, _Names]:
    return (values, touched)


def _saved(values: _Values) -> tuple[_Values]:
    return (values,)


class LiveForm(rx.Component):
    """The form element: collects values, waits, sends, and follows what the server answers."""

    library = scripts.FORM
    tag = "LiveForm"

    form_id: rx.Var[str]
    on_validate: rx.EventHandler[_validated]  # ty: ignore[invalid-type-form]
    on_save: rx.EventHandler[_saved]  # ty: ignore[invalid-type-form]


class LiveField(rx.Component):
    """A label, an input of the browser's own, and the errors tied to it."""

    library = scripts.FORM
    tag = "LiveField"

    name: rx.Var[str]
    label: rx.Var[str]
    input_type: rx.Var[str]
    errors: rx.Var[list[str]]
    hint: rx.Var[str]
    default: rx.Var[Any]
    options: rx.Var[list[list[str]]]
    attributes: rx.Var[dict[str, Any]]


class LiveSubmit(rx.Component):
    """The button that saves, and says so while it does."""

    library = scripts.FORM
    tag = "LiveSubmit"

    label: rx.Var[str]
    saving_label: rx.Var[str]


def form(
    *children: rx.Component,
    id: str,  # noqa: A002 (the HTML attribute)
    on_save: Any,
    on_validate: Any = None,
    **props: Any,
) -> rx.Component:
    """Return a form; ``id`` names it in the page and ties errors to their fields.

    A form that shows one record after another needs ``key`` with the record's id: typed text stays
    with its inputs, and only another key makes them new.
    """
    if on_validate is not None:
        props["on_validate"] = on_validate
    return LiveForm.create(*children, form_id=id, on_save=on_save, **props)


def field(
    name: str,
    label: str,
    *,
    type: str = "text",  # noqa: A002 (the HTML attribute)
    errors: Any = None,
    default: Any = "",
    options: Any = None,
    hint: Any = None,
    **attributes: Any,
) -> rx.Component:
    """Return a labelled input with its errors; ``type`` is an input's, ``textarea`` or ``select``."""
    props: dict[str, Any] = {"name": name, "label": label, "input_type": type, "default": default}
    if errors is not None:
        props["errors"] = errors
    if hint is not None:
        props["hint"] = hint
    if options is not None:
        props["options"] = options
    if attributes:
        props["attributes"] = {_attribute(key): value for key, value in attributes.items()}
    return LiveField.create(**props)


def submit(label: str = "Save", *, saving_label: str = "Saving…", **props: Any) -> rx.Component:
    """Return the form's button."""
    return LiveSubmit.create(label=label, saving_label=saving_label, **props)


def _attribute(name: str) -> str:
    """Return an attribute's name as React writes it."""
    if name.startswith(("aria_", "data_")):
        return name.replace("_", "-")
    head, *tail = name.split("_")
    return head + "".join(word.capitalize() for word in tail)
