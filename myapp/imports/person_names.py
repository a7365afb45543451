"""Names of people as they stand in files."""

import unicodedata

_PARTICLES = {"van", "von", "der", "den", "de", "del", "della", "da", "di", "dos", "du", "la", "le"}
_PARTICLES |= {"ter", "ten", "zu", "zum", "zur", "bin", "ibn", "al", "el", "ben", "st.", "af", "av"}


def clean(text: str) -> str:
    """Trim a value, make its inner space single and its accents one character each."""
    text = text.strip()
    if text.isascii() and text.isprintable() and "  " not in text:
        return text
    return " ".join(unicodedata.normalize("NFC", text).split())


def split(name: str) -> tuple[str, str]:
    """Split a full name into first and last.

    >>> split("Ludwig van Beethoven"), split("Lovelace, Ada"), split("Plato")
    (('Ludwig', 'van Beethoven'), ('Ada', 'Lovelace'), ('Plato', ''))
    """
    last, comma, first = name.partition(",")
    if comma and first.strip() and "," not in first:
        return first.strip(), last.strip()
    words = name.split()
    if len(words) < 2:
        return name, ""
    start = len(words) - 1
    while start > 1 and words[start - 1].lower() in _PARTICLES:
        start -= 1
    return " ".join(words[:start]), " ".join(words[start:])
