import numpy as np
import pytest

from chexnet.statistics import NotEstimable, auroc, partial_auroc, sensitivity_at_specificity


def example():
    """200 images; the same numbers are easily made in R."""
    i = np.arange(200)
    labels = (i * 37) % 100 < 30
    return labels, np.round((i * 7919 % 997) / 997 + 0.35 * labels, 2)


def test_the_areas_are_those_of_r():
    labels, scores = example()
    # R: i <- 0:199; y <- as.integer((i * 37) %% 100 < 30)
    # R: s <- round(((i * 7919) %% 997) / 997 + 0.35 * y, 2); library(pROC)
    # R: auc(y, s, partial.auc = c(1, 0.9)), also with partial.auc.correct = TRUE
    measured = partial_auroc(labels, scores, 0.9, samples=200)
    assert auroc(labels, scores) == pytest.approx(0.7460714286, abs=1e-9)
    assert measured.area.value == pytest.approx(0.03654761905, abs=1e-9)
    assert measured.standardised.value == pytest.approx(0.6660401003, abs=1e-9)
    assert measured.standardised.low < measured.standardised.value < measured.standardised.high


def test_sensitivity_at_a_specificity_is_that_of_r():
    labels, scores = example()
    # R: x <- coords(roc(y, s), "all"); max(x$sensitivity[x$specificity >= 0.9])
    assert sensitivity_at_specificity(labels, scores, 0.9, samples=200).value == pytest.approx(0.45)
    assert sensitivity_at_specificity(labels, scores, 0.8, samples=200).value == pytest.approx(0.5333333)


def test_the_whole_curve_is_the_auroc_and_a_perfect_score_is_one():
    labels, scores = example()
    assert partial_auroc(labels, scores, 0.0, samples=50).area.value == pytest.approx(auroc(labels, scores))
    perfect = partial_auroc(labels, labels.astype(float), 0.9, samples=50)
    assert perfect.standardised.value == pytest.approx(1)
    assert perfect.standardised.reason is not None


def test_images_of_a_patient_add_no_certainty():
    labels, scores = example()
    patients = np.tile(np.arange(200), 3)
    once = sensitivity_at_specificity(labels, scores, 0.9, np.arange(200))
    thrice = sensitivity_at_specificity(np.tile(labels, 3), np.tile(scores, 3), 0.9, patients)
    assert thrice == once


def test_wrong_requests_are_named():
    labels, scores = example()
    with pytest.raises(ValueError, match="specificity in"):
        partial_auroc(labels, scores, 90.0)
    with pytest.raises(NotEstimable):
        sensitivity_at_specificity(np.ones(5, dtype=bool), np.arange(5.0))
