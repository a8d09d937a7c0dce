"""Films that are decoded at the same time share a bounded room."""

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from real_server import Serving

from chexnet.classifier import Classifier
from chexnet.service import Limits, ServiceConfig, radiograph_reader
from chexnet.service.metrics import Metrics
from chexnet.service.radiograph_reader import PixelBudget, RadiographReader


@given(st.lists(st.integers(0, 30), max_size=30), st.integers(1, 20))
def test_films_share_the_room_in_their_order_and_none_is_left_outside(films: list[int], most: int) -> None:
    entered: list[int] = []

    async def run() -> int:
        budget = PixelBudget(most)

        async def one(number: int, pixels: int) -> None:
            async with budget.share(pixels):
                assert budget.used <= most
                entered.append(number)
                await asyncio.sleep(0)

        await asyncio.gather(*(one(number, pixels) for number, pixels in enumerate(films)))
        return budget.used

    assert asyncio.run(run()) == 0
    assert entered == list(range(len(films)))


def test_a_film_that_gives_up_waiting_makes_way_for_the_next() -> None:
    async def run() -> None:
        budget = PixelBudget(10)
        async with budget.share(8):
            waiting = asyncio.create_task(budget.share(8).__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            async with asyncio.timeout(5), budget.share(2):
                assert budget.used == 10
        assert budget.used == 0

    asyncio.run(run())


class Crowd:
    """Counts those inside a block at the same time."""

    def __init__(self) -> None:
        self.most = self._inside = 0
        self._lock = threading.Lock()

    @contextmanager
    def enter(self) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            self.most = max(self.most, self._inside)
        yield
        with self._lock:
            self._inside -= 1


@pytest.mark.parametrize(("room", "at_once"), [(1, {1}), (1000, {2, 3, 4})])
def test_large_films_are_not_decoded_all_at_once(
    serving: Serving, classifier: Classifier, monkeypatch: pytest.MonkeyPatch, room: int, at_once: set[int]
) -> None:
    """A few kilobytes of PNG become a hundred times as much memory, whatever the number of cores."""
    crowd = Crowd()
    original = radiograph_reader.read_radiograph

    def read(*arguments, **options):
        with crowd.enter():
            return original(*arguments, **options)

    monkeypatch.setattr(radiograph_reader, "read_radiograph", read)
    monkeypatch.setattr(radiograph_reader.os, "cpu_count", lambda: 4)
    buffer = io.BytesIO()
    Image.fromarray(np.add.outer(np.arange(1200), np.arange(1000)).astype(np.uint8)).save(buffer, "PNG")
    with serving(classifier, ServiceConfig(gate=False, limits=Limits(decoding_megapixels=room))) as client:
        files = [("film", (f"{number}.png", buffer.getvalue())) for number in range(8)]
        results = client.post("/v1/predictions", files=files).json()["predictions"]
    assert [result["status"] for result in results] == ["ok"] * 8
    assert crowd.most in at_once


def test_the_time_to_come_back_counts_decoding_where_that_is_what_takes_long(
    classifier: Classifier, png: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter(range(0, 100_000, 40))
    monkeypatch.setattr(radiograph_reader.os, "cpu_count", lambda: 2)
    reader = RadiographReader(classifier, Limits(), Metrics(), gate=False)
    reader.waiting = 10
    before = reader.retry_after_s()
    monkeypatch.setattr(radiograph_reader.time, "monotonic", lambda: float(next(clock)))
    reader._decode(radiograph_reader.Upload("chest.png", png), None, radiograph_reader.DEFAULT_CHOICES)
    # One film that took 40 s moves the mean a fifth of the way.
    assert reader.retry_after_s() == pytest.approx(10 * (0.1 + 0.2 * 39.9) / 2)
    assert reader.retry_after_s() > before
    reader.close()
