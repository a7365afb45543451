"""What contacts say out loud: views, facts, and how facts change a list."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from myapp.kit.topics import JSON, Change, Fact, Row


@dataclass(frozen=True, slots=True)
class ContactRow:
    """A contact as lists show it."""

    id: str
    version: int
    name: str
    email: str
    phone: str
    organization: str
    updated_at: str


@dataclass(frozen=True, slots=True)
class ContactView:
    """A contact in full, as its page and its form show it; times are ISO 8601 in UTC."""

    id: str
    version: int
    name: str
    first_name: str
    last_name: str
    email: str
    phone: str
    emails: tuple[str, ...]
    phones: tuple[str, ...]
    organization: str
    notes: str
    updated_at: str

    @property
    def row(self) -> ContactRow:
        """Return what lists show of it."""
        return ContactRow(
            self.id,
            self.version,
            self.name,
            self.email,
            self.phone,
            self.organization,
            self.updated_at,
        )


@dataclass(frozen=True, slots=True)
class ContactQuery:
    """Which contacts a list shows: words to find, an order, a page (1 is the first)."""

    search: str = ""
    sort: str = "name"
    is_descending: bool = False
    page: int = 1


@dataclass(frozen=True, slots=True)
class ContactWindow:
    """One page of a list, as of message ``seq`` of the contacts' topic."""

    rows: tuple[ContactRow, ...]
    total: int
    page: int
    pages: int
    seq: int


@dataclass(frozen=True)
class ContactCreated(Fact):
    """A contact was added."""

    contact: ContactRow


@dataclass(frozen=True)
class ContactUpdated(Fact):
    """A contact was changed."""

    contact: ContactRow


@dataclass(frozen=True)
class ContactDeleted(Fact):
    """A contact was deleted; ``version`` is higher than any it had."""

    contact_id: str
    version: int


@dataclass(frozen=True)
class ContactsImported(Fact):
    """Many contacts changed at once; lists ask their window again."""

    batch_id: str
    counts: Mapping[str, int] = field(default_factory=dict)


def fold(name: str, data: dict[str, JSON]) -> Change:
    """Return what one event changes in a list of contacts."""
    match name:
        case "contacts.ContactCreated" | "contacts.ContactUpdated":
            row = data["contact"]
            return Change(rows=(Row(row["id"], row["version"], row),))
        case "contacts.ContactDeleted":
            return Change(rows=(Row(data["contact_id"], data["version"], None),))
        case "contacts.ContactsImported":
            return Change(is_stale=True)
        case _:
            return Change()


def as_json(row: ContactRow) -> dict[str, JSON]:
    """Return a row as JSON types."""
    return asdict(row)
