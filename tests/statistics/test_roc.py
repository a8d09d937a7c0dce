import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import auroc_by_pairs, average_precision_by_thresholds
from sklearn import metrics

from chexnet.statistics import (
    NotEstimable,
    auroc,
    average_precision,
    precision_recall_curve,
    roc_curve,
)


@st.composite
def two_classes(draw, largest=40):
    """Labels with both classes, and scores on a coarse grid so that ties are common."""
    labels = draw(st.lists(st.booleans(), min_size=2, max_size=largest).filter(lambda x: len(set(x)) == 2))
    grid = st.integers(-4, 4).map(lambda x: x / 4)
    scores = draw(st.lists(grid, min_size=len(labels), max_size=len(labels)))
    return np.array(labels), np.array(scores, dtype=np.float64)


@given(two_classes())
def test_auroc_is_the_share_of_pairs_won(case):
    labels, scores = case
    # Both are one division of exact halves.
    assert auroc(labels, scores) == pytest.approx(auroc_by_pairs(labels, scores), abs=1e-15)


@given(two_classes())
def test_auroc_equals_scikit_learn(case):
    labels, scores = case
    # scikit-learn sums trapezoids in floating point.
    assert auroc(labels, scores) == pytest.approx(metrics.roc_auc_score(labels, scores), abs=1e-12)


@given(two_classes())
def test_negating_the_scores_mirrors_the_auroc(case):
    labels, scores = case
    assert auroc(labels, -scores) == pytest.approx(1 - auroc(labels, scores), abs=1e-15)


@given(two_classes())
def test_a_monotone_change_of_scores_leaves_the_auroc_alone(case):
    labels, scores = case
    assert auroc(labels, np.exp(3 * scores)) == auroc(labels, scores)


def test_a_constant_score_has_auroc_one_half():
    assert auroc(np.array([True, False, False]), np.full(3, 0.2)) == 0.5


def test_infinite_scores_are_ranked():
    labels = np.array([True, True, False, False])
    assert auroc(labels, np.array([np.inf, np.inf, np.inf, -np.inf])) == 0.75
    assert average_precision(labels, np.array([np.inf, np.inf, np.inf, -np.inf])) == pytest.approx(2 / 3)


@given(two_classes())
def test_average_precision_equals_its_definition_and_scikit_learn(case):
    labels, scores = case
    # Sums of at most 40 quotients.
    assert average_precision(labels, scores) == pytest.approx(
        average_precision_by_thresholds(labels, scores), abs=1e-14
    )
    assert average_precision(labels, scores) == pytest.approx(
        metrics.average_precision_score(labels, scores), abs=1e-12
    )


@given(two_classes())
def test_the_roc_curve_has_the_area_that_auroc_says(case):
    labels, scores = case
    curve = roc_curve(labels, scores)
    area = np.trapezoid(curve.sensitivity, curve.false_positive_rate)
    assert area == pytest.approx(auroc(labels, scores), abs=1e-12)
    assert (curve.false_positive_rate[0], curve.sensitivity[0]) == (0, 0)
    assert (curve.false_positive_rate[-1], curve.sensitivity[-1]) == (1, 1)


@given(two_classes())
def test_each_point_of_the_precision_recall_curve_is_what_its_threshold_gives(case):
    labels, scores = case
    curve = precision_recall_curve(labels, scores)
    for precision, recall, threshold in zip(curve.precision, curve.recall, curve.thresholds, strict=True):
        calls = scores >= threshold
        assert precision == pytest.approx(metrics.precision_score(labels, calls))
        assert recall == pytest.approx(metrics.recall_score(labels, calls))


@pytest.mark.parametrize("measure", [auroc, average_precision, roc_curve, precision_recall_curve])
@pytest.mark.parametrize(
    ("labels", "reason"),
    [([True, True], "positive"), ([False, False], "none of the 2"), ([], "no labelled image")],
)
def test_one_class_is_not_estimable_and_says_why(measure, labels, reason):
    with pytest.raises(NotEstimable, match=reason):
        measure(np.array(labels, dtype=bool), np.linspace(0, 1, len(labels)))


@pytest.mark.parametrize("measure", [auroc, average_precision])
def test_nan_scores_are_refused(measure):
    with pytest.raises(ValueError, match="1 of 3 scores are NaN"):
        measure(np.array([True, False, True]), np.array([0.1, np.nan, 0.3]))


def test_float16_scores_are_ranked_as_they_are():
    labels = np.array([True, False, True, False])
    scores = np.array([0.5, 0.25, 0.125, 0.0625], dtype=np.float16)
    assert auroc(labels, scores) == 0.75
