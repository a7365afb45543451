"""The embedded servers on their real binaries: first start, attach, recover, lost passwords."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from myapp.kit.embedded import EmbeddedPostgres, EmbeddedServerFailed, EmbeddedValkey, files

ROOT = Path(__file__).parents[2]


@pytest.fixture
def postgres(tmp_path: Path) -> Iterator[EmbeddedPostgres]:
    server = EmbeddedPostgres(tmp_path)
    server.start()
    yield server
    server.erase()


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[EmbeddedValkey]:
    server = EmbeddedValkey(tmp_path)
    server.start()
    yield server
    server.stop()


def ask(server: EmbeddedPostgres, question: str, role: str = "myapp") -> object:
    with psycopg.connect(server.url(role), autocommit=True) as connection:
        found = connection.execute(question).fetchone()
    return found[0] if found else None


def tell(server: EmbeddedPostgres, statement: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(statement)


def test_the_application_role_owns_its_database_and_nothing_more(
    postgres: EmbeddedPostgres,
) -> None:
    assert (
        ask(
            postgres,
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles"
            " WHERE rolname = current_user",
        )
        is False
    )
    assert (
        ask(postgres, "SELECT count(*) FROM pg_extension WHERE extname IN ('pg_trgm', 'unaccent')")
        == 2
    )
    assert ask(postgres, "SHOW fsync", "postgres") == "on"
    tell(postgres, "CREATE TABLE mine (a int)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        tell(postgres, "COPY mine FROM PROGRAM 'id'")


def test_nobody_enters_without_the_password(postgres: EmbeddedPostgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://postgres:guess@127.0.0.1:{postgres.port}/postgres")
    with pytest.raises(psycopg.OperationalError, match="no password supplied"):
        psycopg.connect(f"postgresql://postgres@127.0.0.1:{postgres.port}/postgres")


def test_passwords_and_data_are_closed_to_others(postgres: EmbeddedPostgres) -> None:
    secret = postgres.root / "postgres.json"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE(postgres.home.stat().st_mode) == 0o700
    assert postgres.home.stat().st_uid != 0


def test_a_stopped_server_comes_back_on_its_port_with_its_rows(
    postgres: EmbeddedPostgres,
) -> None:
    port = postgres.port
    tell(postgres, "CREATE TABLE kept AS SELECT 1 AS a")
    postgres.stop()
    assert not postgres.is_running

    postgres.start()

    assert (postgres.port, postgres.is_attached) == (port, False)
    assert ask(postgres, "SELECT a FROM kept") == 1


def test_a_taken_port_is_left_to_its_owner(tmp_path: Path, postgres: EmbeddedPostgres) -> None:
    other = EmbeddedPostgres(tmp_path / "other")
    files.Memory.read(tmp_path / "other" / "postgres.json", ("postgres", "myapp")).keep_port(
        postgres.port
    )
    try:
        other.start()
        assert other.port != postgres.port
        assert ask(other, "SELECT 1") == 1
    finally:
        other.erase()


def test_a_server_that_outlived_the_application_is_attached_to_and_stopped(
    tmp_path: Path,
) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from myapp.kit.embedded import EmbeddedPostgres, EmbeddedValkey\n"
        "for kind in (EmbeddedPostgres, EmbeddedValkey): kind(Path(sys.argv[1])).start()\n"
        "os.killpg(0, signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        check=False,
        start_new_session=True,
        timeout=60,
    )
    assert done.returncode == -signal.SIGKILL
    postgres, valkey = EmbeddedPostgres(tmp_path), EmbeddedValkey(tmp_path)
    try:
        postgres.start()
        valkey.start()
        assert postgres.is_attached
        assert valkey.is_attached
        assert ask(postgres, "SELECT 1") == 1
    finally:
        valkey.stop()
        postgres.stop()
    assert not postgres.is_running
    assert not valkey.is_running
    assert "database system is shut down" in files.last_words(postgres.log_path)
    postgres.erase()


def test_a_killed_server_recovers_what_was_committed(postgres: EmbeddedPostgres) -> None:
    tell(postgres, "CREATE TABLE rows AS SELECT generate_series(1, 50000) AS a")
    pid = int((postgres.home / "data" / "postmaster.pid").read_text().split("\n")[0])
    os.kill(pid, signal.SIGKILL)
    assert files.wait_until(lambda: not postgres.is_running, 5)

    again = EmbeddedPostgres(postgres.root)
    again.start()

    assert ask(again, "SELECT count(*) FROM rows") == 50000
    again.stop()


def test_a_lock_file_whose_number_is_another_programs_is_stale(
    postgres: EmbeddedPostgres,
) -> None:
    postgres.stop()
    lock = postgres.home / "data" / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{lock.parent}\n1\n5432\n\n127.0.0.1\n\nready\n")
    lock.chmod(0o644)

    postgres.start()

    assert not postgres.is_attached
    assert ask(postgres, "SELECT 1") == 1


@pytest.mark.parametrize("is_alive", [True, False])
def test_lost_passwords_are_made_anew_and_the_rows_stay(
    postgres: EmbeddedPostgres, *, is_alive: bool
) -> None:
    tell(postgres, "CREATE TABLE kept AS SELECT 1 AS a")
    if not is_alive:
        postgres.stop()
    (postgres.root / "postgres.json").unlink()

    again = EmbeddedPostgres(postgres.root)
    again.start()

    assert ask(again, "SELECT a FROM kept") == 1
    again.stop()


def test_a_server_that_cannot_start_says_its_last_words(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path, {"shared_buffers": "nonsense"})
    with pytest.raises(EmbeddedServerFailed, match="nonsense"):
        server.start()
    server.erase()


def test_valkey_asks_for_its_password_and_shows_it_to_nobody(valkey: EmbeddedValkey) -> None:
    with redis.Redis.from_url(valkey.url()) as client:
        assert client.ping()
        assert client.config_get("save") == {"save": ""}
    once = Retry(NoBackoff(), 0)
    with (
        redis.Redis(port=valkey.port, retry=once) as stranger,
        pytest.raises(redis.AuthenticationError),
    ):
        stranger.ping()
    assert valkey._process is not None
    shown = Path(f"/proc/{valkey._process.pid}/cmdline")
    if shown.exists():
        assert valkey._known.passwords["default"].encode() not in shown.read_bytes()


def test_valkey_leaves_a_strangers_port_alone(tmp_path: Path, valkey: EmbeddedValkey) -> None:
    other = EmbeddedValkey(tmp_path / "other")
    files.Memory.read(tmp_path / "other" / "valkey.json", ("default",)).keep_port(valkey.port)
    try:
        other.start()
        assert other.port != valkey.port
    finally:
        other.stop()
    assert valkey.is_running
