"""The private file store: uploads under names of our own, closed to everyone else.

A file is written under a temporary name and renamed when it is whole, so what has its final name is
complete. Whatever interrupts an upload removes its part. Files of a crash are swept at the next start.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from myapp import runtime
from myapp.kit.ids import uuid7

_PART = ".part"
_STALE_S = 24 * 3600
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class FileTooLarge(ValueError):
    """This file is too large; split it into several files."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"This file is larger than {shown(limit)}; split it into several files.")
        self.limit = limit


class StoreFull(OSError):
    """There is no room left for uploads; ask whoever runs this server to make some."""


class StoreUnusable(RuntimeError):
    """The folder for uploads cannot be written; check UPLOADS_URL and its permissions."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in the store."""

    name: str
    size: int
    sha256: str


def path_of(name: str) -> Path:
    """Return where a stored file lies; only names the store has made are found in it."""
    return runtime.settings.uploads_dir / Path(name).name


async def check() -> None:
    """Make the folder if need be, try to write into it, and sweep parts a crash left behind.

    Raises ``StoreUnusable``.
    """
    await asyncio.to_thread(_check, runtime.settings.uploads_dir)


async def receive(chunks: AsyncIterator[bytes]) -> StoredFile:
    """Write a stream of bytes as a new file.

    Raises ``FileTooLarge`` as soon as it is, ``StoreFull``, or what the stream raises; no part stays.
    """
    limit = runtime.settings.upload_max_bytes
    name = uuid7().hex
    final = path_of(name)
    part = final.with_name(name + _PART)
    digest, size = hashlib.sha256(), 0
    try:
        file = await asyncio.to_thread(_create, part)
        try:
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    raise FileTooLarge(limit)
                await asyncio.to_thread(_append, file, digest, chunk)
        finally:
            await asyncio.to_thread(_close, file)
        await asyncio.to_thread(part.rename, final)
    except OSError as error:
        await asyncio.shield(asyncio.to_thread(part.unlink, missing_ok=True))
        if error.errno in _FULL:
            raise StoreFull(StoreFull.__doc__) from error
        raise
    except BaseException:
        await asyncio.shield(asyncio.to_thread(part.unlink, missing_ok=True))
        raise
    return StoredFile(name, size, digest.hexdigest())


async def remove(name: str) -> None:
    """Delete a stored file; one that is gone already is fine."""
    await asyncio.to_thread(path_of(name).unlink, missing_ok=True)


def shown(size: int) -> str:
    """Return a number of bytes for people.

    >>> shown(512 * 1024**2), shown(2048)
    ('512 MB', '2 kB')
    """
    for unit, factor in (("GB", 1024**3), ("MB", 1024**2), ("kB", 1024)):
        if size >= factor:
            return f"{size / factor:.1f}".removesuffix(".0") + f" {unit}"
    return f"{size} bytes"


def _check(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = folder / f"{uuid7().hex}{_PART}"
        _close(_create(probe))
        probe.unlink()
        for part in folder.glob(f"*{_PART}"):
            # Another process may be receiving this very moment; a day is longer than any upload.
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_mtime < time.time() - _STALE_S:
                    part.unlink()
    except OSError as error:
        raise StoreUnusable(f"{StoreUnusable.__doc__} ({folder}: {error.strerror})") from error


def _create(path: Path) -> BinaryIO:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


def _append(file: BinaryIO, digest: "hashlib._Hash", chunk: bytes) -> None:
    digest.update(chunk)
    file.write(chunk)


def _close(file: BinaryIO) -> None:
    try:
        file.flush()
        # The batch's row says that the file is there: it must survive what the row survives.
        os.fsync(file.fileno())
    finally:
        file.close()
