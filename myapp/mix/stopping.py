"""A long task asked to stop: the first signal begins an orderly end, the second hurries it."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping:
    """Turns signals into a cancelled task; ``in_a_hurry`` is set by the second one."""

    def __init__(self) -> None:
        self.is_asked = False
        self.in_a_hurry = asyncio.Event()
        self._task: asyncio.Task[Any] | None = None

    async def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Do the work until it ends or a signal cancels it, which is a good end too."""
        loop = asyncio.get_running_loop()
        self._task = loop.create_task(work)
        for number in SIGNALS:
            loop.add_signal_handler(number, self._ask)
        try:
            await self._task
        except asyncio.CancelledError:
            if not self.is_asked:
                raise
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    def _ask(self) -> None:
        if self.is_asked:
            self.in_a_hurry.set()
        elif self._task is not None:
            self.is_asked = True
            self._task.cancel()
