"""Telephone numbers as they stand in files.

A number with a country code becomes E.164; one without keeps its digits: the file does not
say which country it is from, and no row is lost for that. Most international numbers pass
without phonenumbers' slow parser: its own tables say which lengths a country has and which
beginnings it would rewrite, and only those are left to it.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneMetadata

LIMIT = 40
MOST_DIGITS = 17
LEAST_DIGITS = 3
_DIGITS = re.compile(r"[\d\s().\-/]+", re.ASCII)
_SIMPLE = re.compile(r"\+[1-9][\d .()\-]+", re.ASCII)
_NOT_DIGITS = re.compile(r"\D+", re.ASCII)
_is_one = re.compile(r"\+?\d[\d .()/\-]+|\([\d .()/\-]+", re.ASCII).fullmatch
_UNREAD = {
    phonenumbers.NumberParseException.INVALID_COUNTRY_CODE: "its country code is not known",
    phonenumbers.NumberParseException.NOT_A_NUMBER: "it has too few digits",
    phonenumbers.NumberParseException.TOO_LONG: "it is too long",
}
_DROPPED = str.maketrans("", "", "+ .()-/")
_EXTENSION = re.compile(
    r"[\s,;]*(?:ext(?:ension|n)?\.?|x|#|;ext=|durchwahl|poste|anexo)[\s.:=]*(\d{1,7})\s*$",
    re.IGNORECASE | re.ASCII,
)
_VANITY = re.compile(r"\+?\d[\d().\s-]{1,12}[A-Z][A-Z\d-]{2,}", re.ASCII)
_BETWEEN = re.compile(r"\s*(?:;(?!ext=)|:::|\||\n|\r|,(?!\s*(?:ext|x|#)))\s*", re.IGNORECASE)


class Phone(NamedTuple):
    """A number as written, and the form two spellings of it share."""

    shown: str
    key: str


class BadPhone(ValueError):
    """Not a telephone number."""


def split(cell: str) -> list[str]:
    """Take the numbers out of a cell.

    >>> split("+49 30 1234567; (202) 555-0143 x7")
    ['+49 30 1234567', '(202) 555-0143 x7']
    """
    if _is_one(cell):
        return [cell]
    parts = [part for part in map(str.strip, _BETWEEN.split(cell)) if part]
    if all(_count(part) >= LEAST_DIGITS for part in parts):
        return parts
    return [" ".join(cell.split())] if parts else []


def bare_like(cell: str) -> Phone | None:
    """Keep the digits of a cell that holds nothing but one number; None: look closer."""
    digits = cell.translate(_DROPPED)
    if digits.isdecimal() and digits.isascii():
        return tuple.__new__(Phone, (cell, f"+{digits}" if cell[0] == "+" else digits))
    return None


def bare_full(cell: str) -> Phone | None:
    """Check a cell that holds nothing but one number; None: look closer."""
    if len(cell) > LIMIT or not _is_one(cell):
        return None
    try:
        return full(cell)
    except BadPhone:
        return None


def like(text: str) -> Phone:
    """Keep the digits of a number, unchecked."""
    digits = _NOT_DIGITS.sub("", text)
    return Phone(text, f"+{digits}" if text.startswith("+") else digits)


@lru_cache(maxsize=16384)
def full(text: str) -> Phone:
    """Check a number; raises ``BadPhone`` with the reason."""
    if _SIMPLE.fullmatch(text):
        digits = text.translate(_DROPPED)
        if _is_settled(digits):
            return Phone(text, f"+{digits}")
    elif _DIGITS.fullmatch(text) and not text.startswith("00"):
        return Phone(text, _national(text))
    return _unusual(text)


def _unusual(text: str) -> Phone:
    bare, extension = text, ""
    found = _EXTENSION.search(text)
    if found and found.start():
        bare, extension = text[: found.start()].strip(), f";ext={found[1]}"
    if _VANITY.fullmatch(bare):
        bare = phonenumbers.convert_alpha_characters_in_number(bare)
    if bare.startswith(("+", "\uff0b", "(+")):
        return Phone(text, _international(bare.lstrip("(\uff0b+")) + extension)
    if bare.startswith("00") and len(bare) > 7:
        try:
            return Phone(text, _international(bare[2:]) + extension)
        except BadPhone:
            pass  # a national number may begin with two zeros
    return Phone(text, _national(bare) + extension)


def _international(text: str) -> str:
    try:
        number = phonenumbers.parse(f"+{text}", None)
    except phonenumbers.NumberParseException as error:
        raise BadPhone(_UNREAD.get(error.error_type, "it is too short")) from None
    if not phonenumbers.is_possible_number(number):
        reason = phonenumbers.is_possible_number_with_reason(number)
        is_short = reason == phonenumbers.ValidationResult.TOO_SHORT
        raise BadPhone(f"it is too {'short' if is_short else 'long'} for its country")
    number.extension = None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _national(text: str) -> str:
    digits = _NOT_DIGITS.sub("", phonenumbers.normalize_digits_only(text))
    if not digits:
        raise BadPhone("it has no digits")
    if len(digits) < LEAST_DIGITS:
        raise BadPhone("it is too short")
    if len(digits) > MOST_DIGITS:
        raise BadPhone("it is too long")
    return digits


def _is_settled(digits: str) -> bool:
    """Tell whether phonenumbers would keep these digits as they are and call them possible."""
    for size in (1, 2, 3):
        rule = _country(int(digits[:size]))
        if rule:
            lengths, rewritten = rule
            national = digits[size:]
            is_kept = national[:1] != "0" and not rewritten.match(national)
            return is_kept and len(national) in lengths
    return False


@lru_cache(maxsize=1024)
def _country(code: int) -> tuple[frozenset[int], re.Pattern[str]] | None:
    """Return a country's lengths and the beginnings that are rewritten, or None."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code)
    if not regions:
        return None
    if regions[0] == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        metadata = PhoneMetadata.metadata_for_nongeo_region(code)
    else:
        metadata = PhoneMetadata.metadata_for_region(regions[0])
    if metadata is None or metadata.general_desc is None:
        return None
    rewritten = re.compile(metadata.national_prefix_for_parsing or r"(?!)")
    return frozenset(metadata.general_desc.possible_length), rewritten


def _count(text: str) -> int:
    return sum(map(str.isdigit, text))
