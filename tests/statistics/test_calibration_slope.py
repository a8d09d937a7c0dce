"""Calibration against R's glm, a sandwich written out, and known distortions."""

import numpy as np
import pytest

from chexnet.statistics import NotEstimable, calibration_curve, measure_calibration


def example():
    """600 images of 200 patients; the same numbers are easily made in R."""
    i = np.arange(600)
    p = (i + 0.5) / 600
    return ((i * 7919) % 1000) / 1000 < p**1.5, p, i // 3


def test_slope_intercept_and_ratio_are_those_of_r():
    labels, p, patients = example()
    measured = measure_calibration(labels, p, patients)
    # R: i <- 0:599; p <- (i + 0.5) / 600; y <- as.integer(((i * 7919) %% 1000) / 1000 < p^1.5)
    # R: coef(glm(y ~ qlogis(p), binomial))[2]; coef(glm(y ~ offset(qlogis(p)), binomial)); sum(y) / sum(p)
    assert measured.slope.value == pytest.approx(1.13521033, rel=1e-6)
    assert measured.intercept.value == pytest.approx(-0.54534866, rel=1e-6)
    assert measured.observed_to_expected.value == pytest.approx(0.82, rel=1e-8)
    # R: f <- glm(y ~ qlogis(p), binomial); S <- rowsum(model.matrix(f) * (y - fitted(f)), i %/% 3)
    # glm keeps the weights of its last step but one, hence four digits.
    # R: sqrt(diag(vcov(f) %*% crossprod(S) %*% vcov(f) * 200 / 199))[2]
    assert (measured.slope.high - measured.slope.value) / 1.959964 == pytest.approx(0.12708040, rel=1e-4)


def drawn(seed, number, slope=1.0, shift=0.0):
    generator = np.random.default_rng(seed)
    logits = generator.normal(-1, 1.5, number)
    labels = generator.random(number) < 1 / (1 + np.exp(-(slope * logits + shift)))
    return labels, 1 / (1 + np.exp(-logits))


def test_overconfidence_shows_in_the_slope_and_a_shift_in_intercept_and_ratio():
    extreme = measure_calibration(*drawn(0, 20_000, slope=0.7))
    assert extreme.slope.low < 0.7 < extreme.slope.high < 1
    high = measure_calibration(*drawn(1, 20_000, shift=-0.5))
    assert high.intercept.low < -0.5 < high.intercept.high < 0
    assert high.observed_to_expected.high < 1
    assert high.slope.low < 1 < high.slope.high


def test_the_intervals_cover():
    held = np.zeros(3)
    for seed in range(300):
        measured = measure_calibration(*drawn(seed, 400))
        for place, (estimate, truth) in enumerate(
            [(measured.slope, 1), (measured.intercept, 0), (measured.observed_to_expected, 1)]
        ):
            held[place] += estimate.low <= truth <= estimate.high
    # Standard error 1.3 %.
    assert (held / 300 >= 0.915).all()


def test_the_curve_follows_a_known_distortion_within_its_band():
    labels, p = drawn(3, 30_000, slope=0.6, shift=0.2)
    curve = calibration_curve(labels, p)
    logits = np.log(curve.probability / (1 - curve.probability))
    truth = 1 / (1 + np.exp(-(0.6 * logits + 0.2)))
    assert np.abs(curve.observed - truth).max() < 0.03
    assert np.mean((curve.low <= truth) & (truth <= curve.high)) > 0.8
    assert (curve.low <= curve.observed).all()
    assert (curve.observed <= curve.high).all()
    assert curve.mean_error == pytest.approx(
        np.mean(np.abs(1 / (1 + np.exp(-(0.6 * np.log(p / (1 - p)) + 0.2))) - p)), abs=0.01
    )


def test_images_of_a_patient_add_no_certainty():
    labels, p = drawn(5, 500)
    once = measure_calibration(labels, p)
    thrice = measure_calibration(np.tile(labels, 3), np.tile(p, 3), np.tile(np.arange(500), 3))
    assert thrice.slope.interval == pytest.approx(once.slope.interval, rel=1e-6)
    assert thrice.observed_to_expected.interval == pytest.approx(once.observed_to_expected.interval, rel=1e-6)


def test_few_positives_give_a_straight_line_and_separation_is_refused():
    labels, p = drawn(6, 60)
    curve = calibration_curve(np.where(np.cumsum(labels) <= 8, labels, False), p)
    steps = np.diff(np.log(curve.observed / (1 - curve.observed))) / np.diff(
        np.log(curve.probability / (1 - curve.probability))
    )
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    with pytest.raises(NotEstimable, match="separated"):
        measure_calibration([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
