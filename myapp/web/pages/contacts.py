"""Contacts: the shared list, live, and the form beside it, by URL."""

from typing import Any

import reflex as rx

from myapp import contacts
from myapp.accounts import Role
from myapp.contacts import ContactQuery, ContactRow
from myapp.live import hub as hubs
from myapp.live.state import allow
from myapp.live.stream import Stream
from myapp.web import people
from myapp.web.components import core, feedback, fields, layouts, tables
from myapp.web.pages import contact_place
from myapp.web.pages.contact_form import ContactForm, contact_form, missing_contact
from myapp.web.shell import ScopedState, Shell, page

ROUTE = "/w/[workspace]/contacts/[[...splat]]"


class ContactIndex(ScopedState, rx.State):
    """Lists the workspace's contacts and follows every change to them."""

    rows = Stream(ContactRow, kind="contacts")
    total: int = 0
    page: int = 1
    pages: int = 1
    search: str = ""
    sort: str = "name"
    is_descending: bool = False
    is_ready: bool = False

    @allow(Role.VIEWER)
    async def _mount(self) -> None:
        self._read_address()
        await self._join(contacts.topic(self._scope), self.rows)
        await self._load()
        self.is_ready = True

    def _page_title(self) -> str:
        return "Contacts"

    @rx.event
    @allow(Role.VIEWER)
    async def refresh(self) -> None:
        """Ask for the window again, after others' changes."""
        await self._load()

    @rx.event
    @allow(Role.VIEWER)
    async def find(self, words: str) -> Any:
        """Show the contacts that have all the words."""
        self.search, self.page = contact_place.words(words), 1
        return self._go()

    @rx.event
    @allow(Role.VIEWER)
    async def sort_by(self, column: str) -> Any:
        """Sort by a column; again the other way round."""
        if column not in contacts.SORTS:
            return None
        self.is_descending = column == self.sort and not self.is_descending
        self.sort, self.page = column, 1
        return self._go()

    @rx.event
    @allow(Role.VIEWER)
    async def turn(self, step: int) -> Any:
        """Go pages forward or back."""
        self.page = min(max(1, self.page + step), self.pages)
        return self._go()

    def _go(self) -> Any:
        path = people.path_of(self).partition("?")[0]
        return rx.redirect(path + contact_place.write(self._query()), replace=True)

    def _query(self) -> ContactQuery:
        return ContactQuery(self.search, self.sort, self.is_descending, self.page)

    def _read_address(self) -> None:
        query = contact_place.read(self._params)
        self.search, self.sort = query.search, query.sort
        self.is_descending, self.page = query.is_descending, query.page

    async def _load(self) -> None:
        query, scope = self._query(), self._scope
        # One query for all who look at the same page of the list, however many ask after a change.
        window = await hubs.current().shared(
            contacts.topic(scope), query, lambda: contacts.list_contacts(scope, query)
        )
        self.rows.reset(window.rows, seq=window.seq, total=window.total)
        self.total, self.page, self.pages = window.total, window.page, window.pages

    @rx.var
    def place(self) -> str:
        """The query string that leads back to this place in the list."""
        return contact_place.write(self._query())

    @rx.var
    def summary(self) -> str:
        """Which of the contacts the page shows."""
        if not self.total:
            return "No contacts"
        first = (self.page - 1) * contacts.PAGE_SIZE + 1
        last = min(self.page * contacts.PAGE_SIZE, self.total)
        return f"{first:,}–{last:,} of {self.total:,}"  # noqa: RUF001 (a range is set with an en dash)


def contact_index() -> rx.Component:
    """The list, with the form beside it when the address names one."""
    return page(
        "contacts",
        core.header(
            "Contacts",
            core.number(ContactIndex.total),
            actions=[
                core.link_button("Import", Shell.base + "/imports/new", icon_name="file-up"),
                core.link_button(
                    "New contact",
                    Shell.base + "/contacts/new" + ContactIndex.place,
                    variant="primary",
                    icon_name="plus",
                ),
            ],
        ),
        layouts.page(
            tables.toolbar(
                fields.searchbox(
                    "Search contacts",
                    default_value=ContactIndex.search,
                    on_change=ContactIndex.find.debounce(200),
                    key="search",
                )
            ),
            rx.cond(
                (ContactIndex.total > 0) | (ContactIndex.rows.length() > 0),
                contact_table(),
                nothing_to_show(),
            ),
            is_dense=True,
        ),
        rx.match(
            ContactForm.mode,
            ("new", contact_form("New contact", is_new=True)),
            ("edit", contact_form("Edit contact", is_new=False)),
            ("missing", missing_contact()),
            rx.fragment(),
        ),
        is_ready=ContactIndex.is_ready,
    )


def contact_table() -> rx.Component:
    """The rows, keyed, so that a change to one leaves the others' elements alone."""
    return rx.fragment(
        tables.table(
            "Contacts",
            [
                tables.sort_head(
                    "Name",
                    direction_of("name"),
                    "main",
                    on_click=ContactIndex.sort_by("name"),
                ),
                tables.head("Email", "secondary"),
                tables.head("Phone", "optional"),
                tables.head("Organization", "secondary"),
                tables.sort_head(
                    "Changed",
                    direction_of("updated"),
                    "optional",
                    "number",
                    on_click=ContactIndex.sort_by("updated"),
                ),
            ],
            rx.foreach(ContactIndex.rows, contact_row),
        ),
        tables.pagination(
            ContactIndex.summary,
            previous=tables.page_button(
                "Previous", is_disabled=ContactIndex.page <= 1, on_click=ContactIndex.turn(-1)
            ),
            following=tables.page_button(
                "Next",
                is_disabled=ContactIndex.page >= ContactIndex.pages,
                on_click=ContactIndex.turn(1),
            ),
        ),
    )


def direction_of(column: str) -> rx.Var:
    """Return a column's sort direction for its head."""
    return rx.cond(
        ContactIndex.sort == column,
        rx.cond(ContactIndex.is_descending, "descending", "ascending"),
        "none",
    )


def contact_row(row: Any) -> rx.Component:
    """One contact."""
    return tables.row(
        tables.main_cell(
            row.name,
            href=Shell.base + "/contacts/" + row.id + "/edit" + ContactIndex.place,
            sub=rx.cond(row.email, row.email, row.phone),
            letters=core.initials(row.name),
        ),
        tables.cell(row.email, "secondary", title=row.email),
        tables.cell(row.phone, "optional"),
        tables.cell(row.organization, "secondary", title=row.organization),
        tables.cell(core.moment(row.updated_at), "optional", "number"),
        is_current=ContactForm.contact_id == row.id,
        key=row.id,
    )


def nothing_to_show() -> rx.Component:
    """What stands where no contact is: an empty workspace, or a search without a match."""
    return core.card(
        rx.cond(
            ContactIndex.search != "",
            feedback.empty_state(
                "search-x",
                "Nothing matches " + ContactIndex.search,
                "Search looks at names, email addresses, phones and organizations.",
                action=core.link_button("Clear search", Shell.base + "/contacts"),
            ),
            feedback.empty_state(
                "users",
                "No contacts yet",
                "Import a file, or write down the first one yourself. "
                "Everyone in the workspace sees them at once.",
                action=core.link_button(
                    "Import a file", Shell.base + "/imports/new", icon_name="file-up"
                ),
            ),
        )
    )
