import numpy as np
import pytest

from chexnet.statistics import average_precision, precision_recall_curve, roc_curve
from chexnet.statistics.curve_bands import precision_recall_band, roc_band


def simulate(images=400, decimals=6):
    generator = np.random.default_rng(0)
    labels = generator.random(images) < 0.3
    return labels, np.round(generator.normal(size=images) + labels, decimals), np.arange(images)


@pytest.mark.parametrize("decimals", [0, 1, 6])
def test_the_roc_curve_in_the_band_is_the_roc_curve(decimals):
    labels, scores, clusters = simulate(decimals=decimals)
    band = roc_band(labels, scores, clusters, samples=32)
    curve = roc_curve(labels, scores)
    steps = np.searchsorted(curve.false_positive_rate, band.x, side="right") - 1
    # Between its points the curve rises; at or left of each x it is a lower bound, to its right an upper one.
    assert (band.y >= curve.sensitivity[steps] - 1e-12).all()
    following = np.minimum(steps + 1, curve.sensitivity.size - 1)
    assert (band.y <= curve.sensitivity[following] + 1e-12).all()


def test_the_precision_in_the_band_has_the_area_that_average_precision_says():
    labels, scores, clusters = simulate(4000)
    band = precision_recall_band(labels, scores, clusters, samples=16)
    # A mean over 101 recalls approximates the step function of 1,200 positives.
    assert band.y.mean() == pytest.approx(average_precision(labels, scores), abs=0.01)
    assert band.y[-1] == pytest.approx(precision_recall_curve(labels, scores).precision[
        precision_recall_curve(labels, scores).recall == 1][0])  # fmt: skip


def test_bands_enclose_their_curve_and_narrow_with_more_images():
    widths = []
    for images in (200, 3200):
        labels, scores, clusters = simulate(images)
        for band in (roc_band(labels, scores, clusters, samples=200),):
            inside = (band.low <= band.y + 1e-9) & (band.y <= band.high + 1e-9)
            assert inside.mean() > 0.95
            widths.append((band.high - band.low).mean())
    # Sixteen times the images: about a quarter of the width.
    assert widths[1] < 0.4 * widths[0]
