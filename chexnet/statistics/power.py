"""How large must a study be? Power of a paired comparison of AUROCs and of a reader study.

The numbers assume one image per patient; multiply by ``design_effect`` where patients have several.
"""

import math
from dataclasses import dataclass

import numpy as np

from chexnet.statistics.estimate import check_confidence, normal_quantile, standard_normal
from chexnet.statistics.multireader import Components
from chexnet.statistics.sample_size import hanley_mcneil_variance
from chexnet.statistics.t_distribution import t_quantile

_MOST = 10**7
"""Positive images beyond which a study is not planned but impossible."""


def power_of_comparison(
    first: float,
    second: float,
    positives: int,
    negatives: int,
    *,
    correlation: float = 0.5,
    confidence: float = 0.95,
) -> float:
    """Chance that a paired test finds a true difference between two AUROCs.

    Args:
        correlation: of the two estimated AUROCs; 0.3 to 0.6 is usual for two models on the same images, 0 is
            right for different images. ``auroc_covariance`` of a pilot study gives it.

    Raises:
        ValueError: an AUROC is not strictly between 0 and 1, a class is empty, or the correlation is outside
            [0, 1).
    """
    if not 0 <= correlation < 1:
        raise ValueError(f"expected a correlation in [0, 1), got {correlation}")
    one, other = (hanley_mcneil_variance(area, positives, negatives) for area in (first, second))
    error = math.sqrt(one + other - 2 * correlation * math.sqrt(one * other))
    shift, normal = abs(first - second) / error, standard_normal()
    needed = normal_quantile(confidence)
    return normal.cdf(shift - needed) + normal.cdf(-shift - needed)


def positives_for_comparison(
    first: float,
    second: float,
    *,
    power: float = 0.8,
    negatives_per_positive: float = 1.0,
    correlation: float = 0.5,
    confidence: float = 0.95,
) -> int:
    """Fewest positive images with which a paired test finds this difference with this chance.

    Raises:
        ValueError: the AUROCs are equal, or the power is not between ``1 - confidence`` and 1.
    """
    if first == second:
        raise ValueError("two equal AUROCs need no study; give the smallest difference that matters")
    if not 1 - confidence < power < 1:
        raise ValueError(f"expected a power between {1 - confidence:.3g} and 1, got {power}")

    def reached(positives: int) -> bool:
        negatives = max(1, round(positives * negatives_per_positive))
        return (
            power_of_comparison(
                first, second, positives, negatives, correlation=correlation, confidence=confidence
            )
            >= power
        )

    high = 2
    while not reached(high):
        high *= 2
        if high > _MOST:
            raise ValueError(f"more than {_MOST} positive images would be needed")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


@dataclass(frozen=True)
class ReaderStudyPlan:
    """A design for two modalities read by the same readers on the same cases.

    Attributes:
        power: chance of a significant difference, for readers and cases beyond these.
        standard_error: of the difference.
        degrees_of_freedom: Hillis'.
    """

    readers: int
    cases: int
    power: float
    standard_error: float
    degrees_of_freedom: float


def plan_reader_study(
    pilot: Components,
    pilot_cases: int,
    difference: float,
    readers: int,
    cases: int,
    *,
    confidence: float = 0.95,
) -> ReaderStudyPlan:
    """Power of a reader study from the variances of a pilot (Hillis, Obuchowski and Berbaum 2011).

    The covariances shrink in proportion to the cases; the readers' own variation does not.

    Args:
        pilot: of ``compare_modalities``.
        difference: between the modalities, the smallest that matters.

    Raises:
        ValueError: fewer than two readers or cases, or no difference.
    """
    if readers < 2 or cases < 2 or pilot_cases < 2 or not difference:
        raise ValueError(
            f"expected a difference, two readers and two cases or more; got {difference}, {readers}, {cases}"
        )
    shrunk = pilot_cases / cases
    between = max(pilot.cov2 - pilot.cov3, 0.0) * shrunk
    own = pilot.variance - pilot.cov1 - max(pilot.cov2 - pilot.cov3, 0.0)
    # What of the readers' interaction with the modality the cases of the pilot do not explain.
    interaction = max(pilot.interaction - own, 0.0) + max(own, 0.0) * shrunk
    total = interaction + readers * between
    freedom = total**2 / (interaction**2 / (readers - 1)) if interaction else math.inf
    error = math.sqrt(2 * total / readers)
    power = noncentral_t_power(abs(difference) / error, min(freedom, 1e6), confidence)
    return ReaderStudyPlan(readers, cases, power, error, freedom)


def noncentral_t_power(shift: float, degrees_of_freedom: float, confidence: float = 0.95) -> float:
    """Chance that a two-sided t test is significant where the true effect is ``shift`` standard errors."""
    check_confidence(confidence)
    needed = t_quantile(confidence, degrees_of_freedom)
    # The estimated standard error over the true one is sqrt(chi-square / df); integrate over it.
    spread = 1 / math.sqrt(2 * degrees_of_freedom)
    ratio = np.linspace(max(1e-9, 1 - 12 * spread), 1 + 12 * spread, 4001)
    log_density = (degrees_of_freedom - 1) * np.log(ratio) - degrees_of_freedom * ratio**2 / 2
    density = np.exp(log_density - log_density.max())
    normal = standard_normal()
    found = [normal.cdf(shift - needed * one) + normal.cdf(-shift - needed * one) for one in ratio.tolist()]
    return float(np.sum(density * found) / np.sum(density))
