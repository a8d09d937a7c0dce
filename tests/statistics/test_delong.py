import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import delong_covariance_by_pairs, obuchowski_variance_by_patients

from chexnet.statistics import (
    NotEstimable,
    auroc,
    auroc_covariance,
    auroc_interval,
    compare_aurocs,
)


def simulate(seed, images=60, separation=1.0, prevalence=0.3, decimals=1):
    """Labels, and two correlated scores with ties."""
    generator = np.random.default_rng(seed)
    labels = generator.random(images) < prevalence
    labels[:2], labels[2:4] = True, False
    shared = generator.normal(size=images) + separation * labels
    return labels, [np.round(shared + generator.normal(size=images), decimals) for _ in range(2)]


@settings(max_examples=50)
@given(st.integers(0, 10**6))
def test_covariance_equals_delongs_equations_written_out(seed):
    labels, scores = simulate(seed)
    # Sums of about 60 placements.
    np.testing.assert_allclose(
        auroc_covariance(labels, scores), delong_covariance_by_pairs(labels, scores), atol=1e-15
    )


@settings(max_examples=50)
@given(st.integers(0, 10**6))
def test_variance_with_patients_equals_obuchowskis_equations_written_out(seed):
    labels, scores = simulate(seed)
    patients = np.random.default_rng(seed).integers(0, 20, labels.size)
    assert auroc_covariance(labels, scores[:1], patients)[0, 0] == pytest.approx(
        obuchowski_variance_by_patients(labels, scores[0], patients), abs=1e-15
    )


def test_patients_with_one_image_each_give_delongs_variance():
    labels, scores = simulate(0)
    patients = np.random.default_rng(0).permutation(labels.size)
    np.testing.assert_allclose(
        auroc_covariance(labels, scores, patients), auroc_covariance(labels, scores), atol=1e-16
    )


def test_doubling_every_image_of_a_patient_does_not_narrow_the_interval():
    labels, (scores, _) = simulate(3, images=200)
    patients = np.arange(200)
    once = auroc_interval(labels, scores, patients=patients)
    twice = auroc_interval(np.tile(labels, 2), np.tile(scores, 2), patients=np.tile(patients, 2))
    naive = auroc_interval(np.tile(labels, 2), np.tile(scores, 2))
    assert (twice.low, twice.high) == pytest.approx((once.low, once.high), abs=1e-12)
    assert naive.high - naive.low < 0.8 * (once.high - once.low)


@given(st.integers(0, 10**6), st.floats(-3, 4), st.integers(4, 60))
@settings(max_examples=100)
def test_the_interval_holds_its_estimate_and_stays_in_the_unit_interval(seed, separation, images):
    labels, (scores, _) = simulate(seed, images, separation)
    estimate = auroc_interval(labels, scores)
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.low < estimate.high


def test_perfect_separation_still_has_an_interval():
    labels = np.array([True] * 5 + [False] * 50)
    estimate = auroc_interval(labels, labels.astype(float))
    assert (estimate.value, estimate.high) == (1, 1)
    # The bound solves AUROC ** 5 = 0.025.
    assert estimate.low**5 == pytest.approx(0.025)
    mirrored = auroc_interval(labels, -labels.astype(float))
    assert (mirrored.value, mirrored.low) == (0, 0)
    assert mirrored.high == pytest.approx(1 - estimate.low)


def test_perfect_separation_counts_patients_not_images():
    labels = np.array([True] * 50 + [False] * 50)
    two_patients_a_class = np.repeat(np.arange(4), 25)
    estimate = auroc_interval(labels, labels.astype(float), patients=two_patients_a_class)
    assert estimate.low**2 == pytest.approx(0.025)


def test_one_positive_image_gives_a_wide_interval_not_none():
    labels = np.array([True] + [False] * 30)
    estimate = auroc_interval(labels, np.linspace(0.5, 0, 31) + np.arange(31) % 2)
    assert estimate.high - estimate.low > 0.8


def test_the_perfect_separation_bound_covers_at_least_at_its_rate():
    # Whatever the truth, the bound may exclude it at most as often as separation is perfect.
    generator = np.random.default_rng(5)
    truth, excluded = 0.9, 0
    shift = 1.8124  # sqrt(2) * normal quantile of 0.9
    for _ in range(2000):
        scores = generator.normal(size=12)
        labels = np.arange(12) < 4
        scores[labels] += shift
        if auroc(labels, scores) == 1:
            excluded += auroc_interval(labels, scores).low > truth
    assert excluded <= 0.025 * 2000


def test_comparing_a_model_with_itself_finds_nothing():
    labels, (scores, _) = simulate(1)
    result = compare_aurocs(labels, scores, scores * 2)
    assert (result.difference.value, result.p_value) == (0, 1)


def test_the_paired_test_mirrors_when_the_models_swap():
    labels, (first, second) = simulate(2, images=300)
    one, other = compare_aurocs(labels, first, second), compare_aurocs(labels, second, first)
    assert one.difference.value == pytest.approx(-other.difference.value)
    assert one.difference.low == pytest.approx(-other.difference.high)
    assert one.p_value == pytest.approx(other.p_value)


def test_the_paired_test_gives_the_normal_p_value_of_the_written_out_equations():
    from scipy.stats import norm

    labels, (first, second) = simulate(7, images=200)
    covariance = delong_covariance_by_pairs(labels, [first, second])
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    z = (auroc(labels, first) - auroc(labels, second)) / error
    assert compare_aurocs(labels, first, second).p_value == pytest.approx(2 * norm.sf(abs(z)), rel=1e-9)


def test_one_patient_in_a_class_is_not_estimable_in_a_comparison():
    labels, (first, second) = simulate(1)
    with pytest.raises(NotEstimable, match="all positive images are of one patient"):
        compare_aurocs(labels, first, second, patients=np.where(labels, 0, np.arange(labels.size)))


def coverage(interval, samples, images, separation, seed=0):
    """Share of simulated studies whose interval holds the true AUROC."""
    from scipy.stats import norm

    truth = norm.cdf(separation / np.sqrt(2))
    generator = np.random.default_rng(seed)
    held = 0
    for _ in range(samples):
        labels = np.arange(images) < images // 4
        scores = generator.normal(size=images) + separation * labels
        estimate = interval(labels, scores)
        held += estimate.low <= truth <= estimate.high
    return held / samples


@pytest.mark.parametrize(("images", "separation"), [(80, 0.5), (80, 2.0), (400, 1.0)])
def test_the_interval_covers_the_truth_about_95_times_in_100(images, separation):
    # 1000 studies: 0.95 with a standard error of 0.7 %, three of them either way.
    assert 0.93 <= coverage(auroc_interval, 1000, images, separation) <= 0.975


@pytest.mark.slow
@pytest.mark.parametrize("separation", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("images", [60, 200, 1000])
def test_the_interval_covers_the_truth_at_its_nominal_rate_in_10000_studies(images, separation):
    # 10,000 studies: standard error 0.22 %; small samples with AUROC near 1 are allowed one point more.
    rate = coverage(auroc_interval, 10_000, images, separation)
    assert 0.94 <= rate <= 0.975


def test_the_paired_test_rejects_a_true_hypothesis_about_5_times_in_100():
    generator = np.random.default_rng(11)
    rejected = 0
    for _ in range(1000):
        labels = np.arange(100) < 30
        shared = generator.normal(size=100) + labels
        rejected += (
            compare_aurocs(
                labels, shared + generator.normal(size=100), shared + generator.normal(size=100)
            ).p_value
            < 0.05
        )
    # Standard error 0.7 %.
    assert 0.03 <= rejected / 1000 <= 0.075
