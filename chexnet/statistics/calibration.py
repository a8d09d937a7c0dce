"""Do probabilities mean what they say? Measuring it, and Platt scaling to mend it."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chexnet.arrays import Bool, Float, Int, Num
from chexnet.statistics.arguments import binary, numbers, real, validated
from chexnet.statistics.estimate import normal_quantile
from chexnet.statistics.roc import check_no_nan, check_two_classes

Binning = Literal["width", "mass"]
"""Bins of equal width, or of an equal number of images."""


@dataclass(frozen=True)
class PlattScaling:
    """Calibrated probability = sigmoid(slope * logit + intercept) (Platt 1999).

    The slope is positive, so calibration never changes a ranking nor an AUROC.
    """

    slope: float = 1.0
    intercept: float = 0.0

    def __post_init__(self) -> None:
        if not (self.slope > 0 and np.isfinite(self.slope) and np.isfinite(self.intercept)):
            raise ValueError(f"slope must be positive and both finite, got {self.slope} and {self.intercept}")

    @property
    def is_identity(self) -> bool:
        """Whether ``apply`` is the plain sigmoid."""
        return self.slope == 1 and self.intercept == 0

    def apply(self, logits: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
        """Calibrated probabilities of raw logits."""
        return sigmoid(self.slope * logits + self.intercept)


@dataclass(frozen=True)
class ReliabilityCurve:
    """Observed frequency against mean probability, for the bins that hold any image.

    Attributes:
        low: lower end of Wilson's interval of ``observed``.
        high: its upper end.
    """

    mean_probability: Float[np.ndarray, " bins"]
    observed: Float[np.ndarray, " bins"]
    low: Float[np.ndarray, " bins"]
    high: Float[np.ndarray, " bins"]
    count: Int[np.ndarray, " bins"]


@dataclass(frozen=True)
class Reliability:
    """What a reliability diagram shows, as plain numbers that a model file can hold.

    Attributes:
        ece: expected calibration error, 15 bins of equal width.
        brier: mean squared distance of the probability from the outcome.
        mean_probability: of each point of the diagram, at most ten of equally many images.
        observed: share of each point's images that have the finding.
        low: lower end of Wilson's 95 % interval of ``observed``.
        high: its upper end.
        count: images of each point.
    """

    ece: float
    brier: float
    mean_probability: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    count: tuple[int, ...]

    def __post_init__(self) -> None:
        points = {len(self.mean_probability), len(self.observed), len(self.low), len(self.high)}
        if points != {len(self.count)}:
            raise ValueError(f"a diagram of {len(self.count)} points has columns of {points} numbers")


@validated(labels=binary, probabilities=real)
def measure_reliability(
    labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"]
) -> Reliability:
    """ECE, Brier score and reliability diagram of probabilities, to six digits.

    Raises:
        ValueError: a probability is NaN or outside [0, 1], or there is no image.
    """
    curve = reliability_curve(labels, probabilities, bins=10, binning="mass")
    return Reliability(
        ece=round(expected_calibration_error(labels, probabilities), 6),
        brier=round(brier_score(labels, probabilities), 6),
        mean_probability=_six_digits(curve.mean_probability),
        observed=_six_digits(curve.observed),
        low=_six_digits(curve.low),
        high=_six_digits(curve.high),
        count=tuple(curve.count.tolist()),
    )


def _six_digits(values: Float[np.ndarray, " bins"]) -> tuple[float, ...]:
    return tuple(round(float(value), 6) for value in values)


@validated(labels=binary, logits=real)
def fit_platt(labels: Bool[np.ndarray, " images"], logits: Float[np.ndarray, " images"]) -> PlattScaling:
    """Fit Platt scaling on validation images, never on the test set.

    The targets are Platt's, (P + 1) / (P + 2) for the P positives and 1 / (N + 2) for the N
    negatives, so the fit stays finite even where the logits separate the classes. Where the best
    slope is not positive (logits that are constant or rank worse than chance), no monotone
    scaling helps and the identity is returned: see ``PlattScaling.is_identity``.

    Raises:
        NotEstimable: only one class is present.
        ValueError: a logit is NaN or infinite.
    """
    check_two_classes(labels)
    check_no_nan(logits)
    if not np.isfinite(logits).all():
        raise ValueError("logits must be finite; a probability of exactly 0 or 1 has no logit")
    values = logits.astype(np.float64)
    spread = float(values.std())
    if spread < 1e-9 * (1 + float(np.abs(values).max())):
        return PlattScaling()
    # Standardised, so that Newton's steps do not depend on the logits' scale.
    centre = float(values.mean())
    slope, intercept = _newton((values - centre) / spread, _platt_targets(labels))
    if slope <= 0:
        return PlattScaling()
    return PlattScaling(slope / spread, intercept - slope * centre / spread)


@validated(labels=binary, probabilities=real)
def expected_calibration_error(
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    bins: int = 15,
    binning: Binning = "width",
) -> float:
    """Mean gap between probability and observed frequency, over bins weighted by their images (ECE).

    The value depends on the bins; compare only values with the same ``bins`` and ``binning``.
    """
    curve = reliability_curve(labels, probabilities, bins, binning)
    gaps = np.abs(curve.mean_probability - curve.observed)
    return float(np.sum(gaps * curve.count) / curve.count.sum())


@validated(labels=binary, probabilities=real)
def brier_score(labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"]) -> float:
    """Mean squared distance of the probability from the outcome, 0 (perfect) to 1."""
    check_probabilities(probabilities)
    return float(np.mean((probabilities.astype(np.float64) - labels) ** 2))


@validated(labels=binary, probabilities=real)
def reliability_curve(
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    bins: int = 15,
    binning: Binning = "width",
    confidence: float = 0.95,
) -> ReliabilityCurve:
    """Points of a reliability diagram, with Wilson's interval for the observed frequency.

    Raises:
        ValueError: a probability is NaN or outside [0, 1], or there is no image, or no bin.
    """
    check_probabilities(probabilities)
    if labels.size == 0 or bins < 1:
        raise ValueError(f"expected at least one image and one bin, got {labels.size} and {bins}")
    values = probabilities.astype(np.float64)
    place = _bin(values, bins, binning)
    count = np.bincount(place, minlength=bins)
    filled = count > 0
    count = count[filled]
    observed = np.bincount(place, labels, bins)[filled] / count
    mean = np.bincount(place, values, bins)[filled] / count
    low, high = wilson_interval(observed, count, confidence)
    return ReliabilityCurve(mean, observed, low, high, count)


@validated(share=numbers, count=numbers)
def wilson_interval(
    share: Float[np.ndarray, "*shape"], count: Num[np.ndarray, "*shape"], confidence: float = 0.95
) -> tuple[Float[np.ndarray, "*shape"], Float[np.ndarray, "*shape"]]:
    """Wilson's score interval (low, high) of a proportion; it stays in [0, 1] and never has width zero."""
    z2 = normal_quantile(confidence) ** 2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = np.sqrt(z2 * (share * (1 - share) / count + z2 / (4 * count**2))) / (1 + z2 / count)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


@validated(logits=numbers)
def sigmoid(logits: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """The logistic function, without overflow at either end."""
    small = np.exp(-np.abs(logits))
    probability: Float[np.ndarray, "*shape"] = np.where(logits >= 0, 1, small) / (1 + small)
    return probability


def check_probabilities(probabilities: Float[np.ndarray, " images"]) -> None:
    """Refuse numbers that are not probabilities, such as logits."""
    check_no_nan(probabilities)
    outside = (probabilities < 0) | (probabilities > 1)
    if outside.any():
        raise ValueError(
            f"{int(outside.sum())} of {probabilities.size} probabilities lie outside [0, 1], "
            f"the first is {probabilities[outside][0]}; apply a sigmoid to logits first"
        )


def _bin(values: Float[np.ndarray, " images"], bins: int, binning: Binning) -> Int[np.ndarray, " images"]:
    if binning == "width":
        return np.minimum((values * bins).astype(np.int64), bins - 1)
    edges = np.quantile(values, np.arange(1, bins) / bins)
    return np.searchsorted(edges, values, side="right")


def _platt_targets(labels: Bool[np.ndarray, " images"]) -> Float[np.ndarray, " images"]:
    positives = int(labels.sum())
    negatives = labels.size - positives
    return np.where(labels, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def _newton(x: Float[np.ndarray, " images"], targets: Float[np.ndarray, " images"]) -> tuple[float, float]:
    """Minimise the cross entropy of sigmoid(slope x + intercept) by damped Newton steps."""
    design = np.stack((x, np.ones_like(x)), axis=1)
    weights = np.array((0.0, float(np.log(targets.sum() / (1 - targets).sum()))))
    loss = _cross_entropy(design @ weights, targets)
    for _ in range(100):
        probability = sigmoid(design @ weights)
        gradient = design.T @ (probability - targets)
        # The convex loss has a finite minimum; 1e-10 an image is far below what a probability shows.
        if float(np.abs(gradient).max()) < 1e-10 * x.size:
            break
        hessian = (design * (probability * (1 - probability))[:, None]).T @ design
        step = np.linalg.solve(hessian + 1e-12 * x.size * np.eye(2), gradient)
        size = 1.0
        while size > 1e-8 and _cross_entropy(design @ (weights - size * step), targets) > loss:
            size /= 2
        weights = weights - size * step
        loss = _cross_entropy(design @ weights, targets)
    return float(weights[0]), float(weights[1])


def _cross_entropy(logits: Float[np.ndarray, " images"], targets: Float[np.ndarray, " images"]) -> float:
    return float(np.sum(np.logaddexp(0.0, logits) - targets * logits))
