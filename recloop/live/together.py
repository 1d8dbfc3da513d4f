"""Calls that come at the same time are computed together, in one thread, one batch after the other.

While one batch is computed the next one gathers, so that many people wait for two batches at most, and one person for
none.
"""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

AT_ONCE = 64  # in a batch


class Together:
    """Gathers calls of functions that take a list and return one as long."""

    def __init__(self):
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="together")
        self.waiting: dict[Callable, list[tuple[Any, asyncio.Future]]] = {}
        self.work: asyncio.Task | None = None

    async def alone(self, function: Callable, *given: Any) -> Any:
        """Call a function in the one thread, in its turn."""
        return await asyncio.get_running_loop().run_in_executor(self.thread, function, *given)

    async def call(self, function: Callable[[Sequence], Sequence], one: Any) -> Any:
        """Call a function for one of its list, with others that wait for it."""
        answer = asyncio.get_running_loop().create_future()
        self.waiting.setdefault(function, []).append((one, answer))
        if self.work is None or self.work.done():
            self.work = asyncio.create_task(self.work_off())
        return await answer

    async def work_off(self) -> None:
        """Compute what waits, function by function."""
        while self.waiting:
            function = next(iter(self.waiting))
            waiting = self.waiting.pop(function)
            some, later = waiting[:AT_ONCE], waiting[AT_ONCE:]
            if later:
                self.waiting[function] = later  # behind those of others
            await self.batch(function, some)

    async def batch(self, function: Callable, some: list[tuple[Any, asyncio.Future]]) -> None:
        """Compute a batch and tell each its part, or each the error."""
        try:
            found = await self.alone(function, [one for one, _ in some])
        except Exception as error:  # whoever waits is to hear it, whatever it is
            for _, answer in some:
                if not answer.done():
                    answer.set_exception(error)
            return
        for (_, answer), one in zip(some, found, strict=True):
            if not answer.done():
                answer.set_result(one)

    def close(self) -> None:
        """Let the thread end."""
        self.thread.shutdown(cancel_futures=True)
