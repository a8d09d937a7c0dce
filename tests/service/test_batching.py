"""Micro-batches form from what waits, and from nothing else."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chexnet.service.batching import Batcher


class Recorder:
    """Doubles numbers in batches; holds each batch until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.started = threading.Semaphore(0)
        self.let_go = threading.Semaphore(0)

    def __call__(self, items: Sequence[int]) -> list[int]:
        self.batches.append(list(items))
        self.started.release()
        self.let_go.acquire()
        return [2 * item for item in items]


@given(st.lists(st.integers(), min_size=1, max_size=40), st.integers(1, 9))
def test_every_item_gets_its_own_result_in_batches_no_larger_than_allowed(
    items: list[int], largest: int
) -> None:
    sizes: list[int] = []

    async def run() -> list[int]:
        batcher = Batcher[int, int](lambda batch: [2 * item for item in batch], largest, sizes.append)
        try:
            return await asyncio.gather(*(batcher.submit(item) for item in items))
        finally:
            batcher.close()

    assert asyncio.run(run()) == [2 * item for item in items]
    assert sum(sizes) == len(items)
    assert max(sizes) <= largest


def test_a_lone_item_starts_at_once_and_those_that_come_meanwhile_form_the_next_batch() -> None:
    recorder = Recorder()

    async def run() -> list[int]:
        batcher = Batcher[int, int](recorder, 8)
        first = asyncio.create_task(batcher.submit(1))
        await asyncio.to_thread(recorder.started.acquire)
        rest = [asyncio.create_task(batcher.submit(item)) for item in (2, 3, 4)]
        await asyncio.sleep(0)
        recorder.let_go.release(2)
        results = await asyncio.gather(first, *rest)
        batcher.close()
        return results

    assert asyncio.run(run()) == [2, 4, 6, 8]
    assert recorder.batches == [[1], [2, 3, 4]]


def test_a_cancelled_item_is_not_run() -> None:
    recorder = Recorder()

    async def run() -> None:
        batcher = Batcher[int, int](recorder, 8)
        first = asyncio.create_task(batcher.submit(1))
        await asyncio.to_thread(recorder.started.acquire)
        second, third = (asyncio.create_task(batcher.submit(item)) for item in (2, 3))
        await asyncio.sleep(0)
        second.cancel()
        await asyncio.sleep(0)
        recorder.let_go.release(2)
        await asyncio.gather(first, third)
        batcher.close()

    asyncio.run(run())
    assert recorder.batches == [[1], [3]]


def test_a_failing_batch_fails_its_own_items_and_no_others() -> None:
    def run_batch(items: Sequence[int]) -> list[int]:
        if 0 in items:
            raise ZeroDivisionError
        return list(items)

    async def run() -> None:
        batcher = Batcher[int, int](run_batch, 1)
        outcomes = await asyncio.gather(*(batcher.submit(item) for item in (1, 0, 2)), return_exceptions=True)
        batcher.close()
        assert outcomes[0] == 1
        assert isinstance(outcomes[1], ZeroDivisionError)
        assert outcomes[2] == 2

    asyncio.run(run())


def test_the_batcher_works_again_after_a_pause() -> None:
    async def run() -> None:
        batcher = Batcher[int, int](list, 4)
        for item in range(3):
            assert await batcher.submit(item) == item
            await asyncio.sleep(0.01)
        batcher.close()

    asyncio.run(run())


@pytest.fixture(autouse=True)
def _no_thread_left() -> None:
    before = set(threading.enumerate())
    yield
    # Closing does not wait, so the last of them may be on its way out.
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("batch"):
            thread.join(10)
            assert not thread.is_alive()
