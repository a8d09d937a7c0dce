"""Obuchowski–Rockette against published analyses of Van Dyke's data, and against equations written out."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chexnet.statistics import (
    NotEstimable,
    Ranking,
    auroc,
    auroc_covariance,
    bootstrap_covariance,
    compare_modalities,
    jackknife_covariance,
    raters_of,
    two_way_bootstrap,
)


@pytest.fixture(scope="module")
def van_dyke(data_dir):
    """Ratings (modality, reader, case) and truth (case)."""
    path = data_dir / "readers" / "van_dyke" / "readings.csv"
    if not path.is_file():
        pytest.skip(f"no {path}")
    ratings, truth = np.zeros((2, 5, 114)), np.zeros(114, dtype=bool)
    with path.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            place = int(row["treatment"]) - 1, int(row["reader"]) - 1, int(row["case"]) - 1
            ratings[place] = float(row["rating"])
            truth[place[2]] = row["truth"] == "1"
    return ratings, truth


def areas(ratings, truth):
    return np.array([[auroc(truth, one) for one in modality] for modality in ratings])


def test_van_dyke_with_jackknife_is_the_published_analysis_of_mrmcaov_and_rjafroc(van_dyke):
    ratings, truth = van_dyke
    raters = raters_of([Ranking(truth, one, np.arange(114)).auroc for one in ratings.reshape(10, 114)])
    covariance = jackknife_covariance(raters, 114).reshape(2, 5, 2, 5)
    result = compare_modalities(areas(ratings, truth), covariance, 114)
    # R: summary(mrmc(empirical_auc(truth, rating), treatment, reader, case, data = VanDyke)), as printed in
    # MRMCaov's README; the same numbers in RJafroc's book (dataset02, Wilcoxon). Tolerances: those digits.
    parts = result.components
    assert parts.variance == pytest.approx(0.0008022883, abs=5e-11)
    assert parts.cov1 == pytest.approx(0.0003466137, abs=5e-11)
    assert parts.cov2 == pytest.approx(0.0003440748, abs=5e-11)
    assert parts.cov3 == pytest.approx(0.0002390284, abs=5e-11)
    assert parts.modality == pytest.approx(0.004796171, abs=5e-10)
    assert parts.interaction == pytest.approx(0.0005510306, abs=5e-11)
    test = result.random
    assert test.difference.value == pytest.approx(-0.04380032, abs=5e-9)
    assert test.standard_error == pytest.approx(0.02074862, abs=5e-9)
    assert test.degrees_of_freedom == pytest.approx(15.25967, abs=5e-6)
    assert test.p_value == pytest.approx(0.05166569, abs=5e-9)
    assert test.difference.interval == pytest.approx((-0.0879594986, 0.0003588544), abs=5e-10)
    first, second = result.modalities
    assert (first.value, *first.interval) == pytest.approx((0.8970370, 0.8252236, 0.9688505), abs=5e-8)
    assert (second.value, *second.interval) == pytest.approx((0.9408374, 0.8941378, 0.9875369), abs=5e-8)


def test_van_dyke_with_delongs_covariances_is_the_reference_analysis(van_dyke):
    ratings, truth = van_dyke
    covariance = auroc_covariance(truth, list(ratings.reshape(10, 114))).reshape(2, 5, 2, 5)
    result = compare_modalities(areas(ratings, truth), covariance, 114)
    parts = result.components
    assert (parts.variance, parts.cov1, parts.cov2, parts.cov3) == pytest.approx(
        (0.000792, 0.000342, 0.000340, 0.000236), abs=5e-7
    )
    assert result.random.degrees_of_freedom == pytest.approx(15.07, abs=0.005)
    assert result.random.p_value == pytest.approx(0.0512, abs=5e-5)
    assert (result.random.difference.value / result.random.standard_error) ** 2 == pytest.approx(
        4.485, abs=5e-4
    )
    assert result.random.difference.interval == pytest.approx((-0.0879, 0.0003), abs=5e-5)


@settings(max_examples=20)
@given(st.integers(0, 10**6))
def test_the_components_equal_the_definitions_written_out(seed):
    generator = np.random.default_rng(seed)
    estimates = generator.random((2, 4))
    root = generator.normal(size=(8, 12))
    covariance = (root @ root.T).reshape(2, 4, 2, 4)
    parts = compare_modalities(estimates, covariance, 50).components
    names = {(1, 1): "variance", (0, 1): "cov1", (1, 0): "cov2", (0, 0): "cov3"}
    pairs = {name: [] for name in names.values()}
    for i in range(2):
        for j in range(4):
            for k in range(2):
                for m in range(4):
                    kind = {(1, 1): "variance", (0, 1): "cov1", (1, 0): "cov2", (0, 0): "cov3"}[
                        i == k, j == m
                    ]
                    pairs[kind].append(covariance[i, j, k, m])
    for kind, values in pairs.items():
        assert getattr(parts, kind) == pytest.approx(np.mean(values))
    differences = estimates[0] - estimates[1]
    # With two modalities the interaction is half the variance of the readers' differences.
    assert parts.interaction == pytest.approx(differences.var(ddof=1) / 2)
    assert parts.modality == pytest.approx(4 * differences.mean() ** 2 / 2)


def test_the_jackknife_covariance_of_a_mean_is_its_textbook_covariance():
    values = np.random.default_rng(3).normal(size=(3, 40))
    raters = lambda counts: values @ counts / counts.sum(axis=0)  # noqa: E731
    np.testing.assert_allclose(jackknife_covariance(raters, 40), np.cov(values) / 40, rtol=1e-5)
    # The bootstrap's divides by n, and 20,000 resamples leave about 1 % of noise.
    bootstrapped = bootstrap_covariance(raters, 40, samples=20_000)
    np.testing.assert_allclose(bootstrapped * 40 / 39, np.cov(values) / 40, rtol=0.05, atol=5e-4)


def test_the_two_way_bootstrap_spreads_over_readers_and_patients():
    generator = np.random.default_rng(5)
    skill = np.array([0.6, 0.7, 0.8, 0.9, 0.75])
    right = generator.random((5, 400)) < skill[:, None]
    raters = lambda counts: right @ counts / counts.sum(axis=0)  # noqa: E731
    resampled = two_way_bootstrap(raters, 400, samples=4000, seed=1)
    mean, difference = resampled.T
    readers = right[:4].mean(axis=1)
    # Variance over readers (drawn with replacement) plus variance over independent cases.
    expected = readers.var() / 4 + np.mean(readers * (1 - readers)) / 400 / 4
    assert mean.var() == pytest.approx(expected, rel=0.1)
    assert difference.mean() == pytest.approx(right[4].mean() - readers.mean(), abs=0.005)
    np.testing.assert_array_equal(resampled, two_way_bootstrap(raters, 400, samples=4000, seed=1))


def test_one_reader_is_no_population():
    with pytest.raises(NotEstimable, match="at least two readers"):
        compare_modalities(np.ones((2, 1)), np.ones((2, 1, 2, 1)), 10)
