"""One owner per data directory, and the programs a killed owner left behind."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from myapp.mix import lock
from myapp.mix.terminal import CannotRun


def test_a_second_owner_is_told_who_the_first_one_is(tmp_path: Path) -> None:
    with lock.hold(tmp_path / "data", "run") as own:
        assert not own.had_leftovers
        with pytest.raises(CannotRun, match=r"already in use by `myapp run` \(process \d+\)"):
            lock.hold(tmp_path / "data", "dev").__enter__()
        with lock.hold_if_free(tmp_path / "data", "task") as borrowed:
            assert borrowed is None
    with lock.hold(tmp_path / "data", "dev"):
        pass


def test_what_a_killed_owner_left_behind_is_ended(tmp_path: Path) -> None:
    left = subprocess.Popen(["sleep", "600"], process_group=0)
    record = {"pid": 1, "task": "run", "programs": {"web": [left.pid, lock.born(left.pid)]}}
    (tmp_path / "run.lock").write_text(json.dumps(record))

    with lock.hold(tmp_path, "run") as own:
        assert own.had_leftovers
        assert left.wait(5) == -9


def test_a_number_that_now_belongs_to_another_program_is_left_alone(tmp_path: Path) -> None:
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    record = {"pid": 1, "task": "run", "programs": {"web": [other.pid, "long ago"]}}
    (tmp_path / "run.lock").write_text(json.dumps(record))
    try:
        with lock.hold(tmp_path, "run"):
            assert other.poll() is None
    finally:
        other.communicate(b"\n")
    assert other.returncode == 0


def test_a_data_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotRun, match=r"DATA_DIR=.*: cannot be written"):
        lock.hold(tmp_path / "file" / "data", "run").__enter__()
