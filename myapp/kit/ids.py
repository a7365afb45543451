"""Ids: UUIDs of version 7, made in Python: they sort by time, so indexes grow at one end."""

from uuid import UUID

import uuid_utils.compat


def uuid7() -> UUID:
    """Return a fresh id."""
    return uuid_utils.compat.uuid7()
