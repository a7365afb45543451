"""E-mail addresses as they stand in files.

``full`` accepts what email-validator accepts (without asking the network). Almost every
address is plain: its local part is then checked by one pattern, its domain by the library
once. Reserved domains (``.invalid``, ``.local``) are kept with a note: an address book may
hold them.
"""

import re
from functools import lru_cache
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

LIMIT = 254
_ATOM = r"[A-Za-z0-9_!#$%&'*+\-/=?^`{|}~]+"
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@([A-Za-z0-9.\-]+)")
_LIKE = re.compile(r"[^\s@,;<>|\"]+@[^\s@,;<>|\"]+\.[^\s@,;<>|\"]+")
_RESERVED = re.compile(r"(?:^|\.)(?:arpa|invalid|local|localhost|onion|test)$", re.IGNORECASE)
_ANGLES = re.compile(r"<([^<>]*)>")
_BETWEEN = re.compile(r"(?:[;,|\s]|:::)+")
_EDGES = " \t\r\n\"'<>.,;:()[]"


class Email(NamedTuple):
    """An address as written, and the form two spellings of it share."""

    shown: str
    key: str
    note: str = ""


class BadEmail(ValueError):
    """Not an e-mail address."""


def split(cell: str) -> list[str]:
    """Take the addresses out of a cell.

    >>> split("a@x.de; Bob <b@y.de>, mailto:c@z.de")
    ['a@x.de', 'b@y.de', 'c@z.de']
    """
    if "<" in cell and (angled := [text for text in _ANGLES.findall(cell) if "@" in text]):
        rest = _BETWEEN.split(_ANGLES.sub(" ", cell))
        bare = [text for text in map(_bare, rest) if "@" in text]
        return sorted([_bare(text) for text in angled] + bare, key=cell.find)
    parts = [part for part in map(_bare, _BETWEEN.split(cell)) if part]
    if len(parts) > 1 and all("@" in part for part in parts):
        return parts
    whole = _bare(cell) or cell.strip()
    return [whole] if cell.strip() else []


def bare_like(cell: str) -> Email | None:
    """Check a cell that holds nothing but one address by its look; None: look closer."""
    if _LIKE.fullmatch(cell):
        return tuple.__new__(Email, (cell, cell.lower(), ""))
    return None


def like(text: str) -> Email:
    """Check an address by its look alone; raises ``BadEmail``."""
    if email := bare_like(text):
        return email
    raise BadEmail("it has no name, no @-sign or no domain")


def bare_full(cell: str) -> Email | None:
    """Check a cell that holds nothing but one plain address; None: look closer."""
    plain = _PLAIN.fullmatch(cell)
    if plain is None or len(cell) > LIMIT:
        return None
    domain, note, reason = _domain(plain[2].lower())
    if reason:
        return None
    return tuple.__new__(Email, (cell, f"{plain[1].lower()}@{domain}", note))


def full(text: str) -> Email:
    """Check an address as email-validator does; raises ``BadEmail`` with the reason."""
    if email := bare_full(text):
        return email
    checked, note = _validated(text, text.rpartition("@")[2])
    return Email(text, checked.lower(), note)


def _bare(text: str) -> str:
    text = text.strip(_EDGES)
    return text[7:] if text[:7].lower() == "mailto:" else text


@lru_cache(maxsize=8192)
def _domain(domain: str) -> tuple[str, str, str]:
    """Return the domain's normal form, a note and the reason against it."""
    try:
        checked, note = _validated(f"a@{domain}", domain)
    except BadEmail as bad:
        return domain, "", str(bad)
    return checked.rpartition("@")[2], note, ""


def _validated(text: str, domain: str) -> tuple[str, str]:
    suffix = note = ""
    if "." in domain and _RESERVED.search(domain):
        suffix, note = ".com", f"{domain} is a reserved name; mail to it will not arrive"
    try:
        checked = validate_email(text + suffix, check_deliverability=False)
    except EmailNotValidError as error:
        raise BadEmail(str(error).rstrip(".")) from None
    return checked.normalized.removesuffix(suffix), note
