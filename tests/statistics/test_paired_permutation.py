"""The permutation test against exchanges written out, and its size with few positives."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chexnet.statistics import (
    NotEstimable,
    auroc,
    compare_aurocs,
    permutation_test_of_aurocs,
    permutation_test_of_means,
)
from chexnet.statistics.paired_permutation import _terms
from chexnet.statistics.roc import doubled_midranks


def study(generator, positives, negatives=100, separation=1.0):
    labels = np.arange(positives + negatives) < positives
    shared = generator.normal(size=labels.size) + separation * labels
    return labels, *(shared + generator.normal(size=labels.size) for _ in range(2))


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_the_sum_of_signed_terms_is_the_difference_after_the_exchange(seed):
    generator = np.random.default_rng(seed)
    labels, first, second = study(generator, 6, 20)
    first, second = doubled_midranks(np.round(first, 1)), doubled_midranks(np.round(second, 1))
    terms = _terms(labels, first, second)
    exchanged = generator.random(26) < 0.5
    one, other = np.where(exchanged, second, first), np.where(exchanged, first, second)
    expected = auroc(labels, one) - auroc(labels, other)
    assert np.sum(np.where(exchanged, -1, 1) * terms) == pytest.approx(expected, abs=1e-12)


def test_the_p_value_is_that_of_all_exchanges():
    labels, first, second = study(np.random.default_rng(3), 5, 7)
    patients = np.arange(12)
    ranks = doubled_midranks(first), doubled_midranks(second)
    observed = abs(auroc(labels, first) - auroc(labels, second))
    reached = total = 0
    for exchange in product((False, True), repeat=12):
        one, other = np.where(exchange, ranks[1], ranks[0]), np.where(exchange, ranks[0], ranks[1])
        reached += abs(auroc(labels, one) - auroc(labels, other)) >= observed - 1e-12
        total += 1
    result = permutation_test_of_aurocs(labels, first, second, patients, samples=20_000)
    # 20,000 random exchanges: standard error at most 0.35 %.
    assert result.p_value == pytest.approx(reached / total, abs=0.012)
    assert result.difference.value == pytest.approx(auroc(labels, first) - auroc(labels, second))


def rejections(positives, studies, seed=0, images=1):
    generator = np.random.default_rng(seed)
    found = np.zeros(2)
    for one in range(studies):
        labels, first, second = study(generator, positives)
        labels, first, second = (np.repeat(array, images) for array in (labels, first, second))
        patients = np.repeat(np.arange(labels.size // images), images)
        delong = compare_aurocs(labels, first, second, patients=patients).p_value
        exact = permutation_test_of_aurocs(labels, first, second, patients, samples=400, seed=one).p_value
        found += delong <= 0.05, exact <= 0.05
    return found / studies


@pytest.mark.parametrize("positives", [5, 10])
def test_the_test_keeps_its_size_with_few_positives(positives):
    _, exact = rejections(positives, 300)
    # 300 studies: 0.05 and two standard errors of 1.3 %.
    assert exact <= 0.076


@pytest.mark.slow
@pytest.mark.parametrize(("positives", "images"), [(5, 1), (5, 3), (10, 1), (20, 1)])
def test_the_test_keeps_its_size_in_4000_studies(positives, images):
    delong, exact = rejections(positives, 4000, images=images)
    assert 0.035 <= exact <= 0.06
    if positives == 5:
        assert delong > 0.07


def test_it_finds_a_real_difference():
    generator = np.random.default_rng(0)
    labels, first, _ = study(generator, 60, separation=2.0)
    assert permutation_test_of_aurocs(labels, first, generator.normal(size=labels.size)).p_value < 0.001
    assert permutation_test_of_aurocs(labels, first, 3 * first + 1).p_value == 1


def test_too_few_patients_are_refused_however_many_images_they_have():
    labels = np.repeat(np.arange(20) < 4, 10)
    with pytest.raises(NotEstimable, match="4 patients in the smaller class, at least 5 needed"):
        permutation_test_of_aurocs(
            labels, np.linspace(0, 1, 200), np.linspace(1, 0, 200), np.repeat(np.arange(20), 10)
        )


def test_squared_errors_are_compared_by_patient():
    generator = np.random.default_rng(1)
    difference = np.repeat(generator.normal(0.3, 1, 30), 20)
    patients = np.repeat(np.arange(30), 20)
    by_patient = permutation_test_of_means(difference, patients)
    assert permutation_test_of_means(difference).p_value < 0.01 < by_patient.p_value
    assert by_patient.difference.value == pytest.approx(difference.mean())


@pytest.mark.parametrize("positives", [5, 10])
def test_the_interval_of_the_difference_covers_with_few_positives(positives):
    generator = np.random.default_rng(positives)
    held = wald = 0
    for _ in range(400):
        labels, first, second = study(generator, positives)
        estimate = permutation_test_of_aurocs(labels, first, second, samples=1).difference
        held += estimate.low <= 0 <= estimate.high
        wald += not compare_aurocs(labels, first, second).difference.excludes(0.0)
    # Standard error 1.1 %.
    assert held / 400 >= 0.925
    assert wald < held


def test_the_interval_with_many_patients_is_delongs():
    labels, first, second = study(np.random.default_rng(8), 300, 600)
    patients = np.arange(900) // 3
    ours = permutation_test_of_aurocs(labels, first, second, patients, samples=1).difference
    assert ours.interval == pytest.approx(
        compare_aurocs(labels, first, second, patients=patients).difference.interval, abs=1e-3
    )
