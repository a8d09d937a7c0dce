"""A number, its interval, and how it is written."""

import json

import pytest

from chexnet.statistics import Estimate


@pytest.mark.parametrize(
    ("estimate", "options", "expected"),
    [
        (Estimate(0.7594, 0.6721, 0.8279), {}, "0.759 (0.672–0.828)"),
        (Estimate(0.7594, 0.6721, 0.8279), {"digits": 2}, "0.76 (0.67–0.83)"),
        (Estimate(0.051, -0.005, 0.084), {"signed": True}, "+0.051 (-0.005 to +0.084)"),
        (Estimate(0.0123, 0.01, 0.02), {"digits": 2, "percent": True}, "1.23% (1.00%–2.00%)"),
        (Estimate(0.5, reason="one patient only"), {}, "0.500"),
        (Estimate(None, reason="one class only"), {}, "not estimable"),
    ],
)
def test_text(estimate, options, expected):
    assert estimate.text(**options) == expected


def test_what_an_interval_says():
    around = Estimate(0.6, 0.4, 0.8)
    assert around.interval == (0.4, 0.8)
    assert (around.above(0.39), around.above(0.4), around.excludes(0.4), around.excludes(0.81)) == (
        True,
        False,
        False,
        True,
    )
    alone = Estimate(0.6)
    assert (alone.interval, alone.above(0.0), alone.excludes(0.0)) == (None, False, None)


def test_half_an_interval_is_refused():
    with pytest.raises(ValueError, match="two ends or none"):
        Estimate(0.6, low=0.4)


@pytest.mark.parametrize("estimate", [Estimate(0.6, 0.4, 0.8), Estimate(0.6), Estimate(None)])
def test_stored_numbers_are_read_back(estimate):
    stored = json.loads(json.dumps(estimate.numbers()))
    assert list(stored) == ["value", "low", "high"]
    assert Estimate.from_numbers(stored | {"present": 3}) == estimate
