"""Intervals that hold when few patients have the finding.

Percentiles of a bootstrap, BCa and DeLong's variance all estimate the spread of the scores of the positive
images from those images. With five of them they miss the true AUROC in one interval of five. A score-type
interval asks instead, of each possible AUROC, whether the measured one would be surprising, with a variance
that depends on the AUROC asked about. ``docs/statistics.md`` has the simulated coverage of all candidates.
"""

import math
from collections.abc import Sequence

import numpy as np

from chexnet.arrays import Bool, Float, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import percentile_interval
from chexnet.statistics.delong import auroc_covariance, deviations
from chexnet.statistics.estimate import Estimate, NotEstimable, normal_quantile
from chexnet.statistics.roc import auroc

FEW_PATIENTS = 100
"""Patients in the smaller class below which the score-type interval replaces the bootstrap's percentiles.

With 50 the percentiles still hold the true AUROC in as few as 0.91 of the studies, where they claim 0.95.
"""

_HALVINGS = 50
"""Steps of the bisection: ends to 1e-15, below what float64 can show."""


@validated(labels=binary, patients=identities)
def patients_of_classes(
    labels: Bool[np.ndarray, " images"], patients: Shaped[np.ndarray, " images"] | None = None
) -> tuple[int, int]:
    """Patients with a positive image, and patients with a negative one; some have both.

    Args:
        patients: the patient of each image; without it every image counts as a patient of its own.
    """
    if patients is None:
        return int(labels.sum()), int((~labels).sum())
    return int(np.unique(patients[labels]).size), int(np.unique(patients[~labels]).size)


@validated(labels=binary, scores=real, patients=identities)
def auroc_score_interval(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    confidence: float = 0.95,
) -> Estimate:
    """AUROC with a score-type interval: the values A for which |AUROC - A| <= z sqrt(V(A)).

    V(A) is the larger of two variances. Newcombe's method 5 (Statistics in Medicine 25, 2006) has one
    from A and the numbers of patients alone, right if the scores of both classes spread equally.
    DeLong's (clustered after Obuchowski 1997) follows the data, and is scaled by A (1 - A). The larger of
    them stays near its nominal coverage where either fails; it exists for every seed, also at AUROC 1.

    Args:
        patients: the patient of each image; the numbers then count patients, never images.

    Raises:
        NotEstimable: only one class is present.
    """
    value = auroc(labels, scores)
    positives, negatives = patients_of_classes(labels, patients)
    try:
        variance = float(auroc_covariance(labels, [scores], patients)[0, 0])
    except NotEstimable:
        variance = 0.0
    # V(A) / (A (1 - A)) of DeLong; zero where the data show no spread, so that Newcombe's is the larger.
    relative = variance / (value * (1 - value)) if 0 < value < 1 else 0.0
    low, high = _solve(value, positives, negatives, relative, normal_quantile(confidence))
    return Estimate(value, low, high)


def newcombe_interval(
    auroc: float, positives: int, negatives: int, *, confidence: float = 0.95
) -> tuple[float, float]:
    """Newcombe's method 5, for an AUROC of which only the value and the numbers of patients are published.

    It is right where the scores of both classes spread equally, and else too narrow or too wide.

    Raises:
        ValueError: the AUROC is outside [0, 1], or a class is empty.
    """
    if not 0 <= auroc <= 1 or positives < 1 or negatives < 1:
        raise ValueError(f"expected an AUROC and both classes, got {auroc}, {positives} and {negatives}")
    return _solve(auroc, positives, negatives, 0.0, normal_quantile(confidence))


@validated(labels=binary, scores=real, patients=identities)
def auroc_estimate(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None,
    distribution: Float[np.ndarray, " samples"],
    *,
    confidence: float = 0.95,
) -> Estimate:
    """AUROC with the interval that its number of patients allows.

    Below ``FEW_PATIENTS`` patients in either class the score-type interval, else percentiles of the
    bootstrap. The choice depends on the numbers of patients alone, never on the seed.

    Args:
        distribution: the AUROC of each bootstrap resample (see ``bootstrap``), NaN where undefined.

    Raises:
        NotEstimable: only one class is present.
    """
    if min(patients_of_classes(labels, patients)) < FEW_PATIENTS:
        return auroc_score_interval(labels, scores, patients, confidence=confidence)
    try:
        return Estimate(auroc(labels, scores), *percentile_interval(distribution, confidence))
    except NotEstimable:
        # Perfect separation: all resamples agree.
        return auroc_score_interval(labels, scores, patients, confidence=confidence)


def mean_auroc(
    labels: Sequence[Bool[np.ndarray, " _"]],
    scores: Sequence[Float[np.ndarray, " _"]],
    patients: Sequence[Shaped[np.ndarray, " _"]],
    *,
    confidence: float = 0.95,
) -> Estimate:
    """Mean AUROC of several findings, whose interval one rare finding does not remove.

    The distances from each AUROC to its score-type ends are added in quadrature (method of variance estimates
    recovery), with the covariances of findings that share patients (Obuchowski 1997).

    Args:
        labels, scores, patients: one array per finding, of the images that have a label for it.

    Raises:
        NotEstimable: a finding has one class only.
    """
    everyone = np.unique(np.concatenate([identities(one) for one in patients]))
    total, own, ends = np.zeros(everyone.size), 0.0, []
    for raw_labels, raw_scores, raw_owner in zip(labels, scores, patients, strict=True):
        known, ranked, owner = binary(raw_labels), real(raw_scores), identities(raw_owner)
        estimate = auroc_score_interval(known, ranked, owner, confidence=confidence)
        ends.append((estimate.value, *(estimate.interval or (0.0, 1.0))))
        # The last patient may lack this finding's label.
        positive, negative = deviations(known, ranked, np.searchsorted(everyone, owner))
        pull = np.pad(positive + negative, (0, everyone.size - positive.size))
        total += pull
        own += float(np.sum(pull**2))
    shared = (float(np.sum(total**2)) - own) * normal_quantile(confidence) ** 2
    value, low, high = np.array(ends, dtype=np.float64).T
    below, above = (
        math.sqrt(max(float(np.sum((value - end) ** 2)) + shared, 0.0)) / len(ends) for end in (low, high)
    )
    mean = float(value.mean())
    return Estimate(mean, max(mean - below, 0.0), min(mean + above, 1.0))


def _solve(
    value: float, positives: int, negatives: int, relative: float, quantile: float
) -> tuple[float, float]:
    """Both ends, by halving the stretch between the estimate (inside) and 0 or 1 (outside or at the end)."""
    ends = []
    for limit in (0.0, 1.0):
        inside, outside = value, limit
        for _ in range(_HALVINGS):
            middle = (inside + outside) / 2
            variance = max(_newcombe_variance(middle, positives, negatives), relative * middle * (1 - middle))
            if (value - middle) ** 2 <= quantile**2 * variance:
                inside = middle
            else:
                outside = middle
        ends.append(inside)
    return ends[0], ends[1]


def _newcombe_variance(auroc: float, positives: int, negatives: int) -> float:
    """Hanley and McNeil's variance with both classes' size replaced by their mean, less one."""
    size = (positives + negatives) / 2 - 1
    spread = 1 + size * (1 - auroc) / (2 - auroc) + size * auroc / (1 + auroc)
    return auroc * (1 - auroc) * spread / (positives * negatives)
