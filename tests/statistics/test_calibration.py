import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from chexnet.statistics import (
    NotEstimable,
    PlattScaling,
    Reliability,
    brier_score,
    expected_calibration_error,
    fit_platt,
    measure_reliability,
    reliability_curve,
    sigmoid,
    wilson_interval,
)


def miscalibrated(seed=0, images=20_000, slope=0.5, intercept=-2.0):
    """Logits whose calibrated form is known: P(positive) = sigmoid(slope * logit + intercept)."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, images)
    labels = generator.random(images) < 1 / (1 + np.exp(-(slope * logits + intercept)))
    return labels, logits


def test_platt_scaling_recovers_the_scaling_that_made_the_labels():
    labels, logits = miscalibrated()
    scaling = fit_platt(labels, logits)
    # Standard errors of the fit on 20,000 images are about 0.01 and 0.03.
    assert scaling.slope == pytest.approx(0.5, abs=0.04)
    assert scaling.intercept == pytest.approx(-2.0, abs=0.1)


def test_platt_scaling_is_the_minimum_that_scipy_finds():
    from scipy.optimize import minimize

    labels, logits = miscalibrated(images=500)
    positives = labels.sum()
    targets = np.where(labels, (positives + 1) / (positives + 2), 1 / (500 - positives + 2))

    def loss(weights):
        z = weights[0] * logits + weights[1]
        return np.sum(np.logaddexp(0, z) - targets * z)

    best = minimize(loss, (1.0, 0.0), tol=1e-12).x
    scaling = fit_platt(labels, logits)
    # BFGS stops when its numerical gradient does.
    assert (scaling.slope, scaling.intercept) == pytest.approx(tuple(best), abs=1e-4)


def test_platt_scaling_mends_a_miscalibrated_model():
    labels, logits = miscalibrated(1)
    scaling = fit_platt(*miscalibrated(2))
    assert expected_calibration_error(labels, sigmoid(logits)) > 0.2
    # An ideal model of 20,000 images in 15 bins shows about 0.01 by chance.
    assert expected_calibration_error(labels, scaling.apply(logits)) < 0.02


def test_separable_logits_do_not_diverge():
    labels = np.arange(100) < 50
    scaling = fit_platt(labels, np.where(labels, 5.0, -5.0))
    probabilities = scaling.apply(np.array([-5.0, 5.0]))
    # Platt's targets: 1/52 and 51/52.
    assert probabilities == pytest.approx([1 / 52, 51 / 52], abs=1e-6)


@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_the_calibrated_probability_does_not_depend_on_the_logits_scale(seed, scale, shift):
    labels, logits = miscalibrated(seed, images=200)
    if labels.all() or not labels.any():
        return
    once = fit_platt(labels, logits).apply(logits)
    again = fit_platt(labels, scale * logits + shift).apply(scale * logits + shift)
    # Newton stops at a gradient of 1e-10 an image.
    np.testing.assert_allclose(once, again, atol=1e-6)


@pytest.mark.parametrize("logits", [np.zeros(10), np.where(np.arange(10) < 5, -2.0, 2.0)])
def test_logits_that_cannot_be_helped_keep_the_identity(logits):
    assert fit_platt(np.arange(10) < 5, logits).is_identity


def test_one_class_cannot_be_calibrated():
    with pytest.raises(NotEstimable):
        fit_platt(np.zeros(5, dtype=bool), np.arange(5.0))


def test_infinite_logits_are_refused():
    with pytest.raises(ValueError, match="finite"):
        fit_platt(np.array([True, False]), np.array([np.inf, 0.0]))


@pytest.mark.parametrize("slope", [0.0, -1.0, np.nan, np.inf])
def test_a_scaling_that_would_change_the_ranking_cannot_exist(slope):
    with pytest.raises(ValueError, match="positive"):
        PlattScaling(slope, 0.0)


def test_the_sigmoid_does_not_overflow():
    with np.errstate(over="raise", invalid="raise"):
        assert sigmoid(np.array([-1000.0, 0.0, 1000.0])).tolist() == [0, 0.5, 1]


@pytest.mark.parametrize(("binning", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_the_reliability_curve_equals_scikit_learn(binning, strategy):
    labels, logits = miscalibrated(images=1000)
    probabilities = sigmoid(logits)
    curve = reliability_curve(labels, probabilities, 10, binning)
    observed, mean = calibration_curve(labels, probabilities, n_bins=10, strategy=strategy)
    # Edges of the bins may be rounded differently; no simulated probability sits on one.
    np.testing.assert_allclose(curve.observed, observed, atol=1e-12)
    np.testing.assert_allclose(curve.mean_probability, mean, atol=1e-12)


def test_ece_of_a_hand_counted_case():
    labels = np.array([True, False, False, True])
    probabilities = np.array([0.9, 0.9, 0.1, 0.1])
    assert expected_calibration_error(labels, probabilities, bins=2) == pytest.approx(0.4)


def test_a_probability_of_one_falls_into_the_last_bin():
    curve = reliability_curve(np.array([True, False]), np.array([1.0, 0.0]), bins=15)
    assert curve.count.tolist() == [1, 1]


def test_brier_score_equals_scikit_learn():
    labels, logits = miscalibrated(images=1000)
    assert brier_score(labels, sigmoid(logits)) == pytest.approx(
        brier_score_loss(labels, sigmoid(logits)), abs=1e-12
    )


def test_wilson_interval_equals_scipy():
    from scipy.stats import binomtest

    low, high = wilson_interval(np.array([0.0, 0.3, 1.0]), np.array([10, 10, 10]))
    for k, one_low, one_high in zip((0, 3, 10), low, high, strict=True):
        expected = binomtest(k, 10).proportion_ci(method="wilson")
        assert (one_low, one_high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_logits_are_not_mistaken_for_probabilities():
    with pytest.raises(ValueError, match="apply a sigmoid"):
        brier_score(np.array([True, False]), np.array([2.5, -1.0]))


def test_a_measured_reliability_is_the_diagram_and_the_scores():
    labels, logits = miscalibrated(3, images=500)
    probabilities = sigmoid(logits)
    measured = measure_reliability(labels, probabilities)
    curve = reliability_curve(labels, probabilities, 10, "mass")
    # Six digits are stored.
    assert measured.ece == pytest.approx(expected_calibration_error(labels, probabilities), abs=1e-6)
    assert measured.brier == pytest.approx(brier_score(labels, probabilities), abs=1e-6)
    for name in ("mean_probability", "observed", "low", "high"):
        np.testing.assert_allclose(getattr(measured, name), getattr(curve, name), atol=1e-6)
    assert measured.count == tuple(curve.count)
    assert sum(measured.count) == 500


def test_a_diagram_whose_columns_differ_in_length_is_refused():
    with pytest.raises(ValueError, match="a diagram of 1 points has columns of"):
        Reliability(0.1, 0.1, (0.5, 0.6), (0.5, 0.6), (0.4, 0.5), (0.6, 0.7), (10,))
