import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from references import f1_by_counting
from sklearn import metrics
from test_roc import two_classes

from chexnet.statistics import (
    POLICIES,
    NotEstimable,
    confusion,
    f1_score,
    threshold_at_sensitivity,
    threshold_max_f1,
    threshold_reader_f1,
    threshold_youden,
)


@settings(max_examples=40, deadline=None)
@given(two_classes())
def test_ratios_equal_scikit_learn_and_zero_denominators_are_nan(case):
    labels, scores = case
    for threshold in (-2.0, 0.0, 0.25, 2.0):
        calls = scores >= threshold
        found = confusion(labels, scores, threshold)
        undefined = {"zero_division": np.nan}
        pairs = [
            (found.f1, metrics.f1_score(labels, calls)),
            (found.sensitivity, metrics.recall_score(labels, calls)),
            (found.specificity, metrics.recall_score(~labels, ~calls)),
            (found.ppv, metrics.precision_score(labels, calls, **undefined)),
            (found.npv, metrics.precision_score(~labels, ~calls, **undefined)),
        ]
        for ours, theirs in pairs:
            assert ours == pytest.approx(theirs, nan_ok=True)


def test_an_image_at_the_threshold_is_called():
    assert confusion(np.array([True]), np.array([0.5]), 0.5).true_positives == 1


@given(two_classes())
def test_no_threshold_has_a_higher_f1(case):
    labels, scores = case
    chosen = threshold_max_f1(labels, scores)
    best = max(f1_by_counting(labels, scores >= one) for one in np.unique(scores))
    assert f1_score(labels, scores >= chosen) == pytest.approx(best)


@given(two_classes())
def test_no_threshold_has_a_higher_youden_index(case):
    labels, scores = case

    def index(threshold):
        found = confusion(labels, scores, threshold)
        return found.sensitivity + found.specificity - 1

    assert index(threshold_youden(labels, scores)) == pytest.approx(
        max(index(one) for one in np.unique(scores))
    )


@given(two_classes())
def test_the_sensitivity_is_reached_and_not_at_any_higher_threshold(case):
    labels, scores = case
    chosen = threshold_at_sensitivity(labels, scores, 0.9)
    assert confusion(labels, scores, chosen).sensitivity >= 0.9 - 1e-9
    for higher in np.unique(scores[scores > chosen]):
        assert confusion(labels, scores, float(higher)).sensitivity < 0.9


@given(two_classes())
def test_with_one_label_an_image_the_papers_f1_is_f1_against_that_label(case):
    labels, scores = case
    assert POLICIES["reader_f1"](labels, scores) == threshold_max_f1(labels, scores)


@st.composite
def several_readers(draw):
    readers, images = draw(st.integers(1, 4)), draw(st.integers(2, 12))
    readings = draw(arrays(float, (readers, images), elements=st.sampled_from([0.0, 1.0, np.nan])))
    # Tied scores are the case that goes wrong.
    scores = draw(arrays(float, images, elements=st.sampled_from([0.1, 0.2, 0.5, 0.9])))
    return readings, scores


def mean_f1(readings, calls):
    """Section 4.1 as it stands: F1 against each reader on the images that reader read, and the mean."""
    scores = []
    for reading in readings:
        known = ~np.isnan(reading)
        score = f1_by_counting(reading[known] == 1, calls[known])
        scores.append(0.0 if np.isnan(score) else score)
    return np.mean(scores)


@given(several_readers())
def test_no_threshold_has_a_higher_mean_f1_against_the_readers(case):
    readings, scores = case
    given_readings = readings[~np.isnan(readings)]
    if not (given_readings == 1).any() or not (given_readings == 0).any():
        with pytest.raises(NotEstimable):
            threshold_reader_f1(readings, scores)
        return
    chosen = threshold_reader_f1(readings, scores)
    reached = {one: mean_f1(readings, scores >= one) for one in np.unique(scores)}
    # The mean of four F1s may differ in its last bit with the order of addition.
    assert reached[chosen] == pytest.approx(max(reached.values()), abs=1e-12)
    assert all(reached[one] < reached[chosen] + 1e-12 for one in reached if one > chosen)


def test_readers_who_disagree_move_the_threshold():
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4])
    strict = np.array([1.0, 0, 0, 0, 0, 0])
    lenient = np.array([1.0, 1, 1, 1, 1, 0])
    assert threshold_reader_f1(np.stack((strict, lenient)), scores) == 0.9
    assert threshold_reader_f1(np.stack((strict, lenient, lenient)), scores) == 0.5


def test_nine_of_ten_positives_are_enough_for_a_sensitivity_of_0_9():
    labels = np.ones(10, dtype=bool)
    assert threshold_at_sensitivity(labels, np.arange(10.0), 0.9) == 1.0


def test_thresholds_need_positives_and_a_possible_sensitivity():
    none = np.zeros(4, dtype=bool)
    for choose in POLICIES.values():
        with pytest.raises(NotEstimable):
            choose(none, np.arange(4.0))
    with pytest.raises(ValueError, match="sensitivity must lie"):
        threshold_at_sensitivity(~none, np.arange(4.0), 90.0)
    with pytest.raises(ValueError, match="threshold is NaN"):
        confusion(none, np.arange(4.0), float("nan"))
