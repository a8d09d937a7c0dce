"""The curve against counting by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chexnet.statistics import FALSE_MARKS, Marks, NotEstimable, froc_curve


def example(seed, images=40):
    generator = np.random.default_rng(seed)
    lesion_images = np.sort(generator.integers(0, images, 25))
    scores, of_image, hits = [], [], []
    for lesion, image in enumerate(lesion_images):
        for _ in range(generator.integers(0, 3)):
            scores.append(round(generator.normal(1), 1))
            of_image.append(image)
            hits.append(lesion)
    for _ in range(60):
        scores.append(round(generator.normal(), 1))
        of_image.append(generator.integers(0, images))
        hits.append(-1)
    return Marks(
        np.array(scores),
        np.array(of_image),
        np.array(hits),
        lesion_images,
        np.repeat(np.arange(images // 2), 2),
    )


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_every_point_counts_lesions_once_and_false_marks_all(seed):
    marks = example(seed)
    curve = froc_curve(marks, samples=20)
    for threshold, false, sensitivity in zip(
        curve.thresholds, curve.false_marks, curve.sensitivity, strict=True
    ):
        shown = marks.scores >= threshold
        assert false == pytest.approx(np.sum(shown & (marks.lesions < 0)) / 40)
        assert sensitivity == pytest.approx(len(set(marks.lesions[shown & (marks.lesions >= 0)])) / 25)
    for allowed, estimate in zip(FALSE_MARKS, curve.at, strict=True):
        reached = curve.sensitivity[curve.false_marks <= allowed + 1e-12]
        assert estimate.value == pytest.approx(reached.max(initial=0.0))
    assert curve.mean.value == pytest.approx(np.mean([one.value for one in curve.at]))


def test_intervals_hold_their_value_and_are_repeated_by_the_seed():
    curve = froc_curve(example(1), samples=300)
    assert curve.mean.low < curve.mean.value < curve.mean.high
    assert froc_curve(example(1), samples=300).at == curve.at


def test_no_mark_finds_nothing_and_impossible_marks_are_refused():
    none = np.zeros(0)
    silent = Marks(none, none.astype(int), none.astype(int), np.array([0, 1]), np.arange(4))
    curve = froc_curve(silent, samples=50)
    assert curve.mean.value == 0
    assert curve.mean.reason is not None
    with pytest.raises(NotEstimable, match="no lesion"):
        froc_curve(Marks(none, none.astype(int), none.astype(int), none.astype(int), np.arange(4)))
    with pytest.raises(ValueError, match="another image"):
        froc_curve(Marks(np.ones(1), np.array([2]), np.array([0]), np.array([0]), np.arange(4)))
    with pytest.raises(ValueError, match="images 0 to 3"):
        froc_curve(Marks(np.ones(1), np.array([9]), np.array([-1]), np.array([0]), np.arange(4)))
