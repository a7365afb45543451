"""``make run``: from nothing to an address on one port.

Settings, port, servers, tables, bundle, processes: in this order, each a step on the screen.
The stop goes the other way; PostgreSQL is last, when nobody writes any more.
"""

import asyncio
import errno
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

from myapp import config
from myapp.config import Settings
from myapp.kit.supervisor import Child, Program, ProgramGroup, Supervisor, TooManyCrashes
from myapp.mix import frontend, lock, services
from myapp.mix.nodes import LIFELINE
from myapp.mix.stopping import Stopping
from myapp.mix.terminal import CannotRun, Remarks, Screen

READY_TIMEOUT_S = 90.0
PORT_TIMEOUT_S = 5.0
GRACE_S = 6.0
_GLANCE_S = 0.5
_POLL_S = 0.1
_PYTHON = (sys.executable, "-m", "myapp")


def run() -> None:
    """Set everything up and run the application on one port."""
    supervise("run", _run)


Body = Callable[[Settings, Screen, lock.DataLock, Stopping], Coroutine[Any, Any, None]]


def supervise(task: str, body: Body) -> None:
    """Check what can be checked at once, then do a long task until a signal ends it."""
    settings = config.load()
    logging.basicConfig(handlers=[Remarks()], level=logging.WARNING)
    screen = Screen()
    screen.title("myapp", settings.env, f"data in {services.shown_path(settings.data_dir)}")
    with lock.hold(settings.data_dir, task) as own:
        require_free_port(settings, was_killed=own.had_leftovers)
        services.check_named(settings, screen)
        stopping = Stopping()
        asyncio.run(stopping.run(body(settings, screen, own, stopping)))
    if stopping.is_asked:
        screen.note("Everything stopped.")


async def _run(settings: Settings, screen: Screen, own: lock.DataLock, stop: Stopping) -> None:
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(embedded_servers(settings, screen))
        await prepare_database(settings, screen)
        await prepare_pages(screen)
        with screen.step("Web and worker ready"):
            both = [task_program("server"), task_program("worker")]
            group = await stack.enter_async_context(programs(both, own, stop))
            await until_ready(settings, group)
        screen.address(settings.base_url, *notes(settings))
        await until_crash(group)


@asynccontextmanager
async def embedded_servers(settings: Settings, screen: Screen) -> AsyncGenerator[None]:
    """Start the servers nobody named, keep them alive, and stop them in reverse order."""
    services.ensure_secret(settings)
    async with AsyncExitStack() as stack:
        children = []
        for name, server in services.embedded(settings).items():
            stack.push_async_callback(asyncio.to_thread, server.stop)
            title = "PostgreSQL" if name == "DATABASE_URL" else "Valkey"
            with screen.step(title) as step:
                await asyncio.to_thread(services.start, server)
                verb = "found running" if server.is_attached else "embedded"
                step.text = f"{title} {server.version()} {verb} on 127.0.0.1:{server.port}"
                step.note = services.place_note(server, settings)
            os.environ[name] = server.url()
            children.append(Child(title, lambda server=server: _keep(server)))
        keeper = Supervisor(children)
        stack.push_async_callback(keeper.stop)
        await keeper.start()
        yield


async def _keep(server: "services.Server") -> None:
    await asyncio.to_thread(server.start)
    while await asyncio.to_thread(lambda: server.is_running):  # noqa: ASYNC110 (a process)
        await asyncio.sleep(_GLANCE_S)
    raise ConnectionError("the server is gone")


async def prepare_database(settings: Settings, screen: Screen) -> None:
    """Migrate and, in development, seed."""
    seeds = ["--seed"] if settings.is_development else []
    with screen.step("Database migrated" + (" and seeded" if seeds else "")):
        await _finish("migrate", *seeds)


async def prepare_pages(screen: Screen) -> None:
    """Build the bundle where its sources changed."""
    if frontend.is_current():
        frontend.build_if_changed(screen)
        return
    with screen.step(frontend.step_title()):
        await _finish("build", "--quiet")


async def _finish(*task: str) -> None:
    """Do a task in a process of its own: this one stays small, and a stop ends it at once."""
    process = await asyncio.create_subprocess_exec(
        *_PYTHON,
        *task,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        process_group=0,
    )
    try:
        words, _ = await process.communicate()
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode != 0:
        lines = words.decode(errors="replace").splitlines()[-30:]
        raise CannotRun(f"`myapp {task[0]}` failed:", *lines, code=1)


def task_program(name: str) -> Program:
    """Return a task of this application as a program to run."""
    return Program(name, [*_PYTHON, name], os.environ.copy(), frontend.ROOT)


@asynccontextmanager
async def programs(
    given: Sequence[Program], own: lock.DataLock, stopping: Stopping
) -> AsyncGenerator[ProgramGroup]:
    """Run programs that end with this process, however it ends."""
    lifeline, held = os.pipe()
    added = {LIFELINE: str(lifeline), "PYTHONUNBUFFERED": "1"}
    group = ProgramGroup(
        [
            replace(each, environment={**(each.environment or {}), **added}, pass_fds=(lifeline,))
            for each in given
        ],
        grace_s=GRACE_S,
        on_start=own.record,
    )
    try:
        await group.start()
        yield group
    finally:
        hurry = asyncio.create_task(_hurry(group, stopping))
        await group.stop()
        hurry.cancel()
        os.close(lifeline)
        os.close(held)


async def _hurry(group: ProgramGroup, stopping: Stopping) -> None:
    await stopping.in_a_hurry.wait()
    group.kill()


async def until_ready(settings: Settings, group: ProgramGroup) -> None:
    """Wait until ``/ready`` answers 200, a program gives up, or the time is over."""
    ready = asyncio.create_task(_poll_ready(settings))
    crash = asyncio.create_task(until_crash(group))
    done, pending = await asyncio.wait(
        {ready, crash}, timeout=READY_TIMEOUT_S, return_when=asyncio.FIRST_COMPLETED
    )
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    if not done:
        raise CannotRun(f"the application was not ready within {READY_TIMEOUT_S:.0f} s", code=1)
    for task in done:
        task.result()


async def until_crash(group: ProgramGroup) -> None:
    """Wait for as long as the programs run; refuse with the last words of one that cannot."""
    try:
        await group.wait()
    except TooManyCrashes as error:
        raise CannotRun(*str(error).splitlines(), code=1) from None


async def _poll_ready(settings: Settings) -> None:
    while not await _is_ready(settings):  # noqa: ASYNC110 (another process)
        await asyncio.sleep(_POLL_S)


async def _is_ready(settings: Settings) -> bool:
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(READY_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(_own_host(settings), settings.port)
            writer.write(b"GET /ready HTTP/1.0\r\nHost: localhost\r\n\r\n")
            status = await reader.readline()
            writer.close()
            return b" 200 " in status
    return False


def require_free_port(settings: Settings, *, was_killed: bool) -> None:
    """Refuse when PORT is taken; a moment is given to what was killed just now."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    deadline = time.monotonic() + PORT_TIMEOUT_S
    while True:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((settings.host, settings.port))
            except PermissionError:
                raise CannotRun(f"PORT={settings.port}: needs rights this user has not") from None
            except socket.gaierror:
                raise CannotRun(f"HOST={settings.host}: is no address of this machine") from None
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise CannotRun(f"HOST={settings.host}: {error.strerror}") from None
                if not was_killed or time.monotonic() > deadline:
                    raise CannotRun(
                        f"PORT={settings.port}: already in use on {settings.host}; "
                        "stop what listens there, or set PORT to another one"
                    ) from None
            else:
                return
        time.sleep(_POLL_S)


def _own_host(settings: Settings) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104


def notes(settings: Settings) -> list[str]:
    """Return what to know at the address."""
    notes = []
    with suppress(FileNotFoundError):
        link = (settings.data_dir / "setup-link").read_text().strip()
        notes.append(f"Set up the first account: {link}")
    if settings.is_development:
        notes.append("Sign in as admin@example.com or member@example.com; the page says how.")
    return [*notes, "Ctrl-C stops everything."]
