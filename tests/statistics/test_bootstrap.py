import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import expand
from scipy import stats
from sklearn.metrics import average_precision_score, roc_auc_score

from chexnet.statistics import (
    NotEstimable,
    Ranking,
    auroc,
    auroc_interval,
    bca_interval,
    bootstrap,
    bootstrap_interval,
    clusters_of,
    jackknife,
    percentile_interval,
    resample_counts,
)


def simulate(seed, images=300, patients=80, prevalence=0.2, decimals=1):
    generator = np.random.default_rng(seed)
    labels = generator.random(images) < prevalence
    labels[0], labels[1] = True, False
    scores = np.round(generator.normal(size=images) + labels, decimals)
    return labels, scores, clusters_of(generator.integers(0, patients, images), images)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(2, 300),
    st.sampled_from([0.01, 0.1, 0.5, 0.9]),
    st.sampled_from([0, 1, 8]),
)
def test_counts_give_what_scikit_learn_gives_on_resampled_copies(seed, images, prevalence, decimals):
    labels, scores, clusters = simulate(seed, images, 40, prevalence, decimals)
    if clusters.max() < 1:
        return
    ranking = Ranking(labels, scores, clusters)
    counts = next(resample_counts(int(clusters.max()) + 1, 12, np.random.default_rng(seed)))
    areas, precisions = ranking.auroc(counts), ranking.average_precision(counts)
    for column in range(counts.shape[1]):
        chosen = expand(counts[:, column], clusters)
        if len(set(labels[chosen].tolist())) < 2:
            assert np.isnan(areas[column])
            assert np.isnan(precisions[column])
        else:
            # The promise is 1e-12: ours is exact up to one division, scikit-learn sums in floating point.
            assert areas[column] == pytest.approx(roc_auc_score(labels[chosen], scores[chosen]), abs=1e-12)
            assert precisions[column] == pytest.approx(
                average_precision_score(labels[chosen], scores[chosen]), abs=1e-12
            )


def test_counts_of_one_give_the_auroc_of_the_data():
    labels, scores, clusters = simulate(1)
    counts = np.ones((int(clusters.max()) + 1, 1), dtype=np.float32)
    assert Ranking(labels, scores, clusters).auroc(counts)[0] == auroc(labels, scores)


def test_counts_too_large_for_float32_stay_exact():
    labels, scores, clusters = simulate(2)
    ones = np.ones((int(clusters.max()) + 1, 1), dtype=np.float32)
    many = ones * 2**20 + np.arange(ones.size, dtype=np.float32)[:, None]
    chosen = Ranking(labels, scores, clusters).auroc(many)[0]
    expected = roc_auc_score(labels, scores, sample_weight=many[clusters, 0].astype(np.float64))
    assert chosen == pytest.approx(expected, abs=1e-12)


def test_every_resample_draws_as_many_patients_as_there_are():
    blocks = list(resample_counts(30, 700, np.random.default_rng(0)))
    assert sum(block.shape[1] for block in blocks) == 700
    assert all((block.sum(axis=0) == 30).all() for block in blocks)
    # Binomial(30, 1/30) has mean 1 and variance 0.967; 21,000 draws.
    assert np.concatenate(blocks, axis=1).var() == pytest.approx(0.967, abs=0.05)


def test_statistics_given_together_see_the_same_resamples_and_the_seed_repeats_them():
    labels, scores, clusters = simulate(3)
    ranking = Ranking(labels, scores, clusters)
    both = bootstrap([ranking.auroc, ranking.auroc], int(clusters.max()) + 1, 500, seed=4)
    assert (both[:, 0] == both[:, 1]).all()
    again = bootstrap([ranking.auroc], int(clusters.max()) + 1, 500, seed=4)
    assert (again[:, 0] == both[:, 0]).all()
    assert (bootstrap([ranking.auroc], int(clusters.max()) + 1, 500, seed=5) != again).any()


def auroc_of_floats(labels, scores):
    """SciPy turns the labels it resamples into floats."""
    return auroc(labels.astype(bool), scores)


def test_the_percentile_interval_agrees_with_scipy_within_simulation_error():
    labels, scores, _ = simulate(4, images=200)
    ours = bootstrap_interval(labels, scores, samples=4000)
    theirs = stats.bootstrap(
        (labels, scores), auroc_of_floats, paired=True, vectorized=False, n_resamples=2000, rng=0,
        method="percentile",
    ).confidence_interval  # fmt: skip
    # Percentiles of 2000 resamples have a standard error of about 0.003 here.
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.012)


def test_the_bca_interval_equals_scipys_on_the_same_distribution():
    labels, scores, _ = simulate(5, images=120)
    theirs = stats.bootstrap(
        (labels, scores), auroc_of_floats, paired=True, vectorized=False, n_resamples=999, rng=0,
        method="BCa",
    )  # fmt: skip
    ranking = Ranking(labels, scores, np.arange(120))
    ours = bca_interval(theirs.bootstrap_distribution, auroc(labels, scores), jackknife(ranking.auroc, 120))
    # The same formula on the same numbers; only the jackknife's summation order differs.
    assert ours[0] == pytest.approx(theirs.confidence_interval.low, abs=1e-10)
    assert ours[1] == pytest.approx(theirs.confidence_interval.high, abs=1e-10)


def test_the_jackknife_leaves_out_one_patient_at_a_time():
    labels, scores, clusters = simulate(6, images=60, patients=12)
    values = jackknife(Ranking(labels, scores, clusters).auroc, int(clusters.max()) + 1)
    for patient, value in enumerate(values):
        kept = clusters != patient
        assert value == pytest.approx(auroc(labels[kept], scores[kept]), abs=1e-15)


def test_patients_with_many_alike_images_widen_the_interval():
    generator = np.random.default_rng(7)
    patients = np.repeat(np.arange(60), 10)
    labels = np.repeat(generator.random(60) < 0.4, 10)
    scores = np.repeat(generator.normal(size=60), 10) + labels + generator.normal(0, 0.3, 600)
    by_patient = bootstrap_interval(labels, scores, patients, samples=1000)
    by_image = bootstrap_interval(labels, scores, samples=1000)
    assert by_patient.high - by_patient.low > 2 * (by_image.high - by_image.low)


def test_the_bootstrap_over_patients_agrees_with_obuchowskis_variance():
    labels, scores, clusters = simulate(8, images=2000, patients=500)
    resampled = bootstrap_interval(labels, scores, clusters, samples=2000)
    analytic = auroc_interval(labels, scores, patients=clusters)
    # Both estimate one standard error, here 0.014; their ratio varies by a few per cent.
    assert resampled.high - resampled.low == pytest.approx(analytic.high - analytic.low, rel=0.1)


def test_progress_reaches_the_number_of_samples():
    labels, scores, clusters = simulate(9)
    seen = []
    bootstrap_interval(labels, scores, clusters, samples=600, progress=lambda *done: seen.append(done))
    assert seen[-1] == (600, 600)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_one_patient_only_is_not_estimable():
    labels, scores, _ = simulate(10)
    with pytest.raises(NotEstimable, match="at least two patients"):
        bootstrap_interval(labels, scores, np.zeros(labels.size, dtype=int))


def test_a_class_held_by_one_patient_is_not_estimable():
    labels = np.arange(40) == 0
    with pytest.raises(NotEstimable, match="too few patients have a positive"):
        bootstrap_interval(labels, np.linspace(0, 1, 40), samples=500)


def test_bca_refuses_what_it_cannot_correct():
    with pytest.raises(NotEstimable, match="outside all"):
        bca_interval(np.linspace(0, 1, 100), 2.0, np.linspace(0, 1, 5))
    with pytest.raises(NotEstimable, match="one patient holds"):
        bca_interval(np.linspace(0, 1, 100), 0.5, np.array([0.1, np.nan]))


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_an_impossible_confidence_is_refused(confidence):
    with pytest.raises(ValueError, match="between 0 and 1"):
        percentile_interval(np.linspace(0, 1, 100), confidence)


def test_patients_must_match_the_images():
    with pytest.raises(ValueError, match="a patient for each of 3 images, got 2"):
        clusters_of(np.array(["a", "b"]), 3)


def clustered_coverage(interval, studies, patients, seed=0):
    """Share of studies whose interval holds the truth when images of one patient are alike.

    Patients have 1 to 8 images with one label and correlated scores; the AUROC between images of
    different patients is the normal distribution function at separation / sqrt(2 * variance).
    """
    generator, held = np.random.default_rng(seed), 0
    truth = stats.norm.cdf(1 / np.sqrt(2 * (1 + 0.5)))
    for _ in range(studies):
        sizes = generator.integers(1, 9, patients)
        ill = generator.random(patients) < 0.4
        ill[:2], ill[2:4] = True, False
        owner = np.repeat(np.arange(patients), sizes)
        own = generator.normal(size=patients)
        scores = own[owner] + generator.normal(0, np.sqrt(0.5), owner.size) + ill[owner]
        estimate = interval(ill[owner], scores, owner)
        held += estimate.low <= truth <= estimate.high
    return held / studies


def test_the_patient_bootstrap_covers_where_the_image_bootstrap_fails():
    def by_patient(labels, scores, owner):
        return bootstrap_interval(labels, scores, owner, samples=400)

    def by_image(labels, scores, owner):
        return bootstrap_interval(labels, scores, samples=400)

    # 200 studies: standard error 1.5 %; percentile intervals of 100 patients run a little short.
    assert clustered_coverage(by_patient, 200, 100) >= 0.90
    assert clustered_coverage(by_image, 200, 100) <= 0.80


@pytest.mark.slow
def test_the_patient_bootstrap_covers_at_its_nominal_rate_in_2000_studies():
    def by_patient(labels, scores, owner):
        return bootstrap_interval(labels, scores, owner, samples=1000)

    # Standard error 0.5 %; percentile intervals with 200 patients run about half a point short.
    assert 0.93 <= clustered_coverage(by_patient, 2000, 200) <= 0.965
