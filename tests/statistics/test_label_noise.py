import numpy as np
import pytest

from chexnet.statistics import NotEstimable, auroc, compare_labels


def study(seed, images=2000, missed=0.3, invented=0.05):
    generator = np.random.default_rng(seed)
    truth = generator.random(images) < 0.2
    mined = np.where(truth, generator.random(images) > missed, generator.random(images) < invented)
    return truth, mined, generator.normal(size=images) + 2 * truth


def test_noise_of_the_labels_lowers_the_auroc_and_is_measured():
    truth, mined, scores = study(0)
    result = compare_labels(truth, mined, scores, samples=500)
    assert result.adjudicated.value == pytest.approx(auroc(truth, scores))
    assert result.mined.value == pytest.approx(auroc(mined, scores))
    assert result.difference.value == pytest.approx(auroc(truth, scores) - auroc(mined, scores))
    assert result.difference.low > 0
    assert result.rates.sensitivity.low < 0.7 < result.rates.sensitivity.high
    assert result.rates.overdiagnosis.low < 0.05 < result.rates.overdiagnosis.high
    # Agreement 0.90 of which 0.68 is chance.
    assert result.kappa.low < 0.69 < result.kappa.high


def test_equal_labels_differ_by_nothing_and_one_class_is_refused():
    truth, _, scores = study(1)
    same = compare_labels(truth, truth, scores, samples=100)
    assert same.difference.value == 0
    assert same.difference.interval is None
    with pytest.raises(NotEstimable):
        compare_labels(truth, np.zeros_like(truth), scores, samples=100)
