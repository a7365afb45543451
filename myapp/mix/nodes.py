"""The processes of the system: a web process, a worker, a console."""

import ast
import asyncio
import code
import inspect
import os
import signal
import threading
from typing import Any

from myapp.config import Settings
from myapp.mix import services

LIFELINE = "MYAPP_LIFELINE"


def server() -> None:
    """Serve the web on PORT; the servers it needs are named or embedded."""
    follow_parent()
    with services.reached() as settings:
        from myapp import myapp

        myapp.serve(settings)


def worker() -> None:
    """Work through the jobs until told to stop."""
    follow_parent()
    with services.reached() as settings:
        asyncio.run(_work(settings))


def console() -> None:
    """Open a Python prompt with the application's services running; ``await`` works."""
    with services.reached() as settings:
        asyncio.run(_converse(settings))


def follow_parent() -> None:
    """End this process at once when the one that supervises it is gone.

    The parent holds the other end of a pipe; a ``kill -9`` of the parent closes it.
    """
    descriptor = os.environ.pop(LIFELINE, "")
    if not descriptor.isdigit():
        return

    def wait_for_the_end() -> None:
        os.read(int(descriptor), 1)
        os._exit(1)

    os.set_inheritable(int(descriptor), False)
    threading.Thread(target=wait_for_the_end, name="lifeline", daemon=True).start()


async def _work(settings: Settings) -> None:
    from myapp import application

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with application.worker_node(settings) as supervisor:
        waits = [asyncio.create_task(stopped.wait()), asyncio.create_task(supervisor.failed())]
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
    if supervisor.failure is not None:
        raise supervisor.failure


async def _converse(settings: Settings) -> None:
    from myapp import application, runtime
    from myapp.accounts import scope

    names: dict[str, Any] = {"settings": settings, "runtime": runtime, "scope": scope}
    async with application.console(settings):
        prompt = _AwaitingConsole(names, asyncio.get_running_loop())
        await asyncio.to_thread(prompt.interact, "myapp console. Ctrl-D leaves.", "")


class _AwaitingConsole(code.InteractiveConsole):
    """A prompt in a thread whose ``await`` runs on the application's loop."""

    def __init__(self, names: dict[str, Any], loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(names)
        self._loop = loop
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def runcode(self, code: Any) -> None:
        """Run one line; wait for it when it awaits."""
        try:
            value = eval(code, self.locals)  # noqa: S307 (a prompt evaluates what is typed)
            if inspect.iscoroutine(value):
                asyncio.run_coroutine_threadsafe(value, self._loop).result()
        except SystemExit:
            raise
        except BaseException:  # noqa: BLE001 (a prompt shows every error and goes on)
            self.showtraceback()
