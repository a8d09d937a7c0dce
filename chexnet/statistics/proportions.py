"""Shares with their intervals by patient: sensitivity, specificity, predictive values, agreement.

Wilson's interval (JASA 22, 1927) exists for 5 of 5 too. Where a patient has several images, their number is
replaced by the number of independent images that would vary as much (the effective sample size).
"""

import math
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Shaped
from chexnet.statistics.agreement import cohens_kappa
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import clusters_of
from chexnet.statistics.calibration import wilson_interval
from chexnet.statistics.estimate import Estimate, NotEstimable, normal_quantile
from chexnet.statistics.t_distribution import t_quantile


@dataclass(frozen=True)
class Rates:
    """What yes / no calls are worth, each with its interval by patient.

    Attributes:
        sensitivity: share of the positive images that are called.
        specificity: share of the negative images that are not called.
        ppv: share of the calls that are right.
        npv: share of the images not called that are negative.
        underdiagnosis: share of the positive images that are missed, 1 - sensitivity.
        overdiagnosis: share of the negative images that are called, 1 - specificity.
        alarm_rate: share of all images that are called.
        prevalence: share of all images that are positive.
    """

    sensitivity: Estimate
    specificity: Estimate
    ppv: Estimate
    npv: Estimate
    underdiagnosis: Estimate
    overdiagnosis: Estimate
    alarm_rate: Estimate
    prevalence: Estimate


@validated(labels=binary, calls=binary, patients=identities)
def rates(
    labels: Bool[np.ndarray, " images"],
    calls: Bool[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    confidence: float = 0.95,
) -> Rates:
    """Sensitivity, specificity and their kin of yes / no calls; a share of no image has a reason instead."""
    owner = clusters_of(patients, labels.size)

    def share(of: Bool[np.ndarray, " images"], among: Bool[np.ndarray, " images"], name: str) -> Estimate:
        if not among.any():
            return Estimate(None, reason=f"not estimable: {name}")
        return proportion(of[among], owner[among], confidence=confidence)

    everyone = np.ones(labels.size, dtype=np.bool_)
    return Rates(
        sensitivity=share(calls, labels, "no image is positive"),
        specificity=share(~calls, ~labels, "no image is negative"),
        ppv=share(labels, calls, "no image is called"),
        npv=share(~labels, ~calls, "every image is called"),
        underdiagnosis=share(~calls, labels, "no image is positive"),
        overdiagnosis=share(calls, ~labels, "no image is negative"),
        alarm_rate=share(calls, everyone, "no image"),
        prevalence=share(labels, everyone, "no image"),
    )


@validated(outcomes=binary, patients=identities)
def proportion(
    outcomes: Bool[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Share of the images with an outcome, with Wilson's interval for the effective number of images.

    A perfect share shows no variation within or between patients, so each patient then counts once.

    Args:
        patients: the patient of each image; without it every image counts as a patient of its own.

    Raises:
        NotEstimable: no image.
    """
    if not outcomes.size:
        raise NotEstimable("not estimable: no image")
    share = float(outcomes.mean())
    size = _effective_size(outcomes, clusters_of(patients, outcomes.size), share, confidence)
    low, high = wilson_interval(np.array([share]), np.array([size]), confidence)
    return Estimate(share, min(float(low[0]), share), max(float(high[0]), share))


@validated(first=real, second=real, patients=identities)
def kappa_estimate(
    first: Float[np.ndarray, " images"],
    second: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Cohen's kappa of two readers with a jackknife interval over patients.

    Perfect agreement shows no variation; its lower end is then the kappa at Wilson's lower end of the
    share of agreement.

    Args:
        first, second: categories; NaN is an image not read, and left out.

    Raises:
        NotEstimable: as ``cohens_kappa``.
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    value = cohens_kappa(first, second)
    owner = clusters_of(None if patients is None else patients[both], int(both.sum()))
    first, second = first[both], second[both]
    if (first == second).all():
        agreement = proportion(first == second, owner, confidence=confidence)
        chance = sum(float(np.mean(first == one) ** 2) for one in np.unique(first))
        return Estimate(value, ((agreement.low or 0.0) - chance) / (1 - chance), 1.0)
    left_out = np.array([_kappa_without(first, second, owner == one) for one in range(int(owner.max()) + 1)])
    if left_out.size < 2 or np.isnan(left_out).any():
        return Estimate(value, reason="interval not estimable: one patient decides whether there is a kappa")
    error = math.sqrt((left_out.size - 1) * float(left_out.var()))
    half = t_quantile(confidence, float(left_out.size - 1)) * error
    return Estimate(value, max(value - half, -1.0), min(value + half, 1.0))


def _kappa_without(
    first: Float[np.ndarray, " images"],
    second: Float[np.ndarray, " images"],
    out: Bool[np.ndarray, " images"],
) -> float:
    try:
        return cohens_kappa(first[~out], second[~out])
    except NotEstimable:
        return float("nan")


def _effective_size(
    outcomes: Bool[np.ndarray, " images"],
    owner: Shaped[np.ndarray, " images"],
    share: float,
    confidence: float,
) -> float:
    """Independent images with the same variance; fewer for few patients (Korn and Graubard 1998)."""
    _, owner = np.unique(owner, return_inverse=True)
    patients = int(owner.max()) + 1
    if patients == outcomes.size:
        return float(patients)
    if share in {0.0, 1.0} or patients < 2:
        return float(patients)
    residuals = np.bincount(owner, outcomes - share) / outcomes.size
    variance = float(np.sum(residuals**2)) * patients / (patients - 1)
    # By chance images of one patient may seem more different than others; they never tell more.
    independent = min(share * (1 - share) / variance, outcomes.size) if variance else float(outcomes.size)
    shrunk = (normal_quantile(confidence) / t_quantile(confidence, float(patients - 1))) ** 2
    return max(independent * shrunk, 1.0)
