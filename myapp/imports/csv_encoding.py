"""How the bytes of a file become text.

A file is scanned once from end to end, so that a bad byte in its last line is known before
the import starts. Marks and UTF-8 are facts; everything else is a guess that a person may
change in the preview.
"""

import codecs
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import charset_normalizer

from myapp.imports.unreadable import (
    EmptyFile,
    LineTooLong,
    NotText,
    UnknownEncoding,
    WrongEncoding,
)

BLOCK_BYTES = 1 << 20
LINE_LIMIT_BYTES = 64 << 20
_GUESS_BYTES = 128 << 10

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SIGNATURES = (
    (b"PK\x05\x06", "an empty ZIP archive"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old or a password-protected Excel workbook"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"BZh", "a bzip2 archive"),
    (b"\xfd7zXZ\x00", "an xz archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"%PDF-", "a PDF document"),
    (b"\x89PNG\r\n", "an image (PNG)"),
    (b"\xff\xd8\xff", "an image (JPEG)"),
    (b"GIF87a", "an image (GIF)"),
    (b"GIF89a", "an image (GIF)"),
    (b"SQLite format 3\x00", "a SQLite database"),
    (b"{\\rtf", "a rich text document"),
)
_TEXT_SIGNATURES = (
    (re.compile(rb"begin:vcard", re.IGNORECASE), "a vCard file"),
    (re.compile(rb"<!doctype html|<html", re.IGNORECASE), "a web page"),
    (re.compile(rb"<\?xml", re.IGNORECASE), "an XML document"),
)
# Likely sets only: the library's full list finds Icelandic Macs in three German umlauts.
_GUESSES = [
    "cp1252",
    "latin_1",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp1256",
    "cp1257",
    "cp932",
    "shift_jis",
    "euc_jp",
    "gb18030",
    "big5",
    "cp950",
    "cp949",
    "euc_kr",
    "koi8_r",
    "mac_roman",
]
_WESTERN = ("cp1252", "latin_1")
_SHOWN = {
    "latin_1": "latin-1",
    "cp932": "shift_jis",
    "cp950": "big5",
    "cp949": "euc_kr",
    "utf_8": "utf-8",
    "utf_8_sig": "utf-8",
    "utf-8-sig": "utf-8",
    "iso8859-1": "latin-1",
    "ascii": "utf-8",
}
_CODECS = {"utf-8": "utf-8-sig", "shift_jis": "cp932", "big5": "cp950", "euc_kr": "cp949"}
_CONTROLS = bytes(set(range(1, 32)) - {9, 10, 11, 12, 13, 26, 27, 28, 29, 30, 31})
_MAC_ACCENT = re.compile(rb"[A-Za-z][\x80-\x90\x93-\x9f][a-z]")
_WINDOWS_ACCENT = re.compile(rb"[\xc0-\xff]")


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to decode a file, and what decoding it from end to end has shown."""

    name: str
    errors: str = "strict"
    has_nul: bool = False
    unreadable_count: int = 0
    first_bad_line: int = 0


@dataclass(slots=True)
class Scan:
    """What one pass over the bytes has seen."""

    size: int = 0
    head: bytes = b""
    line_count: int = 0
    longest_line: int = 0
    has_nul: bool = False
    non_ascii: bytes = b""


def codec(name: str) -> str:
    """Return the codec that reads the encoding of this name, a mark included.

    >>> codec("utf-8")
    'utf-8-sig'
    """
    return _CODECS.get(name, name)


def scan(path: Path) -> Scan:
    """Walk over the bytes of a file once.

    Raises ``EmptyFile``, ``NotText`` and ``LineTooLong``.
    """
    seen, tail = Scan(), 0
    for block in _blocks(path):
        if not seen.size:
            seen.head = block[: 64 << 10]
            _refuse_binary(seen.head)
        seen.size += len(block)
        seen.has_nul = seen.has_nul or b"\0" in block
        pieces = block.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        seen.line_count += len(pieces) - 1
        seen.longest_line = max(seen.longest_line, tail + len(pieces[0]), *map(len, pieces))
        tail = len(pieces[-1]) + (tail if len(pieces) == 1 else 0)
        if len(seen.non_ascii) < _GUESS_BYTES and not block.isascii():
            # Whole lines: half a character at the end would rule out its own encoding.
            for line in itertools.filterfalse(bytes.isascii, pieces):
                seen.non_ascii += line + b"\n"
                if len(seen.non_ascii) >= _GUESS_BYTES:
                    break
        if max(seen.longest_line, tail) > LINE_LIMIT_BYTES:
            raise LineTooLong
    if not seen.size:
        raise EmptyFile
    seen.line_count += tail > 0
    return seen


def detect(path: Path, seen: Scan) -> Encoding:
    """Find the encoding of a scanned file, and check it against every byte."""
    for mark, name in _MARKS:
        if seen.head.startswith(mark):
            return check(path, name)
    if wide := _wide_without_mark(seen.head):
        return check(path, wide)
    if not seen.non_ascii:
        return Encoding("utf-8", has_nul=seen.has_nul)
    found = check(path, "utf-8", raises=False)
    if found and _is_mostly_readable(path, found):
        return found
    for name in _guesses(seen.non_ascii):
        if (guess := check(path, name, raises=False)) and not guess.unreadable_count:
            return guess
    return check(path, "latin-1")


def chosen(path: Path, name: str) -> Encoding:
    """Check the encoding a person has chosen.

    Raises ``UnknownEncoding`` and ``WrongEncoding``.
    """
    try:
        known = codecs.lookup(name)
    except LookupError:
        raise UnknownEncoding(
            f"The encoding “{name}” is not known; choose one of the list, UTF-8 for example."
        ) from None
    if not known._is_text_encoding:  # noqa: SLF001  (rot13 and base64 are codecs, too)
        raise UnknownEncoding(f"“{name}” is not an encoding of text; choose one of the list.")
    found = check(path, _SHOWN.get(known.name, name))
    if found.unreadable_count and not _is_mostly_readable(path, found):
        raise WrongEncoding(
            f"Line {found.first_bad_line:,} of this file cannot be read as {name}; "
            "choose another encoding."
        )
    return found


def check(path: Path, name: str, *, raises: bool = True) -> Encoding:
    """Decode a whole file and say what came of it; a few bad bytes are replaced."""
    name = _SHOWN.get(name, name)
    has_nul, lines = False, 1
    try:
        for text in _decoded(path, name, "strict"):
            has_nul = has_nul or "\0" in text
            lines += _line_breaks(text)
    except UnicodeError:
        pass
    else:
        return Encoding(name, has_nul=has_nul)
    count, bad_line, lines = 0, 0, 1
    try:
        for text in _decoded(path, name, "replace"):
            has_nul = has_nul or "\0" in text
            count += text.count("\ufffd")
            if count and not bad_line:
                bad_line = lines + _line_breaks(text[: text.index("\ufffd")])
            lines += _line_breaks(text)
    except UnicodeError:
        if raises:
            raise WrongEncoding from None
        return Encoding(name, "replace", has_nul, 1, 1)
    return Encoding(name, "replace", has_nul, max(count, 1), max(bad_line, 1))


def _is_mostly_readable(path: Path, found: Encoding) -> bool:
    if not found.unreadable_count:
        return True
    foreign = sum(
        len(text) - len(text.encode("ascii", "ignore"))
        for text in _decoded(path, found.name, "replace")
    )
    return found.unreadable_count <= max(1, foreign // 20) and foreign > 20


def _guesses(sample: bytes) -> list[str]:
    matches = charset_normalizer.from_bytes(sample, cp_isolation=list(_GUESSES))
    if not matches:
        return ["cp1252"]
    best = matches[0]
    # Texts of few accents fit many tables equally: then the usual one is the likely one.
    ties = [
        name
        for match in matches
        if match.chaos <= best.chaos + 0.02 and match.coherence >= best.coherence - 0.05
        for name in (match.encoding, *match.could_be_from_charset)
    ]
    western = [name for name in _WESTERN if name in ties]
    if western and _is_from_a_mac(sample):
        western.insert(0, "mac_roman")
    names = [*western, *(match.encoding for match in matches), "cp1252"]
    return [name for name in dict.fromkeys(names) if name in _GUESSES]


def _is_from_a_mac(sample: bytes) -> bool:
    """Tell whether accents stand where Windows has its dashes and quotation marks."""
    return len(_MAC_ACCENT.findall(sample)) > len(_WINDOWS_ACCENT.findall(sample))


def _refuse_binary(head: bytes) -> None:
    if head.startswith(b"PK\x03\x04"):
        raise NotText(_kind_of_zip(head))
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        raise NotText("an image (WebP)")
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            raise NotText(name)
    start = head[:512].removeprefix(codecs.BOM_UTF8).lstrip()
    for pattern, name in _TEXT_SIGNATURES:
        if pattern.match(start):
            raise NotText(name)
    if any(head.startswith(mark) for mark, _ in _MARKS) or _wide_without_mark(head):
        return
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls > len(head) * 0.05 or head.count(0) > len(head) * 0.3:
        raise NotText("a program, a picture or another file that is not text")


def _kind_of_zip(head: bytes) -> str:
    if b"xl/" in head or b"[Content_Types].xml" in head:
        return "an Excel workbook (.xlsx)"
    if b"opendocument.spreadsheet" in head[:200]:
        return "an OpenDocument spreadsheet (.ods)"
    return "a ZIP archive"


def _wide_without_mark(head: bytes) -> str | None:
    pairs = len(head) // 2
    if pairs < 2:
        return None
    even = head[: pairs * 2 : 2].count(0) / pairs
    odd = head[1 : pairs * 2 : 2].count(0) / pairs
    if odd > 0.4 and even < 0.05:
        return "utf-16-le"
    if even > 0.4 and odd < 0.05:
        return "utf-16-be"
    return None


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            yield block


def _decoded(path: Path, name: str, errors: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(codec(name))(errors)
    for block in _blocks(path):
        yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def _line_breaks(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")
