"""Supervision of tasks and of programs: restarts, giving up, an orderly end."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from myapp.kit.embedded import files
from myapp.kit.supervisor import (
    Child,
    Intensity,
    Program,
    ProgramGroup,
    Supervisor,
    TooManyCrashes,
)

pytestmark = pytest.mark.anyio
SWIFT = Intensity(5, 5.0, first_delay_s=0.001, max_delay_s=0.01)


class Probe:
    """A child that counts its lives and can be told how to end one."""

    def __init__(self, log: list[str] | None = None, name: str = "probe") -> None:
        self.lives = 0
        self.name = name
        self.log = [] if log is None else log
        self.born = asyncio.Event()
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self) -> None:
        self.lives += 1
        self.end = asyncio.get_running_loop().create_future()
        self.born.set()
        try:
            await self.end
        finally:
            self.log.append(self.name)

    async def crash(self) -> None:
        """Fail and wait for the next life."""
        self.born.clear()
        self.end.set_exception(OSError("no such luck"))
        await asyncio.wait_for(self.born.wait(), 2)


async def test_a_crashed_child_runs_again_within_a_second() -> None:
    probe = Probe()
    async with Supervisor([Child("probe", probe.run)]):
        await probe.born.wait()
        begun = time.monotonic()
        await probe.crash()
        assert time.monotonic() - begun < 1
        assert probe.lives == 2


async def test_the_sixth_crash_in_five_seconds_is_one_too_many() -> None:
    told: list[TooManyCrashes] = []
    probe = Probe()
    supervisor = Supervisor([Child("probe", probe.run)], intensity=SWIFT, on_failure=told.append)
    async with supervisor:
        await probe.born.wait()
        for _ in range(5):
            await probe.crash()
        assert supervisor.is_ready
        probe.end.set_exception(OSError("no such luck"))
        failure = await asyncio.wait_for(supervisor.failed(), 2)
        assert not supervisor.is_ready
    assert probe.lives == 6
    assert told == [failure]
    assert str(failure) == "probe keeps crashing: OSError: no such luck"


async def test_the_default_delays_leave_room_for_six_crashes_in_the_window() -> None:
    default = Intensity()
    delays = [min(default.first_delay_s * 2**n, default.max_delay_s) for n in range(5)]
    assert sum(delays) < default.within_s
    assert max(delays) < 1


@pytest.mark.parametrize(
    ("restart", "error", "lives"),
    [
        ("permanent", None, 2),
        ("permanent", OSError(), 2),
        ("transient", None, 1),
        ("transient", OSError(), 2),
        ("temporary", OSError(), 1),
    ],
)
async def test_restart_says_which_ends_are_answered(restart, error, lives) -> None:
    endings: list[BaseException | None] = [error]
    count = 0
    settled = asyncio.Event()

    async def run() -> None:
        nonlocal count
        count += 1
        if count == lives:
            settled.set()
        if endings:
            ending = endings.pop()
            if ending is not None:
                raise ending
            return
        await asyncio.Event().wait()

    supervisor = Supervisor([Child("one", run, restart)], intensity=SWIFT)
    async with supervisor:
        await asyncio.wait_for(settled.wait(), 2)
        if lives == 1:
            await asyncio.wait(set(supervisor._tasks.values()), timeout=2)
            assert supervisor.names == []
        assert count == lives


async def test_children_stop_in_reverse_order() -> None:
    log: list[str] = []
    probes = [Probe(log, name) for name in ("first", "second", "third")]
    async with Supervisor([Child(probe.name, probe.run) for probe in probes]):
        for probe in probes:
            await probe.born.wait()
    assert log == ["third", "second", "first"]


async def test_a_child_that_will_not_stop_holds_nobody_up() -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    supervisor = Supervisor([Child("stubborn", stubborn, stop_timeout_s=0.05)])
    await supervisor.start()
    await asyncio.sleep(0)
    begun = time.monotonic()
    await supervisor.stop()
    assert time.monotonic() - begun < 1
    release.set()


async def forever() -> None:
    await asyncio.Event().wait()


async def test_children_come_and_go_by_name_and_leave_no_task_behind() -> None:
    before = len(asyncio.all_tasks())
    async with Supervisor() as supervisor:
        for number in range(100):
            assert supervisor.add(Child(f"child {number}", forever))
        assert not supervisor.add(Child("child 7", forever))
        for number in range(40):
            await supervisor.remove(f"child {number}")
        assert len(supervisor.names) == 60
    assert len(asyncio.all_tasks()) == before


def program(name: str, source: str) -> Program:
    return Program(name, [sys.executable, "-u", "-c", source])


class Heard:
    """Collects what programs print, and waits for a text."""

    def __init__(self) -> None:
        self.text = ""
        self._news = asyncio.Event()

    def __call__(self, chunk: bytes) -> None:
        self.text += chunk.decode()
        self._news.set()

    async def until(self, is_there: Callable[[str], bool]) -> None:
        async with asyncio.timeout(10):
            while not is_there(self.text):
                self._news.clear()
                await self._news.wait()


async def run_group(group: ProgramGroup, body: Callable[[], Awaitable[None]]) -> None:
    try:
        await group.start()
        await body()
    finally:
        await group.stop()


async def test_programs_run_in_groups_of_their_own_and_stop_when_asked() -> None:
    heard = Heard()
    source = (
        "import os, signal, sys\n"
        "signal.signal(signal.SIGTERM, lambda *_: (print('bye'), sys.exit()))\n"
        "print(os.getpgid(0) == os.getpid()); signal.pause()"
    )
    group = ProgramGroup([program("one", source)], echo=heard)

    async def body() -> None:
        await heard.until(lambda text: "True\n" in text)

    await run_group(group, body)
    assert heard.text.split() == ["True", "bye"]
    assert group.pids == {}


async def test_a_killed_program_runs_again() -> None:
    heard, started = Heard(), []
    group = ProgramGroup(
        [program("one", "import signal; print('up'); signal.pause()")],
        echo=heard,
        on_start=started.append,
        intensity=Intensity(3, 30.0, first_delay_s=0.01),
    )

    async def body() -> None:
        await heard.until(lambda text: text.count("up") == 1)
        os.kill(group.pids["one"], signal.SIGKILL)
        await heard.until(lambda text: text.count("up") == 2)

    await run_group(group, body)
    assert len({pids["one"] for pids in started}) == 2


async def test_a_program_that_keeps_crashing_is_given_up_with_its_last_words() -> None:
    group = ProgramGroup(
        [program("one", "raise SystemExit('no such luck')")],
        echo=lambda _chunk: None,
        intensity=Intensity(2, 30.0, first_delay_s=0.001),
    )

    async def body() -> None:
        with pytest.raises(TooManyCrashes, match=r"exit code 1.*\n  no such luck"):
            await asyncio.wait_for(group.wait(), 20)

    await run_group(group, body)


async def test_a_deaf_program_and_its_children_are_killed_after_the_grace(
    tmp_path: Path,
) -> None:
    heard = Heard()
    pid_file = tmp_path / "pid"
    source = (
        "import signal, subprocess, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid)); print('up')\n"
        "while True: signal.pause()"
    )
    group = ProgramGroup([program("deaf", source)], echo=heard, grace_s=0.2)

    async def body() -> None:
        await heard.until(lambda text: "up" in text)

    await run_group(group, body)
    grandchild = int(pid_file.read_text())
    async with asyncio.timeout(5):
        while files.is_alive(grandchild):
            await asyncio.sleep(0.01)
