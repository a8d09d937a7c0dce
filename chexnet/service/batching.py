"""Micro-batching: what waits is run together, at once."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batcher(Generic[Item, Result]):
    """Runs items in batches on one thread.

    There is no timer: an item that finds the thread idle starts alone and waits for nobody; items that
    arrive while a batch runs form the next one. So batches grow with the load, by themselves.

    Args:
        run: the results of a batch, in its order; called on the thread.
        largest: most items in a batch.
        ran: told the size of each batch, for the metrics.
    """

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Result]],
        largest: int,
        ran: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._run = run
        self._largest = largest
        self._ran = ran
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._thread = ThreadPoolExecutor(1, "batch")
        self._loop: asyncio.Task[None] | None = None

    async def submit(self, item: Item) -> Result:
        """The item's result. Cancelling the call takes the item out of the queue."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._work())
        return await future

    def close(self) -> None:
        """Release the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _work(self) -> None:
        while batch := self._next():
            items = [item for item, _ in batch]
            running = asyncio.get_running_loop().run_in_executor(self._thread, self._run, items)
            await asyncio.wait([running])
            self._ran(len(batch))
            _deliver(running, [future for _, future in batch])

    def _next(self) -> list[tuple[Item, "asyncio.Future[Result]"]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(batch) < self._largest:
            item, future = self._waiting.popleft()
            if not future.done():
                batch.append((item, future))
        return batch


def _deliver(
    running: "asyncio.Future[Sequence[Result]]", futures: "Sequence[asyncio.Future[Result]]"
) -> None:
    error = running.exception()
    for index, future in enumerate(futures):
        if future.done():
            continue
        if error is None:
            future.set_result(running.result()[index])
        else:
            future.set_exception(error)
