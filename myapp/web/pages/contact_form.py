"""The form beside the list of contacts: a new one, or one to change, as the address says."""

from typing import Any
from uuid import UUID

import reflex as rx

from myapp import contacts
from myapp.accounts import Role
from myapp.contacts import ContactView
from myapp.kit.repo import NotFound
from myapp.kit.result import Error, Ok
from myapp.live import form
from myapp.live.form import FormState
from myapp.live.state import allow
from myapp.web.components import core, feedback, fields
from myapp.web.pages import contact_place
from myapp.web.shell import ScopedState, Shell

_FIELDS = ("first_name", "last_name", "email", "phone", "organization_name", "notes")


class ContactForm(ScopedState, rx.State):
    """The form for a new contact and for changing one, named by the address."""

    mode: str = ""
    contact_id: str = ""
    values: dict[str, str] = {}  # noqa: RUF012 (Reflex copies defaults per session)
    further: str = ""
    form: FormState = FormState()
    is_deleting: bool = False
    list_address: str = ""

    @allow(Role.VIEWER)
    async def _mount(self) -> None:
        place = contact_place.write(contact_place.read(self._params))
        self.list_address = f"{self._base}/contacts{place}"
        match list(self._params.get("splat") or []):
            case []:
                self.mode, self.contact_id = "", ""
            case ["new"]:
                self._open("new", None)
            case [contact_id, "edit"] if _is_uuid(contact_id):
                try:
                    self._open("edit", await contacts.get_contact(self._scope, UUID(contact_id)))
                except NotFound:
                    self._open("missing", None)
            case _:
                self._open("missing", None)

    def _page_title(self) -> str | None:
        return {"new": "New contact", "edit": "Edit contact"}.get(self.mode)

    def _open(self, mode: str, contact: ContactView | None) -> None:
        self.mode = mode
        self.contact_id = contact.id if contact else ""
        self.values = contacts.form_values(contact) if contact else dict.fromkeys(_FIELDS, "")
        more = [*contact.emails[1:], *contact.phones[1:]] if contact else []
        self.further = ", ".join(more)
        self.form = FormState()
        self.is_deleting = False

    @rx.event
    @allow(Role.MEMBER)
    async def validate(self, values: dict[str, Any], touched: list[str]) -> None:
        """Say what is wrong with the touched fields, as they are typed."""
        changeset = contacts.change_contact(None, _attrs(values))
        self.form = FormState.of(changeset, touched)

    @rx.event
    @allow(Role.MEMBER)
    async def save(self, values: dict[str, Any]) -> Any:
        """Save the contact; it appears in every open list with its event."""
        attrs = _attrs(values)
        if self.mode == "edit":
            result = await contacts.update_contact(self._scope, UUID(self.contact_id), attrs)
        else:
            result = await contacts.create_contact(self._scope, attrs)
        match result:
            case Ok(contact):
                self._flash("success", f"{contact.name} saved")
                return rx.redirect(self.list_address)
            case Error(changeset):
                self.form = FormState.of(changeset)
        return None

    @rx.event
    @allow(Role.MEMBER)
    async def ask_to_delete(self) -> None:
        """Ask before deleting."""
        self.is_deleting = not self.is_deleting

    @rx.event
    @allow(Role.MEMBER)
    async def delete(self) -> Any:
        """Delete the contact; its row leaves with the event, here as everywhere."""
        if not _is_uuid(self.contact_id):
            return None
        await contacts.delete_contact(self._scope, UUID(self.contact_id))
        self._flash("success", "Contact deleted")
        return rx.redirect(self.list_address)


def contact_form(title: str, *, is_new: bool) -> rx.Component:
    """The form in its panel; typed text is the browser's, the server sends only errors."""

    def field(name: str, label: str, **options: Any) -> rx.Component:
        return form.field(
            name,
            label,
            default=ContactForm.values[name],
            errors=ContactForm.form.errors[name],
            **options,
        )

    return core.panel(
        title,
        form.form(
            fields.form_row(
                field("first_name", "First name", auto_focus=is_new, auto_complete="off"),
                field("last_name", "Last name", auto_complete="off"),
            ),
            field("email", "Email", type="email", auto_complete="off"),
            field("phone", "Phone", type="tel", auto_complete="off"),
            field("organization_name", "Organization", auto_complete="off"),
            field("notes", "Notes", type="textarea"),
            rx.cond(
                ContactForm.further != "",
                rx.el.p("Also: ", ContactForm.further, class_name="field__hint"),
                rx.fragment(),
            ),
            fields.form_actions(
                form.submit("Save"),
                core.link_button("Cancel", ContactForm.list_address, variant="ghost"),
                *([] if is_new else [delete_buttons()]),
            ),
            id="contact",
            on_validate=ContactForm.validate,
            on_save=ContactForm.save,
            key="contact-" + ContactForm.contact_id,
        ),
        close_href=ContactForm.list_address,
    )


def delete_buttons() -> rx.Component:
    """Delete, and the question before it."""
    return rx.cond(
        ContactForm.is_deleting,
        rx.el.div(
            core.button("Keep", variant="ghost", on_click=ContactForm.ask_to_delete),
            core.button("Really delete", variant="danger", on_click=ContactForm.delete),
            class_name="cluster push-end",
        ),
        core.button(
            "Delete",
            variant="danger",
            icon_name="trash-2",
            class_name="push-end",
            on_click=ContactForm.ask_to_delete,
        ),
    )


def missing_contact() -> rx.Component:
    """The panel for an address that names no contact, or no longer."""
    return core.panel(
        "No such contact",
        feedback.empty_state(
            "user-x",
            "This contact does not exist",
            "It may have been deleted, or the address is mistyped.",
            action=core.link_button("See the list", Shell.base + "/contacts"),
        ),
        close_href=ContactForm.list_address,
    )


def _attrs(values: dict[str, Any]) -> dict[str, str]:
    return {name: str(values[name]) for name in _FIELDS if name in values}


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
