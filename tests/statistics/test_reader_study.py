import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import f1_by_counting
from sklearn.metrics import f1_score as scikit_f1

from chexnet.statistics import NotEstimable, consensus, leave_one_out_consensus, reader_study, resample_counts
from chexnet.statistics.reader_study import PairedF1


def study_of(seed, readers=4, images=60, missing=0.0):
    """Readings around a hidden truth, and a model's calls."""
    generator = np.random.default_rng(seed)
    truth = generator.random(images) < 0.4
    readings = np.where(generator.random((readers, images)) < 0.8, truth, ~truth).astype(float)
    readings[generator.random(readings.shape) < missing] = np.nan
    model = np.where(generator.random(images) < 0.8, truth, ~truth).astype(float)
    return readings, model


def by_the_paper(readings, model):
    """Section 4.1 word for word: each of the five labels against each of the other four."""
    raters = [*readings, model]
    scores = []
    for index, rater in enumerate(raters):
        others = [other for place, other in enumerate(raters) if place != index]
        scores.append(np.mean([f1_by_counting(other, rater) for other in others]))
    return scores


@given(st.integers(0, 10**6), st.integers(2, 6))
@settings(max_examples=30, deadline=None)
def test_scores_are_the_papers_definition(seed, readers):
    readings, model = study_of(seed, readers)
    study = reader_study(readings, model, samples=100)
    *of_readers, of_model = by_the_paper(readings, model)
    # Means of at most six quotients.
    assert [one.value for one in study.readers] == pytest.approx(of_readers, abs=1e-12)
    assert study.model.value == pytest.approx(of_model, abs=1e-12)
    assert study.readers_mean.value == pytest.approx(np.mean(of_readers), abs=1e-12)
    assert study.difference.value == pytest.approx(of_model - np.mean(of_readers), abs=1e-12)
    assert study.references == (readers,) * (readers + 1)


def test_without_the_model_as_reference_radiologists_are_scored_among_themselves():
    readings, model = study_of(1)
    study = reader_study(readings, model, samples=100, model_as_reference=False)
    *of_readers, _ = by_the_paper(readings[:-1], readings[-1])
    assert [one.value for one in study.readers[:-1]] == pytest.approx(of_readers, abs=1e-12)
    assert study.model.value == pytest.approx(by_the_paper(readings, model)[-1], abs=1e-12)
    assert study.references == (3, 3, 3, 3, 4)


def test_f1_of_every_pair_equals_scikit_learn():
    readings, model = study_of(2)
    pairs = reader_study(readings, model, samples=100).pairs
    raters = [*readings, model]
    for first in range(5):
        for second in range(5):
            if first != second:
                assert pairs[first, second] == pytest.approx(
                    scikit_f1(raters[first], raters[second]), abs=1e-12
                )
    assert np.isnan(np.diag(pairs)).all()


def test_resampled_scores_equal_the_papers_definition_on_resampled_copies():
    readings, model = study_of(3)
    counts = next(resample_counts(60, 20, np.random.default_rng(0)))
    scores = PairedF1(readings, model, np.arange(60)).of_raters(counts)
    for column in range(20):
        chosen = np.repeat(np.arange(60), counts[:, column].astype(int))
        expected = by_the_paper(readings[:, chosen], model[chosen])
        assert scores[:, column] == pytest.approx(expected, abs=1e-12)


def test_the_intervals_are_the_percentiles_of_those_resamples():
    readings, model = study_of(4)
    study = reader_study(readings, model, samples=1000, seed=7)
    differences = []
    for counts in resample_counts(60, 1000, np.random.default_rng(7)):
        scores = PairedF1(readings, model, np.arange(60)).of_raters(counts)
        differences.append(scores[-1] - scores[:-1].mean(axis=0))
    low, high = np.percentile(np.concatenate(differences), (2.5, 97.5))
    assert (study.difference.low, study.difference.high) == pytest.approx((low, high))
    assert study.significant is not (low <= 0 <= high)


def test_missing_readings_leave_only_shared_images_in_a_pair():
    readings, model = study_of(5, missing=0.3)
    study = reader_study(readings, model, samples=200)
    both = ~np.isnan(readings[0]) & ~np.isnan(readings[1])
    assert study.pairs[0, 1] == pytest.approx(f1_by_counting(readings[0, both], readings[1, both]))


def test_readers_who_share_no_image_are_not_compared_with_each_other():
    readings, model = study_of(6, readers=3)
    readings[0, 30:], readings[1, :30] = np.nan, np.nan
    study = reader_study(readings, model, samples=200)
    assert np.isnan(study.pairs[0, 1])
    assert study.references[:-1] == (2, 2, 3)
    assert study.readers_mean.value is not None


def test_a_reader_of_one_image_is_not_estimable_and_spoils_nobody_else():
    readings, model = study_of(7)
    readings[0, 1:] = np.nan
    study = reader_study(readings, model, samples=200)
    alone = reader_study(readings[1:], model, samples=200)
    assert study.readers[0].value is None
    assert "fewer than two images" in study.readers[0].reason
    assert study.readers_mean == alone.readers_mean
    assert study.difference == alone.difference


def test_a_finding_that_nobody_calls_is_not_estimable():
    study = reader_study(np.zeros((3, 20)), np.zeros(20), samples=100)
    assert study.model.value is None
    assert "0 / 0" in study.model.reason
    assert study.significant is None


def test_a_finding_on_one_image_has_scores_but_no_interval():
    readings = np.zeros((3, 50))
    readings[:, 0] = 1
    study = reader_study(readings, readings[0], samples=500)
    assert study.model.value == 1
    assert study.model.interval is None
    assert "resamples have no value" in study.model.reason


def test_patients_with_alike_images_widen_the_interval():
    readings, model = study_of(8, images=40)
    tiled, owner = np.tile(readings, 5), np.tile(np.arange(40), 5)
    by_patient = reader_study(tiled, np.tile(model, 5), owner, samples=1000).difference
    by_image = reader_study(tiled, np.tile(model, 5), samples=1000).difference
    assert by_patient.high - by_patient.low > 1.7 * (by_image.high - by_image.low)


def test_bad_readings_are_refused():
    with pytest.raises(ValueError, match=r"0 \(absent\), 1 \(present\) or NaN"):
        reader_study(np.full((2, 4), 2.0), np.zeros(4))
    with pytest.raises(ValueError, match="must have called every image"):
        reader_study(np.zeros((2, 4)), np.array([0, 1, np.nan, 0]))
    with pytest.raises(ValueError, match="at least one radiologist"):
        reader_study(np.zeros((0, 4)), np.zeros(4))
    with pytest.raises(NotEstimable, match="at least two patients"):
        reader_study(np.ones((2, 4)), np.ones(4), np.zeros(4, dtype=int))


def test_the_consensus_is_the_majority_and_a_tie_is_none():
    gap = np.nan
    readings = np.array([[1, 0, 1, gap, 1], [1, 0, 0, gap, gap], [0, gap, gap, gap, 1]])
    assert consensus(readings) == pytest.approx([1, 0, gap, gap, 1], nan_ok=True)
    assert leave_one_out_consensus(readings, 0) == pytest.approx([gap, 0, 0, gap, 1], nan_ok=True)


def exchangeable(generator, images=150):
    """Four readers and a model who are equally good: the true difference is zero."""
    truth = generator.random(images) < 0.35
    calls = np.where(generator.random((5, images)) < 0.85, truth, ~truth).astype(float)
    return calls[:4], calls[4]


def rejection_rate(studies, samples):
    generator = np.random.default_rng(12)
    return np.mean(
        [reader_study(*exchangeable(generator), samples=samples).significant for _ in range(studies)]
    )


def test_the_difference_of_equals_is_significant_about_5_times_in_100():
    # 400 studies: standard error 1.1 %, three of them either way.
    assert 0.018 <= rejection_rate(400, 400) <= 0.085


def mean_f1_coverage(studies, samples):
    """Share of studies whose interval of the model's F1 holds the F1 of a study of 60,000 images."""
    truth = by_the_paper(*exchangeable(np.random.default_rng(0), images=60_000))[-1]
    generator = np.random.default_rng(13)
    held = 0
    for _ in range(studies):
        held += not reader_study(*exchangeable(generator), samples=samples).model.excludes(truth)
    return held / studies


def test_the_interval_of_the_models_f1_covers_about_95_times_in_100():
    # 300 studies: standard error 1.3 %; percentile intervals of 150 images run a little short.
    assert 0.90 <= mean_f1_coverage(300, 400) <= 0.985


@pytest.mark.slow
def test_size_and_coverage_are_nominal_in_2000_studies():
    # Standard error 0.5 %, three of them either way.
    assert 0.035 <= rejection_rate(2000, 500) <= 0.065
    assert 0.93 <= mean_f1_coverage(2000, 500) <= 0.965
