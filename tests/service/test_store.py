"""Results are bounded in number, bytes and time."""

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chexnet.classifier import ModelIdentity, Prediction
from chexnet.radiograph import Radiograph
from chexnet.service.store import Result, ResultStore, StoredImage, new_id

IDENTITY = ModelIdentity("chexnet", "1", "0" * 64)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def result(side: int = 4) -> Result:
    image = StoredImage(np.zeros((side, side), np.uint8), {})
    return Result(
        new_id(),
        Prediction("chest.png", "refused", "reason", (), IDENTITY),
        image,
        "0" * 64,
        datetime.now(UTC),
    )


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 10), st.integers(1, 2000))
def test_number_and_bytes_stay_within_their_bounds_and_the_newest_stay(
    sides: list[int], most: int, most_bytes: int
) -> None:
    store = ResultStore(most, most_bytes, 60, Clock())
    added = []
    for side in sides:
        added.append(result(side))
        store.add(added[-1])
        kept = [entry for entry in added if store.get(entry.id) is not None]
        assert len(store) == len(kept) <= most
        assert store.nbytes == sum(entry.nbytes for entry in kept) <= most_bytes
        assert kept == added[len(added) - len(kept) :]


def test_a_result_is_forgotten_after_its_time_and_not_before() -> None:
    clock = Clock()
    store = ResultStore(10, 10**6, 60, clock)
    early = result()
    store.add(early)
    clock.now = 30
    late = result()
    store.add(late)
    clock.now = 59.9
    assert store.get(early.id) is early
    clock.now = 60
    assert store.get(early.id) is None
    assert store.get(late.id) is late
    clock.now = 90
    store.sweep()
    assert (len(store), store.nbytes) == (0, 0)


def test_a_result_is_removed_once() -> None:
    store = ResultStore(10, 10**6, 60, Clock())
    kept = result()
    store.add(kept)
    assert store.remove(kept.id)
    assert not store.remove(kept.id)
    assert store.nbytes == 0


@pytest.mark.parametrize(("bits", "levels"), [(8, 256), (16, 4096), (16, 65536)])
def test_a_film_keeps_every_grey_value_in_as_few_bits_as_that_takes(bits: int, levels: int) -> None:
    rng = np.random.default_rng(0)
    pixels = (rng.integers(0, levels, (64, 48)) / (levels - 1)).astype(np.float32)
    image = StoredImage.of(Radiograph(pixels, "chest.png", "PNG", modality="DX"))
    assert image.bits == bits
    # Half a step of the depth that is kept; 8 bits and 16 bits are exact.
    again = image.radiograph()
    assert np.abs(again.pixels - pixels).max() <= 0.5 / 65535 + 1e-7
    assert (again.source, again.modality) == ("chest.png", "DX")
