import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chexnet.statistics import (
    auroc,
    design_effect,
    hanley_mcneil_variance,
    images_for_proportion,
    positives_for_auroc,
)


def test_the_variance_is_that_of_exponential_scores():
    # Hanley and McNeil's formula is exact for exponentially distributed scores.
    generator = np.random.default_rng(0)
    truth, positives, negatives = 0.8, 30, 60
    rate = (1 - truth) / truth
    labels = np.arange(positives + negatives) < positives
    areas = [auroc(labels, generator.exponential(np.where(labels, 1 / rate, 1.0))) for _ in range(4000)]
    # The sample variance of 4,000 draws has a relative standard error of about 2.3 %.
    assert np.var(areas) == pytest.approx(hanley_mcneil_variance(truth, positives, negatives), rel=0.08)


@given(st.floats(0.55, 0.97), st.floats(0.02, 0.2), st.floats(0.5, 20))
def test_the_number_of_positives_is_the_smallest_that_suffices(area, half_width, ratio):
    needed = positives_for_auroc(area, half_width, ratio)

    def half(positives):
        negatives = max(1, round(positives * ratio))
        return 1.959964 * hanley_mcneil_variance(area, positives, negatives) ** 0.5

    assert half(needed) <= half_width * 1.0001
    if needed > 4 and ratio >= 1:
        assert half(needed - 1) > half_width * 0.9999


def test_a_share_of_one_half_to_five_points_needs_385_images():
    # z^2 p (1 - p) / d^2 = 384.15.
    assert images_for_proportion(0.5, 0.05) == 385


def test_images_of_the_same_patients_count_less():
    assert design_effect(9.15, 0.5) == pytest.approx(5.075)
    assert design_effect(1.0, 0.5) == 1


def test_impossible_plans_are_refused():
    with pytest.raises(ValueError, match="0 < AUROC < 1"):
        hanley_mcneil_variance(1.0, 10, 10)
    with pytest.raises(ValueError, match="half-width"):
        positives_for_auroc(0.8, 0.0)
    with pytest.raises(ValueError, match="share"):
        images_for_proportion(1.2, 0.05)
