"""The same test elsewhere: predictive values and probabilities where the finding is rarer or more common.

Sensitivity and specificity carry over where the patients differ only in how many have the finding; predictive
values and probabilities do not, and follow from Bayes' theorem.
"""

import math
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Float
from chexnet.statistics.arguments import numbers, validated
from chexnet.statistics.calibration import check_probabilities
from chexnet.statistics.estimate import Estimate
from chexnet.statistics.proportions import Rates


@dataclass(frozen=True)
class PredictiveValues:
    """What a call is worth at a stated prevalence.

    Attributes:
        positive_likelihood_ratio: sensitivity / (1 - specificity).
        negative_likelihood_ratio: (1 - sensitivity) / specificity.
    """

    prevalence: float
    ppv: Estimate
    npv: Estimate
    positive_likelihood_ratio: Estimate
    negative_likelihood_ratio: Estimate


def predictive_values(measured: Rates, prevalence: float) -> PredictiveValues:
    """PPV, NPV and likelihood ratios from the measured sensitivity and specificity.

    The interval of a ratio combines those of its two shares (method of variance estimates recovery), which
    also exists where no negative image is called. The prevalence is taken as known.

    Args:
        measured: of ``rates``; its intervals are by patient, and so are these.

    Raises:
        ValueError: the prevalence is not strictly between 0 and 1.
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"expected a prevalence between 0 and 1, got {prevalence}; 5 % is 0.05")
    odds = prevalence / (1 - prevalence)
    positive = _ratio(measured.sensitivity, measured.overdiagnosis)
    # NPV follows from specificity / (1 - sensitivity), the inverse of the negative likelihood ratio.
    negative = _ratio(measured.specificity, measured.underdiagnosis)
    return PredictiveValues(
        prevalence,
        ppv=_share(positive, odds),
        npv=_share(negative, 1 / odds),
        positive_likelihood_ratio=positive,
        negative_likelihood_ratio=_ratio(measured.underdiagnosis, measured.specificity),
    )


@validated(probabilities=numbers)
def rebase(
    probabilities: Float[np.ndarray, "*shape"], prevalence: float, new_prevalence: float
) -> Float[np.ndarray, "*shape"]:
    """Calibrated probabilities at another prevalence: their odds times the ratio of the prevalences' odds.

    Raises:
        ValueError: a probability is outside [0, 1] or NaN, or a prevalence is not strictly inside.
    """
    check_probabilities(probabilities.ravel())
    for one in (prevalence, new_prevalence):
        if not 0 < one < 1:
            raise ValueError(f"expected a prevalence between 0 and 1, got {one}; 5 % is 0.05")
    factor = new_prevalence / (1 - new_prevalence) * (1 - prevalence) / prevalence
    values = probabilities.astype(np.float64)
    rebased: Float[np.ndarray, "*shape"] = factor * values / (1 - values + factor * values)
    return rebased


def _ratio(top: Estimate, bottom: Estimate) -> Estimate:
    """The ratio of two independent shares (Li, Tang and Wong, Computational Statistics 29, 2014)."""
    if top.value is None or bottom.value is None:
        return Estimate(None, reason=top.reason or bottom.reason)
    value = top.value / bottom.value if bottom.value else math.inf
    if top.interval is None or bottom.interval is None:
        return Estimate(value, reason=top.reason or bottom.reason)
    a, b = top.value, bottom.value
    low = _end(a, b, top.interval[0], bottom.interval[1], -1.0)
    high = _end(a, b, top.interval[1], bottom.interval[0], 1.0)
    return Estimate(value, low, high)


def _end(a: float, b: float, top: float, bottom: float, sign: float) -> float:
    if bottom == 0:
        return math.inf
    root = (a * b) ** 2 - top * (2 * a - top) * bottom * (2 * b - bottom)
    divisor = bottom * (2 * b - bottom)
    if abs(divisor) < 1e-12:
        # The limit of the quotient where the far end is twice the share.
        return top * (2 * a - top) / (2 * a * b) if a * b else 0.0
    return max((a * b + sign * math.sqrt(max(root, 0.0))) / divisor, 0.0)


def _share(ratio: Estimate, odds: float) -> Estimate:
    """The probability whose odds are ``ratio * odds``."""

    def of(one: float) -> float:
        return 1.0 if math.isinf(one) else one * odds / (1 + one * odds)

    if ratio.value is None or ratio.interval is None:
        return Estimate(None if ratio.value is None else of(ratio.value), reason=ratio.reason)
    return Estimate(of(ratio.value), of(ratio.interval[0]), of(ratio.interval[1]))
