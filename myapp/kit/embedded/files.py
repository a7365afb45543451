"""What both embedded servers need from the machine: a user, a place, a port, a memory.

Nothing here changes the rights of a directory it did not make.
"""

import contextlib
import hashlib
import json
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Self

SHARED_HOME = Path("/var/lib/myapp")
MAX_LOG_BYTES = 10 * 1024 * 1024
_POLL_S = 0.01


class EmbeddedServerFailed(RuntimeError):
    """An embedded server could not be started; the message says what it said last."""


@dataclass(frozen=True, slots=True)
class Account:
    """The user an embedded server runs as when the application itself is root."""

    name: str
    uid: int
    gid: int

    @classmethod
    def for_servers(cls) -> Self | None:
        """Return the account servers run as, or None when they run as the caller."""
        if os.geteuid() != 0:
            return None
        for name in ("postgres", "nobody"):
            with contextlib.suppress(KeyError):
                found = pwd.getpwnam(name)
                return cls(name, found.pw_uid, found.pw_gid)
        message = "root may not run PostgreSQL, and neither 'postgres' nor 'nobody' exists here"
        raise EmbeddedServerFailed(message)


@dataclass(slots=True)
class Memory:
    """What a server keeps between starts: its port and its passwords, in a private file."""

    path: Path
    port: int
    passwords: dict[str, str]

    @classmethod
    def read(cls, path: Path, roles: tuple[str, ...]) -> Self:
        """Read the file, or make one with a fresh password for every role."""
        with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
            known = json.loads(path.read_text())
            if set(roles) <= set(known["passwords"]):
                return cls(path, int(known["port"]), dict(known["passwords"]))
        fresh = cls(path, 0, {role: secrets.token_urlsafe(24) for role in roles})
        fresh.write()
        return fresh

    def write(self) -> None:
        """Replace the file at once, readable by its owner only."""
        write_private(self.path, json.dumps({"port": self.port, "passwords": self.passwords}))

    def keep_port(self, port: int) -> None:
        """Remember the port the server listens on."""
        if port != self.port:
            self.port = port
            self.write()


def write_private(path: Path, text: str, owner: Account | None = None) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        if owner is not None:
            os.fchown(descriptor, owner.uid, owner.gid)
    draft.replace(path)


def home_of(root: Path, name: str, owner: Account | None) -> Path:
    """Return the directory a server keeps its files in; made on first use, closed to others."""
    if owner is None:
        home = root / name
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        return home
    home = _shared_home() / hashlib.sha256(str(root.resolve()).encode()).hexdigest()[:12]
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=0o700)
        os.chown(home, owner.uid, owner.gid)
    if home.stat().st_uid != owner.uid:
        message = f"{home} does not belong to {owner.name}; run as that user's owner or move it"
        raise EmbeddedServerFailed(message)
    return home


def installed(source: Path, names: tuple[str, ...], probe: str, owner: Account | None) -> Path:
    """Return a directory with the wheel's files that the server's user can reach.

    That is the wheel itself, or, when it lies under a closed directory such as root's home, a
    copy beside the data. Relative places are kept, for the binaries find their libraries so.
    """
    if owner is None or _can_execute(source / probe, owner):
        return source
    stamp = f"{(source / probe).stat().st_size}-{(source / probe).stat().st_mtime_ns}-{probe}"
    copy = _shared_home() / f"bin-{hashlib.sha256(stamp.encode()).hexdigest()[:12]}"
    if not copy.exists():
        draft = copy.with_name(f"{copy.name}.{secrets.token_hex(4)}")
        for name in names:
            if (source / name).exists():
                shutil.copytree(source / name, draft / name)
        _open_to_read(draft)
        with contextlib.suppress(OSError):  # another start was faster: its copy is as good
            draft.rename(copy)
        shutil.rmtree(draft, ignore_errors=True)
    return copy


def _shared_home() -> Path:
    if not SHARED_HOME.exists():
        SHARED_HOME.mkdir(parents=True, exist_ok=True)
        SHARED_HOME.chmod(0o755)  # whatever the caller's umask: servers pass through here
    return SHARED_HOME


def _open_to_read(folder: Path) -> None:
    # An umask of 077 at installation closed the wheel's files; the copy is for another user.
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            is_entered = path.is_dir() or path.stat().st_mode & 0o100
            path.chmod(0o755 if is_entered else 0o644)


def _can_execute(path: Path, owner: Account) -> bool:
    done = subprocess.run(  # noqa: S603 (a fixed command)
        ["/usr/bin/env", "test", "-x", str(path)],
        check=False,
        user=owner.uid,
        group=owner.gid,
        extra_groups=[],
        cwd="/",
    )
    return done.returncode == 0


def spawn(
    arguments: list[str], owner: Account | None, *, home: Path, log: Path, has_input: bool = False
) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, its words appended to a log."""
    with open_log(log) as file:
        return subprocess.Popen(  # noqa: S603 (binaries of our own wheels)
            arguments,
            stdin=subprocess.PIPE if has_input else subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            cwd=home,
            env=environment(),
            start_new_session=True,
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
        )


def environment() -> dict[str, str]:
    """Return the caller's environment without what would bend a server.

    PGDATA, PGPORT and their kin in a developer's shell are not meant for ours.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def open_log(path: Path) -> BinaryIO:
    """Open a server's log for appending; an overlong one is put aside first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        if path.stat().st_size > MAX_LOG_BYTES:
            path.replace(path.with_suffix(".old.log"))
    return path.open("ab")


def last_words(path: Path, lines: int = 8) -> str:
    """Return the end of a log."""
    with contextlib.suppress(FileNotFoundError):
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    return ""


def free_port(wanted: int = 0) -> int:
    """Return the wanted loopback port if it can be bound, else one the system picks."""
    for port in (wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            return probe.getsockname()[1]
    message = "no free port on 127.0.0.1"
    raise EmbeddedServerFailed(message)


def is_alive(pid: int) -> bool:
    """Tell whether a process exists and still runs; a zombie does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return True


def program_of(pid: int) -> str:
    """Return the name of the program a process runs, or an empty text."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    ps = ["ps", "-o", "comm=", "-p", str(pid)]
    with contextlib.suppress(OSError):
        done = subprocess.run(ps, check=False, capture_output=True, text=True)  # noqa: S603
        return Path(done.stdout.strip()).name
    return ""


def wait_until(is_done: Callable[[], bool], timeout_s: float) -> bool:
    """Ask until the answer is yes; return whether it came in time."""
    deadline = time.monotonic() + timeout_s
    while not is_done():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_S)
    return True
