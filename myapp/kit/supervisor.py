"""Children that are kept running: tasks inside a process, programs beside it.

A crash is answered by a fresh start, and a crash that keeps coming back by giving up loudly: a
supervisor that restarts for ever hides the fault from whoever could mend it.

Usage::

    async with Supervisor([Child("hub", hub.run), Child("sweep", sweep, restart="transient")]):
        ...                                   # started in order, stopped in reverse

    programs = ProgramGroup([Program("web", [sys.executable, "-m", "myapp", "server"])])
    await programs.start()
    await programs.wait()                     # raises TooManyCrashes with the last words
    await programs.stop()

Options: ``Intensity(restarts, within_s)`` is the number of restarts allowed in a sliding window;
one more and the supervisor fails (six crashes in five seconds, by default). ``first_delay_s``
doubles from crash to crash up to ``max_delay_s`` and starts over once a child has lived through
a whole window.
"""

import asyncio
import contextlib
import logging
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

Restart = Literal["permanent", "transient", "temporary"]

LAST_WORDS = 25
_log = logging.getLogger(__name__)


class TooManyCrashes(RuntimeError):
    """A child crashed again and again; its last error or its last words say why."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} keeps crashing: {reason}")
        self.name = name
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Intensity:
    """How many restarts are borne in a window of time, and how long each one waits."""

    restarts: int = 5
    within_s: float = 5.0
    first_delay_s: float = 0.05
    max_delay_s: float = 1.0


@dataclass(slots=True)
class _Crashes:
    """The crashes of one child within the window."""

    intensity: Intensity
    at: deque[float] = field(default_factory=deque)

    def delay_after_one_more(self) -> float | None:
        """Count a crash; return how long to wait, or None when it was one too many."""
        now = time.monotonic()
        self.at.append(now)
        while self.at[0] < now - self.intensity.within_s:
            self.at.popleft()
        if len(self.at) > self.intensity.restarts:
            return None
        delay = self.intensity.first_delay_s * 2 ** (len(self.at) - 1)
        return min(delay, self.intensity.max_delay_s)


@dataclass(frozen=True, slots=True)
class Child:
    """A coroutine function to keep running.

    ``permanent`` starts again however it ended, ``transient`` only after an error,
    ``temporary`` never. ``stop_timeout_s`` bounds its clean-up once it is cancelled.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    restart: Restart = "permanent"
    stop_timeout_s: float = 5.0


class Supervisor:
    """Runs children as tasks, restarts them, and gives up beyond its intensity.

    ``on_failure`` is called once when it gives up; the process is expected to end then.
    """

    def __init__(
        self,
        children: Sequence[Child] = (),
        *,
        intensity: Intensity | None = None,
        on_failure: Callable[[TooManyCrashes], None] | None = None,
    ) -> None:
        self.failure: TooManyCrashes | None = None
        self._intensity = intensity or Intensity()
        self._on_failure = on_failure
        self._children = list(children)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stops: dict[str, float] = {}
        self._failed = asyncio.Event()

    @property
    def is_ready(self) -> bool:
        """Whether it has not given up; readiness asks this."""
        return self.failure is None

    @property
    def names(self) -> list[str]:
        """The names of the children that run or are about to run again."""
        return [name for name, task in self._tasks.items() if not task.done()]

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start the children in their order."""
        for child in self._children:
            self.add(child)

    def add(self, child: Child) -> bool:
        """Start one more child; return False when one of that name already runs."""
        if child.name in self.names:
            return False
        self._stops[child.name] = child.stop_timeout_s
        self._tasks[child.name] = asyncio.create_task(self._keep(child), name=child.name)
        return True

    async def remove(self, name: str) -> None:
        """Stop one child and forget it; an unknown name is no error."""
        task = self._tasks.pop(name, None)
        if task is None:
            return
        task.cancel()
        _, pending = await asyncio.wait({task}, timeout=self._stops.pop(name))
        if pending:
            _log.warning("%s did not stop in time and is left behind", name)

    async def stop(self) -> None:
        """Stop every child, the last started first; each within its own time."""
        for name in reversed(list(self._tasks)):
            await self.remove(name)

    async def failed(self) -> TooManyCrashes:
        """Wait until it gives up and return why."""
        await self._failed.wait()
        assert self.failure is not None
        return self.failure

    async def _keep(self, child: Child) -> None:
        crashes = _Crashes(self._intensity)
        while True:
            error = await _outcome(child.run)
            if child.restart == "temporary" or (child.restart == "transient" and error is None):
                if error is not None:
                    _log.error("%s ended with an error", child.name, exc_info=error)
                return
            delay = crashes.delay_after_one_more()
            if delay is None:
                self._give_up(child.name, error)
                return
            _log.warning("%s ended, again in %.2f s", child.name, delay, exc_info=error)
            await asyncio.sleep(delay)

    def _give_up(self, name: str, error: BaseException | None) -> None:
        if self.failure is not None:
            return
        reason = f"{type(error).__name__}: {error}" if error else "it ends at once"
        self.failure = TooManyCrashes(name, reason)
        self._failed.set()
        _log.critical("%s", self.failure)
        if self._on_failure is not None:
            self._on_failure(self.failure)


async def _outcome(run: Callable[[], Awaitable[None]]) -> BaseException | None:
    """Run to the end and return the error, if any; being cancelled oneself is passed on."""

    async def body() -> None:
        await run()

    task = asyncio.create_task(body())
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        task.cancel()
        await asyncio.wait({task})
        _ = task.cancelled() or task.exception()  # looked at, or asyncio complains
        raise
    if task.cancelled():
        return asyncio.CancelledError("cancelled from elsewhere")
    return task.exception()


@dataclass(frozen=True, slots=True)
class Program:
    """A program to keep running in a process group of its own."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] | None = None
    directory: Path | None = None
    pass_fds: tuple[int, ...] = ()


@dataclass(slots=True)
class _Running:
    process: asyncio.subprocess.Process
    words: deque[str]
    reader: asyncio.Task[None]

    async def drain(self) -> None:
        """Read what is left; a daemon that kept the pipe open does not hold us up."""
        await asyncio.wait({self.reader}, timeout=1.0)
        self.reader.cancel()


class ProgramGroup:
    """Runs programs, passes their output through, restarts them, stops them together.

    ``echo`` gets every chunk of output; by default it goes to standard output as it came.
    ``on_start`` gets the process ids by name whenever a program was started.
    """

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        intensity: Intensity | None = None,
        grace_s: float = 6.0,
        echo: Callable[[bytes], None] | None = None,
        on_start: Callable[[dict[str, int]], None] | None = None,
    ) -> None:
        self._programs = list(programs)
        self._intensity = intensity or Intensity(3, 30.0, first_delay_s=0.2, max_delay_s=5.0)
        self._grace_s = grace_s
        self._echo = echo or _to_stdout
        self._on_start = on_start
        self._running: dict[str, _Running] = {}
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of the programs that run now, by name."""
        return {name: one.process.pid for name, one in self._running.items()}

    async def start(self) -> None:
        """Start every program; the first start of each has happened when this returns."""
        for program in self._programs:
            running = await self._launch(program)
            self._keepers.append(asyncio.create_task(self._keep(program, running)))

    async def wait(self) -> None:
        """Wait until ``stop``; raise ``TooManyCrashes`` when a program keeps crashing."""
        done, _ = await asyncio.wait(self._keepers, return_when=asyncio.FIRST_EXCEPTION)
        for keeper in done:
            if not keeper.cancelled():
                keeper.result()

    async def stop(self, grace_s: float | None = None) -> None:
        """Ask every program to end, and kill its whole group when the grace is over."""
        for keeper in self._keepers:
            keeper.cancel()
        running = list(self._running.values())
        for one in running:
            _signal_group(one.process.pid, signal.SIGTERM)
        ends = [asyncio.ensure_future(one.process.wait()) for one in running]
        if ends:
            await asyncio.wait(ends, timeout=self._grace_s if grace_s is None else grace_s)
        for one in running:
            # Also when the leader is gone: what it left in its group goes too.
            _signal_group(one.process.pid, signal.SIGKILL)
        await asyncio.gather(*ends, *(one.drain() for one in running))
        self._running.clear()

    def kill(self) -> None:
        """End every program at once; ``stop`` still waits for their ends."""
        for one in self._running.values():
            _signal_group(one.process.pid, signal.SIGKILL)

    async def _keep(self, program: Program, running: _Running) -> None:
        crashes = _Crashes(self._intensity)
        while True:
            code = await running.process.wait()
            _signal_group(running.process.pid, signal.SIGKILL)
            await running.drain()
            self._running.pop(program.name, None)
            delay = crashes.delay_after_one_more()
            if delay is None:
                raise TooManyCrashes(program.name, _farewell(code, running.words))
            _log.warning("%s %s, again in %.1f s", program.name, _ending(code), delay)
            await asyncio.sleep(delay)
            running = await self._launch(program)

    async def _launch(self, program: Program) -> _Running:
        process = await asyncio.create_subprocess_exec(
            *program.arguments,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=program.environment,
            cwd=program.directory,
            pass_fds=program.pass_fds,
            process_group=0,  # Ctrl-C reaches the supervisor alone, which stops them in order
        )
        words: deque[str] = deque(maxlen=LAST_WORDS)
        reader = asyncio.create_task(self._pass_through(process, words))
        self._running[program.name] = running = _Running(process, words, reader)
        if self._on_start is not None:
            self._on_start(self.pids)
        return running

    async def _pass_through(self, process: asyncio.subprocess.Process, words: deque[str]) -> None:
        assert process.stdout is not None
        rest = b""
        while chunk := await process.stdout.read(65536):
            self._echo(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            words.extend(line.decode(errors="replace") for line in lines)
        if rest:
            words.append(rest.decode(errors="replace"))


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _farewell(code: int, words: Sequence[str]) -> str:
    return "\n".join([f"it {_ending(code)}; its last words:", *(f"  {line}" for line in words)])


def _to_stdout(chunk: bytes) -> None:
    # A closed terminal must not take the programs' supervisor with it.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
