"""Are probabilities too extreme, too high or too low? Slope, intercept, O:E and a smooth curve with its band.

The expected calibration error averages over the images, most of which are easy; it stays small where the
probabilities of the rest are far too extreme. The slope does not (Van Calster et al., BMC Medicine 17, 2019).
"""

import math
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import clusters_of
from chexnet.statistics.calibration import check_probabilities, sigmoid
from chexnet.statistics.estimate import Estimate, normal_quantile
from chexnet.statistics.few_positives import patients_of_classes
from chexnet.statistics.logistic import LogisticFit, fit_logistic
from chexnet.statistics.roc import check_two_classes

_NEAREST = 1e-6
"""Probabilities closer to 0 or 1 are moved here, where the log-odds are finite."""

_KNOTS = ((100, (0.05, 0.275, 0.5, 0.725, 0.95)), (20, (0.1, 0.5, 0.9)))
"""Quantiles of the spline's knots, by the patients in the smaller class (Harrell); a straight line below."""

_POINTS = 101


@dataclass(frozen=True)
class CalibrationCurve:
    """Observed frequency as a smooth function of the probability.

    Attributes:
        probability: 101 points between the 0.5th and 99.5th percentile of the probabilities.
        observed: the fitted frequency.
        low, high: pointwise confidence band.
        mean_error: mean distance of curve and diagonal over the images (integrated calibration index).
    """

    probability: Float[np.ndarray, " points"]
    observed: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    high: Float[np.ndarray, " points"]
    mean_error: float


@dataclass(frozen=True)
class CalibrationMeasures:
    """How far probabilities are from frequencies, each with its interval by patient.

    Attributes:
        slope: of the outcome's log-odds on the probability's; 1 is right, below 1 the probabilities are too
            extreme (overconfident), above 1 not extreme enough.
        intercept: log-odds to be added to every probability; 0 is right, below 0 they are too high.
        observed_to_expected: number of positive images over the sum of the probabilities; 1 is right.
    """

    slope: Estimate
    intercept: Estimate
    observed_to_expected: Estimate


@validated(labels=binary, probabilities=real, patients=identities)
def measure_calibration(
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    confidence: float = 0.95,
) -> CalibrationMeasures:
    """Slope, intercept (calibration in the large) and O:E.

    Raises:
        NotEstimable: only one class is present, or the probabilities separate the classes.
        ValueError: a probability is NaN or outside [0, 1].
    """
    logits, owner = _prepare(labels, probabilities, patients)
    ones = np.ones((labels.size, 1))
    sloped = fit_logistic(np.column_stack((ones, logits)), labels, owner)
    shifted = fit_logistic(ones, labels, owner, offset=logits)
    return CalibrationMeasures(
        slope=_coefficient(sloped, 1, confidence),
        intercept=_coefficient(shifted, 0, confidence),
        observed_to_expected=_observed_to_expected(labels, probabilities, owner, confidence),
    )


@validated(labels=binary, probabilities=real, patients=identities)
def calibration_curve(
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    confidence: float = 0.95,
) -> CalibrationCurve:
    """A logistic regression on restricted cubic splines of the log-odds, with its band by patient.

    Five knots with 100 patients in the smaller class, three with 20, a straight line on the log-odds below.

    Raises:
        NotEstimable: only one class is present, or the probabilities separate the classes.
        ValueError: a probability is NaN or outside [0, 1].
    """
    logits, owner = _prepare(labels, probabilities, patients)
    fewest = min(patients_of_classes(labels, patients))
    quantiles = next((shares for needed, shares in _KNOTS if fewest >= needed), ())
    knots = np.unique(np.quantile(logits, quantiles)) if quantiles else np.array([])
    fit = fit_logistic(_splines(logits, knots), labels, owner)
    first, last = np.quantile(probabilities.astype(np.float64), (0.005, 0.995))
    points = np.linspace(float(first), float(last), _POINTS)
    design = _splines(_logits(points), knots)
    fitted, half = fit.logits(design), normal_quantile(confidence) * fit.errors(design)
    gaps = np.abs(sigmoid(fit.logits(_splines(logits, knots))) - probabilities)
    return CalibrationCurve(
        points, sigmoid(fitted), sigmoid(fitted - half), sigmoid(fitted + half), float(gaps.mean())
    )


def _prepare(
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None,
) -> tuple[Float[np.ndarray, " images"], Int[np.ndarray, " images"]]:
    check_two_classes(labels)
    check_probabilities(probabilities)
    return _logits(probabilities), clusters_of(patients, labels.size)


def _logits(probabilities: Float[np.ndarray, " images"]) -> Float[np.ndarray, " images"]:
    inside = np.clip(probabilities.astype(np.float64), _NEAREST, 1 - _NEAREST)
    logits: Float[np.ndarray, " images"] = np.log(inside / (1 - inside))
    return logits


def _coefficient(fit: LogisticFit, term: int, confidence: float) -> Estimate:
    value = float(fit.coefficients[term])
    half = normal_quantile(confidence) * math.sqrt(float(fit.covariance[term, term]))
    return Estimate(value, value - half, value + half)


def _observed_to_expected(
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    owner: Int[np.ndarray, " images"],
    confidence: float,
) -> Estimate:
    """A ratio of sums over patients, with its interval on the log scale (delta method)."""
    expected = float(probabilities.sum(dtype=np.float64))
    ratio = float(labels.sum()) / expected
    patients = int(owner.max()) + 1
    residuals = np.bincount(owner, labels - ratio * probabilities, patients)
    error = math.sqrt(float(np.sum(residuals**2)) * patients / max(patients - 1, 1)) / float(labels.sum())
    factor = math.exp(normal_quantile(confidence) * error)
    return Estimate(ratio, ratio / factor, ratio * factor)


def _splines(
    x: Float[np.ndarray, " images"], knots: Float[np.ndarray, " knots"]
) -> Float[np.ndarray, "images terms"]:
    """Restricted cubic splines: cubic between the knots, straight beyond the outer ones (Harrell)."""
    columns = [np.ones_like(x), x]
    if knots.size >= 3:
        last, before = knots[-1], knots[-2]
        for knot in knots[:-2]:
            bent = (
                _cubed(x - knot)
                - _cubed(x - before) * (last - knot) / (last - before)
                + _cubed(x - last) * (before - knot) / (last - before)
            )
            columns.append(bent / (last - knots[0]) ** 2)
    return np.stack(columns, axis=1)


def _cubed(x: Float[np.ndarray, " images"]) -> Float[np.ndarray, " images"]:
    return np.maximum(x, 0.0) ** 3
