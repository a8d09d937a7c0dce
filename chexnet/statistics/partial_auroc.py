"""The part of the ROC curve that a use can afford: partial area, and sensitivity at a fixed specificity."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import clusters_of, percentile_interval, resample_counts
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.roc import check_no_nan, check_two_classes

_Curve = tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]
"""False positive rate and sensitivity, from (0, 0) to (1, 1)."""


@dataclass(frozen=True)
class PartialAuroc:
    """Area under the ROC curve above a specificity.

    Attributes:
        area: between 0 and 1 - specificity.
        standardised: McClish's (Medical Decision Making 9, 1989): 0.5 for a useless score, 1 for a perfect.
    """

    area: Estimate
    standardised: Estimate


@validated(labels=binary, scores=real, patients=identities)
def partial_auroc(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    specificity: float = 0.9,
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> PartialAuroc:
    """Partial area for specificities from ``specificity`` to 1, with bootstrap intervals over patients.

    Raises:
        NotEstimable: only one class is present.
        ValueError: the specificity is not in [0, 1), or a score is NaN.
    """
    if not 0 <= specificity < 1:
        raise ValueError(f"expected a specificity in [0, 1), got {specificity}")
    limit = 1 - specificity

    def area(curve: _Curve) -> float:
        return _area_up_to(limit, *curve)

    estimate = _resampled(area, labels, scores, patients, samples, confidence, seed)
    useless = limit**2 / 2

    def standard(value: float) -> float:
        return (1 + (value - useless) / (limit - useless)) / 2

    low, high = (None, None) if estimate.interval is None else map(standard, estimate.interval)
    return PartialAuroc(estimate, Estimate(standard(estimate.value or 0.0), low, high, estimate.reason))


@validated(labels=binary, scores=real, patients=identities)
def sensitivity_at_specificity(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    specificity: float = 0.9,
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """Highest sensitivity with at least this specificity on these images; the threshold is drawn again too.

    It is a property of the ROC curve. A threshold that comes from other images reaches less exactly what it
    aims at: see ``operating_point``.

    Raises:
        NotEstimable: only one class is present.
        ValueError: the specificity is not in [0, 1], or a score is NaN.
    """
    if not 0 <= specificity <= 1:
        raise ValueError(f"expected a specificity in [0, 1], got {specificity}")

    def highest(curve: _Curve) -> float:
        false_positive_rate, sensitivity = curve
        return float(sensitivity[np.flatnonzero(false_positive_rate <= 1 - specificity + 1e-9)[-1]])

    return _resampled(highest, labels, scores, patients, samples, confidence, seed)


def _resampled(
    measure: Callable[[_Curve], float],
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None,
    samples: int,
    confidence: float,
    seed: int,
) -> Estimate:
    check_two_classes(labels)
    check_no_nan(scores)
    order = np.argsort(-scores, kind="stable")
    ordered, positive = scores[order], labels[order]
    owner = clusters_of(patients, labels.size)[order]
    last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), ordered.size - 1)

    def curve(weights: Float[np.ndarray, " images"]) -> _Curve | None:
        right, every = np.cumsum(weights * positive)[last], np.cumsum(weights)[last]
        if not 0 < right[-1] < every[-1]:
            return None
        wrong = every - right
        return np.append(0.0, wrong / wrong[-1]), np.append(0.0, right / right[-1])

    whole = curve(np.ones(labels.size))
    assert whole is not None
    value = measure(whole)
    values = []
    try:
        for block in resample_counts(int(owner.max()) + 1, samples, np.random.default_rng(seed), block=16):
            curves = [curve(weights) for weights in block[owner].T.astype(np.float64)]
            values += [float("nan") if one is None else measure(one) for one in curves]
        return Estimate(value, *percentile_interval(np.array(values), confidence))
    except NotEstimable as error:
        return Estimate(value, reason=str(error))


def _area_up_to(
    limit: float, false_positive_rate: Float[np.ndarray, " points"], sensitivity: Float[np.ndarray, " points"]
) -> float:
    inside = false_positive_rate <= limit
    end = float(np.interp(limit, false_positive_rate, sensitivity))
    # Where the curve rises at the limit itself, interpolation may take any point of the step.
    x = np.append(false_positive_rate[inside], limit)
    y = np.append(sensitivity[inside], max(end, float(sensitivity[inside][-1])))
    return float(np.sum(np.diff(x) * (y[1:] + y[:-1]) / 2))
