"""Variance of the AUROC without resampling.

DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988) write the AUROC as a mean of *placements*:
the share of negatives that a positive outscores, and the share of positives that outscore a
negative. Their variances give the variance of the area. Ranks give all placements in
O(n log n) (Sun and Xu, IEEE Signal Processing Letters 21, 2014). Where one patient has several
images, placements are summed over the patient first (Obuchowski, Biometrics 53, 1997).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int, Shaped
from chexnet.statistics.arguments import binary, identities, real, rows, validated
from chexnet.statistics.estimate import Estimate, NotEstimable, normal_p_value, normal_quantile
from chexnet.statistics.roc import auroc, check_no_nan, check_two_classes, doubled_midranks


@dataclass(frozen=True)
class _Placements:
    """For each positive, the share of negatives below it; for each negative, of positives above it."""

    of_positives: Float[np.ndarray, " positives"]
    of_negatives: Float[np.ndarray, " negatives"]


@dataclass(frozen=True)
class Comparison:
    """Difference of two AUROCs measured on the same images.

    Attributes:
        difference: first minus second, with its interval.
        p_value: two-sided, of the hypothesis that both areas are equal.
    """

    first: float
    second: float
    difference: Estimate
    p_value: float


def placements(labels: Bool[np.ndarray, " images"], scores: Float[np.ndarray, " images"]) -> _Placements:
    """_Placements of every image among those of the other class; ties count one half."""
    positive, negative = scores[labels], scores[~labels]
    among_all = doubled_midranks(scores)
    above = (among_all[labels] - doubled_midranks(positive)) / (2 * negative.size)
    below = (among_all[~labels] - doubled_midranks(negative)) / (2 * positive.size)
    return _Placements(of_positives=above, of_negatives=1 - below)


@validated(labels=binary, scores=rows, patients=identities)
def auroc_covariance(
    labels: Bool[np.ndarray, " images"],
    scores: Sequence[Float[np.ndarray, " images"]],
    patients: Shaped[np.ndarray, " images"] | None = None,
) -> Float[np.ndarray, "models models"]:
    """Covariance of the AUROCs of several models on the same images.

    Args:
        patients: the patient of each image; images of one patient are not independent. Without
            it every image counts as a patient of its own (DeLong 1988).

    Raises:
        NotEstimable: a class has images of one patient only, so that nothing varies.
    """
    check_two_classes(labels)
    cluster = np.arange(labels.size) if patients is None else np.unique(patients, return_inverse=True)[1]
    for name, chosen in (("positive", labels), ("negative", ~labels)):
        if np.unique(cluster[chosen]).size < 2:
            raise NotEstimable(f"variance not estimable: all {name} images are of one patient")
    pulls = [deviations(labels, one, cluster) for one in scores]
    positive = np.stack([one[0] for one in pulls])
    negative = np.stack([one[1] for one in pulls])
    positive_patients = np.unique(cluster[labels]).size
    negative_patients = np.unique(cluster[~labels]).size
    both = positive @ negative.T
    patients_in_all = int(cluster.max()) + 1
    covariance: Float[np.ndarray, "models models"] = (
        positive @ positive.T * (positive_patients / (positive_patients - 1))
        + negative @ negative.T * (negative_patients / (negative_patients - 1))
        # A patient with both kinds of images makes them vary together; zero when images are patients.
        + (both + both.T) * (patients_in_all / (patients_in_all - 1))
    )
    return covariance


@validated(labels=binary, scores=real, patients=identities)
def auroc_interval(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    confidence: float = 0.95,
    patients: Shaped[np.ndarray, " images"] | None = None,
) -> Estimate:
    """AUROC with DeLong's interval, built on the logit scale so that it stays inside [0, 1].

    Two cases have no usable variance, and get a wider interval in place of one of width zero:

    * AUROC exactly 0 or 1. With k = min(positives, negatives) disjoint pairs, perfect separation
      has probability at most AUROC**k, so the bound (alpha / 2)**(1 / k) holds for any
      distribution of scores.
    * one image or patient in a class, or constant scores. The variance of an AUROC never exceeds
      AUROC (1 - AUROC) / k; that bound is used.

    Args:
        patients: the patient of each image; k then counts patients.

    Raises:
        NotEstimable: only one class is present.
    """
    value = auroc(labels, scores)
    independent = _independent_pairs(labels, patients)
    if value in {0.0, 1.0}:
        bound = ((1 - confidence) / 2) ** (1 / independent)
        return Estimate(value, bound, 1.0) if value == 1 else Estimate(value, 0.0, 1 - bound)
    interval = _logit_interval(value, _variance(labels, scores, patients, value, independent), confidence)
    return Estimate(value, *interval)


@validated(labels=binary, first=real, second=real, patients=identities)
def compare_aurocs(
    labels: Bool[np.ndarray, " images"],
    first: Float[np.ndarray, " images"],
    second: Float[np.ndarray, " images"],
    confidence: float = 0.95,
    patients: Shaped[np.ndarray, " images"] | None = None,
) -> Comparison:
    """DeLong's paired test: do two models rank the same images equally well?

    When both models rank every pair alike the variance of the difference is zero; the difference
    is then exactly zero and the p-value 1.

    Raises:
        NotEstimable: only one class is present, or images of one patient only in a class, or the
            models differ by a constant amount that leaves no variance.
    """
    areas = auroc(labels, first), auroc(labels, second)
    covariance = auroc_covariance(labels, (first, second), patients)
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    difference = areas[0] - areas[1]
    # Rounding leaves some 1e-20 where two rankings agree.
    if variance <= 1e-15 * float(covariance[0, 0] + covariance[1, 1]):
        if difference:
            raise NotEstimable("not estimable: the difference of the AUROCs has no variance")
        return Comparison(*areas, Estimate(0.0, 0.0, 0.0), p_value=1.0)
    error = math.sqrt(variance)
    half = normal_quantile(confidence) * error
    return Comparison(
        *areas,
        Estimate(difference, max(difference - half, -1.0), min(difference + half, 1.0)),
        p_value=normal_p_value(difference / error),
    )


@validated(p_values=real)
def holm(p_values: Float[np.ndarray, " tests"]) -> Float[np.ndarray, " tests"]:
    """p-values adjusted so that the chance of any false alarm stays below the level (Holm 1979).

    The smallest is multiplied by the number of tests, the next by one less, and so on, kept in order.

    Raises:
        ValueError: a p-value is NaN or outside [0, 1]; leave tests that could not be done out.
    """
    if not ((p_values >= 0) & (p_values <= 1)).all():
        raise ValueError(f"p-values must lie in [0, 1], got {p_values}")
    order = np.argsort(p_values, kind="stable")
    steps = np.maximum.accumulate(p_values[order] * np.arange(p_values.size, 0, -1))
    adjusted = np.empty(p_values.size)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def deviations(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    cluster: Int[np.ndarray, " images"],
) -> tuple[Float[np.ndarray, " patients"], Float[np.ndarray, " patients"]]:
    """Each patient's pull on the AUROC through its positive and through its negative images."""
    check_no_nan(scores)
    place = placements(labels, scores)
    patients = int(cluster.max()) + 1
    positive = np.bincount(cluster[labels], place.of_positives - place.of_positives.mean(), patients)
    negative = np.bincount(cluster[~labels], place.of_negatives - place.of_negatives.mean(), patients)
    return positive / place.of_positives.size, negative / place.of_negatives.size


def _independent_pairs(
    labels: Bool[np.ndarray, " images"], patients: Shaped[np.ndarray, " images"] | None
) -> int:
    """Disjoint (positive, negative) pairs that share no patient: at most the smaller class, at least one."""
    if patients is None:
        return int(min(labels.sum(), (~labels).sum()))
    positive, negative = np.unique(patients[labels]), np.unique(patients[~labels])
    in_either = np.union1d(positive, negative).size
    # Pairs use two patients each, so patients with both kinds of images can serve only once.
    return max(1, min(positive.size, negative.size, in_either // 2))


def _variance(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None,
    value: float,
    independent: int,
) -> float:
    largest_possible = value * (1 - value) / independent
    try:
        variance = float(auroc_covariance(labels, [scores], patients)[0, 0])
    except NotEstimable:
        return largest_possible
    return variance if variance > 0 else largest_possible


def _logit_interval(value: float, variance: float, confidence: float) -> tuple[float, float]:
    """Normal interval for the log-odds of ``value``, mapped back (delta method)."""
    logit = math.log(value / (1 - value))
    half = normal_quantile(confidence) * math.sqrt(variance) / (value * (1 - value))
    return _sigmoid(logit - half), _sigmoid(logit + half)


def _sigmoid(logit: float) -> float:
    # Two branches: exp of a large positive number overflows.
    return 1 / (1 + math.exp(-logit)) if logit >= 0 else 1 - 1 / (1 + math.exp(logit))
