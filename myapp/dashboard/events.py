"""What the dashboard shows, as views."""

from dataclasses import dataclass

from myapp.kit.topics import JSON


@dataclass(frozen=True, slots=True)
class Figures:
    """A workspace's figures at one moment."""

    contacts: int
    organizations: int
    importing: int
    imported_today: int
    running: tuple[dict[str, JSON], ...] = ()
