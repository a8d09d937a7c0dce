"""Do two models rank the same images equally well? A permutation test that keeps its size with few positives.

If the models are equivalent, exchanging their ranks for a patient changes nothing but chance. The
difference of the AUROCs is then a sum of one term per image, and the exchange turns the sign of that term
(Bandos, Rockette and Gur, Statistics in Medicine 24, 2005). All images of a patient are exchanged together.
"""

import math
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import BLOCK, SAMPLES, clusters_of, weigh
from chexnet.statistics.delong import deviations
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.few_positives import patients_of_classes
from chexnet.statistics.roc import auroc, check_no_nan, check_two_classes, doubled_midranks
from chexnet.statistics.t_distribution import t_quantile

_FEWEST_PATIENTS = 5
"""Patients in the smaller class below which two models are not compared: no real difference could show."""


@dataclass(frozen=True)
class PairedTest:
    """A difference measured on the same patients.

    Attributes:
        difference: first less second, with its interval by patient (t distribution).
        p_value: two-sided share of the exchanges that differ at least as much, never 0.
    """

    difference: Estimate
    p_value: float


@validated(labels=binary, first=real, second=real, patients=identities)
def permutation_test_of_aurocs(
    labels: Bool[np.ndarray, " images"],
    first: Float[np.ndarray, " images"],
    second: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = SAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> PairedTest:
    """Paired test of two AUROCs by exchanging the models' ranks, patient by patient.

    Ranks, not scores, are exchanged, so the models need not share a scale.

    Args:
        patients: the patient of each image; without it every image counts as a patient of its own.
        samples: random exchanges; the smallest p-value is 1 / (samples + 1).

    Raises:
        NotEstimable: only one class is present, or fewer than five patients have a positive (or a negative)
            image.
        ValueError: a score is NaN.
    """
    check_two_classes(labels)
    check_no_nan(first)
    check_no_nan(second)
    fewest = min(patients_of_classes(labels, patients))
    if fewest < _FEWEST_PATIENTS:
        raise NotEstimable(
            f"comparison not estimable: {fewest} patients in the smaller class, "
            f"at least {_FEWEST_PATIENTS} needed"
        )
    terms = _terms(labels, doubled_midranks(first), doubled_midranks(second))
    owner = clusters_of(patients, labels.size)
    return PairedTest(
        _difference(labels, first, second, owner, confidence),
        _sign_flip_p_value(np.bincount(owner, terms), samples, seed),
    )


@validated(values=real, patients=identities)
def permutation_test_of_means(
    values: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = SAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> PairedTest:
    """Paired test of a mean difference, such as of two models' squared errors (Brier scores), by patient.

    Args:
        values: first less second model, one per image; the sign is turned for whole patients.

    Raises:
        NotEstimable: fewer than five patients.
        ValueError: a value is NaN.
    """
    check_no_nan(values)
    owner = clusters_of(patients, values.size)
    sums = np.bincount(owner, values)
    if sums.size < _FEWEST_PATIENTS:
        raise NotEstimable(
            f"comparison not estimable: {sums.size} patients, at least {_FEWEST_PATIENTS} are needed"
        )
    mean = float(values.mean())
    residuals = np.bincount(owner, values - mean) / values.size
    error = math.sqrt(float(np.sum(residuals**2)) * sums.size / (sums.size - 1))
    half = t_quantile(confidence, float(sums.size - 1)) * error
    return PairedTest(
        Estimate(mean, mean - half, mean + half), _sign_flip_p_value(sums / values.size, samples, seed)
    )


def _sign_flip_p_value(terms: Float[np.ndarray, " patients"], samples: int, seed: int) -> float:
    """How often random signs make the sum of the terms at least as large as it is."""
    generator = np.random.default_rng(seed)
    observed, largest = abs(float(terms.sum())), float(np.abs(terms).sum())
    reached = 0
    for start in range(0, samples, BLOCK):
        shape = (terms.size, min(BLOCK, samples - start))
        turned = generator.integers(0, 2, shape, dtype=np.uint8).astype(np.float32)
        sums = np.abs(2 * weigh(terms[None], turned)[0] - terms.sum())
        # Sums of the same terms in another order may differ in the last digits.
        reached += int(np.count_nonzero(sums >= observed - 1e-12 * largest))
    return (1 + reached) / (1 + samples)


def _difference(
    labels: Bool[np.ndarray, " images"],
    first: Float[np.ndarray, " images"],
    second: Float[np.ndarray, " images"],
    owner: Int[np.ndarray, " images"],
    confidence: float,
) -> Estimate:
    """DeLong's clustered interval with Satterthwaite's degrees of freedom, which few positives make few."""
    value = auroc(labels, first) - auroc(labels, second)
    pulls = zip(deviations(labels, first, owner), deviations(labels, second, owner), strict=True)
    positive, negative = (one - other for one, other in pulls)
    sizes = patients_of_classes(labels, owner)
    parts = [float(np.sum(p**2)) * n / (n - 1) for p, n in zip((positive, negative), sizes, strict=True)]
    variance = sum(parts) + 2 * float(positive @ negative) * positive.size / (positive.size - 1)
    if variance <= 1e-15:
        # Both rank alike, or differ by the same amount everywhere.
        return Estimate(value, reason="interval not estimable: no patient's ranks differ from the others'")
    freedom = sum(parts) ** 2 / sum(part**2 / (n - 1) for part, n in zip(parts, sizes, strict=True))
    half = t_quantile(confidence, freedom) * math.sqrt(variance)
    return Estimate(value, max(value - half, -1.0), min(value + half, 1.0))


def _terms(
    labels: Bool[np.ndarray, " images"],
    first: Float[np.ndarray, " images"] | Shaped[np.ndarray, " images"],
    second: Float[np.ndarray, " images"] | Shaped[np.ndarray, " images"],
) -> Float[np.ndarray, " images"]:
    """Each image's share of the difference of the AUROCs; an exchange of the image turns its sign.

    With K_ab(i, j) whether model a's rank of positive i exceeds model b's rank of negative j, the difference
    is the mean of (K_11 - K_22), and an exchange of one image of a pair leads to K_21 - K_12.
    """
    of_positives = {
        (a, b): _share_below(one[labels], other[~labels])
        for a, one in enumerate((first, second))
        for b, other in enumerate((first, second))
    }
    of_negatives = {
        (a, b): 1 - _share_below(other[~labels], one[labels])
        for a, one in enumerate((first, second))
        for b, other in enumerate((first, second))
    }
    terms = np.empty(labels.size)
    same = of_positives[0, 0] - of_positives[1, 1]
    crossed = of_positives[1, 0] - of_positives[0, 1]
    terms[labels] = (same - crossed) / (2 * labels.sum())
    same = of_negatives[0, 0] - of_negatives[1, 1]
    crossed = of_negatives[1, 0] - of_negatives[0, 1]
    terms[~labels] = (same + crossed) / (2 * (~labels).sum())
    return terms


def _share_below(
    values: Shaped[np.ndarray, " values"], others: Shaped[np.ndarray, " others"]
) -> Float[np.ndarray, " values"]:
    """Share of the others below each value, ties one half."""
    ordered = np.sort(others)
    below = np.searchsorted(ordered, values, side="left")
    share: Float[np.ndarray, " values"] = (below + np.searchsorted(ordered, values, side="right")) / (
        2 * others.size
    )
    return share
