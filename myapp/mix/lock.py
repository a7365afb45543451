"""One owner per data directory: a lock with a record of what the owner started.

The kernel lets go of the lock however the owner ended. The record then tells the next owner
which programs were left behind by a ``kill -9``, so that they do not hold the port.
"""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import IO

from myapp.mix.terminal import CannotRun


class DataLock:
    """The lock on a data directory; use ``hold`` or ``hold_if_free``."""

    def __init__(self, file: IO[str], task: str, *, had_leftovers: bool) -> None:
        self.had_leftovers = had_leftovers
        self._file = file
        self._task = task

    def record(self, pids: Mapping[str, int]) -> None:
        """Write down the programs that run now, with the moments they were born."""
        programs = {name: [pid, born(pid)] for name, pid in pids.items()}
        text = json.dumps({"pid": os.getpid(), "task": self._task, "programs": programs})
        # One write over the old text, never an empty file: whoever reads it, also after a crash, finds
        # either record. Spaces cover what an older, longer one leaves.
        data = text.encode()
        length = os.fstat(self._file.fileno()).st_size
        os.pwrite(self._file.fileno(), data.ljust(length), 0)


@contextlib.contextmanager
def hold(data_dir: Path, task: str) -> Generator[DataLock]:
    """Own the data directory, or refuse with the one who does."""
    with hold_if_free(data_dir, task) as lock:
        if lock is None:
            owner = _read(data_dir / "run.lock")
            raise CannotRun(
                f"{data_dir}: already in use by `myapp {owner.get('task', '?')}` "
                f"(process {owner.get('pid', '?')}); stop it, or set DATA_DIR to another folder"
            )
        yield lock


@contextlib.contextmanager
def hold_if_free(data_dir: Path, task: str) -> Generator[DataLock | None]:
    """Own the data directory, or get None when someone else does."""
    path = data_dir / "run.lock"
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise CannotRun(f"DATA_DIR={data_dir}: cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
            return
        record = _read(path)
        _end_leftovers(record)
        lock = DataLock(file, task, had_leftovers=bool(record.get("programs")))
        lock.record({})
        yield lock
        lock.record({})


def born(pid: int) -> str:
    """Return when a process was born, to tell it from a later one with its number."""
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    with contextlib.suppress(OSError):
        ps = ["ps", "-o", "lstart=", "-p", str(pid)]
        return subprocess.run(ps, check=False, capture_output=True, text=True).stdout.strip()  # noqa: S603
    return ""


def _read(path: Path) -> dict:
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(path.read_text())
        return found if isinstance(found, dict) else {}
    return {}


def _end_leftovers(record: dict) -> None:
    for pid, birth in dict(record.get("programs", {})).values():
        if birth and born(pid) == birth:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, signal.SIGKILL)
