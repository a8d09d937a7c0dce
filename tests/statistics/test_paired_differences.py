import numpy as np
import pytest

from chexnet.statistics import (
    NotEstimable,
    average_precision,
    brier_score,
    compare_average_precision,
    compare_brier_scores,
    compare_calls,
)


def pair(seed, images=300, better=0.0):
    generator = np.random.default_rng(seed)
    labels = generator.random(images) < 0.3
    shared = generator.normal(size=images) + labels
    logits = [
        shared + generator.normal(size=images) + better * labels,
        shared + generator.normal(size=images),
    ]
    return labels, *(1 / (1 + np.exp(1 - one)) for one in logits)


def test_differences_are_those_of_the_single_numbers():
    labels, first, second = pair(0, better=1.5)
    precision = compare_average_precision(labels, first, second, samples=500)
    assert precision.first == pytest.approx(average_precision(labels, first))
    assert precision.difference.value == pytest.approx(precision.first - precision.second)
    assert precision.difference.low > 0
    brier = compare_brier_scores(labels, first, second)
    assert (brier.first, brier.second) == pytest.approx(
        (brier_score(labels, first), brier_score(labels, second))
    )
    assert brier.difference.high < 0
    assert brier.p_value < 0.01


def test_calls_are_compared_by_mcnemars_exact_test():
    # 5 images that only the first calls rightly, 17 that only the second does.
    labels = np.ones(100, dtype=bool)
    first = np.arange(100) < 55
    second = np.r_[np.ones(50), np.zeros(5), np.ones(17), np.zeros(28)].astype(bool)
    labels = np.r_[labels, np.zeros(10, dtype=bool)]
    first, second = np.r_[first, np.zeros(10, dtype=bool)], np.r_[second, np.zeros(10, dtype=bool)]
    result = compare_calls(labels, first, second, samples=40_000).sensitivity
    # R: binom.test(5, 22)$p.value gives 0.01690054; 40,000 exchanges have a standard error of 0.0006.
    assert result.p_value == pytest.approx(0.0169, abs=0.003)
    assert result.difference.value == pytest.approx(-0.12)
    assert result.difference.low < -0.12 < result.difference.high < 0


def test_the_interval_of_a_difference_covers_and_the_test_keeps_its_size():
    held = rejected = 0
    for seed in range(200):
        labels, first, second = pair(seed, images=150)
        result = compare_brier_scores(labels, first, second, samples=200, seed=seed)
        held += result.difference.low <= 0 <= result.difference.high
        rejected += result.p_value <= 0.05
    # Standard error 1.5 %.
    assert held / 200 >= 0.9
    assert rejected / 200 <= 0.1


def test_repeated_images_add_no_certainty_and_few_patients_are_refused():
    labels, first, second = pair(3)
    patients = np.arange(300)
    once = compare_brier_scores(labels, first, second, patients)
    thrice = compare_brier_scores(*(np.tile(one, 3) for one in (labels, first, second, patients)))
    assert thrice.difference.interval == pytest.approx(once.difference.interval)
    with pytest.raises(NotEstimable, match="at least 5"):
        compare_calls(labels, first > 0.5, second > 0.5, patients // 100)
