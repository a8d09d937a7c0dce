import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.path import Path as Outline

from chexnet.classifier import contours_of
from chexnet.classifier.overlay import upscale


def blob(rows: int, columns: int, y: float, x: float, size: float = 0.1) -> np.ndarray:
    """Evidence around one place, given in shares of the image; against the finding elsewhere."""
    down, across = np.mgrid[0:rows, 0:columns]
    distance = ((down + 0.5) / rows - y) ** 2 + ((across + 0.5) / columns - x) ** 2
    return (3 * np.exp(-distance / (2 * size**2)) - 0.5).astype(np.float32)


def share_inside(evidence: np.ndarray, height: int, width: int) -> float:
    """Positive evidence inside the contours, by asking every pixel's centre."""
    full = np.clip(upscale(evidence, height, width), 0, None)
    down, across = np.mgrid[0:height, 0:width]
    centres = np.stack([across.ravel() + 0.5, down.ravel() + 0.5], axis=1)
    inside = np.zeros(height * width, bool)
    for polygon in contours_of(evidence, height, width):
        inside |= Outline(polygon).contains_points(centres)
    return float(full.ravel()[inside].sum() / full.sum())


@given(st.floats(0.25, 0.75), st.floats(0.25, 0.75), st.sampled_from([(300, 200), (90, 400)]))
def test_half_of_the_positive_evidence_is_inside(y: float, x: float, size: tuple[int, int]) -> None:
    # 0.05: the boundary is traced on 128 cells a side, and pixels on it count whole.
    assert share_inside(blob(14, 14, y, x), *size) == pytest.approx(0.5, abs=0.05)


def test_contours_lie_where_the_evidence_is_in_x_and_y_of_the_image() -> None:
    (polygon,) = contours_of(blob(20, 20, y=0.25, x=0.7), 400, 1000)
    assert polygon.mean(axis=0) == pytest.approx([700, 100], abs=15)
    assert (polygon[0] == polygon[-1]).all()


def test_the_largest_part_comes_first_and_specks_are_left_out() -> None:
    evidence = np.maximum(blob(28, 28, 0.3, 0.3, 0.12), blob(28, 28, 0.7, 0.7, 0.08))
    first, second = contours_of(evidence, 100, 100)
    assert np.ptp(first[:, 0]) > np.ptp(second[:, 0])
    assert first.mean() < second.mean()


def test_evidence_at_the_edge_has_a_closed_contour_inside_the_image() -> None:
    (polygon,) = contours_of(blob(14, 14, y=0.0, x=1.0, size=0.2), 50, 80)
    assert (polygon[0] == polygon[-1]).all()
    assert polygon.min() >= 0 and polygon[:, 0].max() == 80 and polygon[:, 1].max() <= 50


def test_even_evidence_is_the_whole_image() -> None:
    (polygon,) = contours_of(np.full((7, 7), 0.4, np.float32), 30, 20)
    assert polygon.min(axis=0) == pytest.approx([0, 0], abs=1e-6)
    assert polygon.max(axis=0) == pytest.approx([20, 30], abs=1e-6)


def test_no_positive_evidence_has_no_contour() -> None:
    assert contours_of(np.full((7, 7), -0.4, np.float32), 30, 20) == ()


def test_impossible_input_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        contours_of(np.zeros((7, 7), np.float32), 0, 20)
    with pytest.raises(ValueError, match="not finite"):
        contours_of(np.full((7, 7), np.nan, np.float32), 10, 20)
