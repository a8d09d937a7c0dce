"""Two models on the same patients, in numbers other than the AUROC: AUPRC, Brier score, calls."""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import SAMPLES, bootstrap, clusters_of, percentile_interval
from chexnet.statistics.calibration import check_probabilities
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.paired_permutation import permutation_test_of_means
from chexnet.statistics.resampled_auroc import Ranking


@dataclass(frozen=True)
class PairedDifference:
    """First less second model.

    Attributes:
        p_value: two-sided, by exchanging the models patient by patient; None where only an interval is given.
    """

    first: float
    second: float
    difference: Estimate
    p_value: float | None


@dataclass(frozen=True)
class CallComparison:
    """Two models' (or readers') yes / no calls on the same images (McNemar 1947, by patient).

    Attributes:
        sensitivity: compared on the positive images.
        specificity: compared on the negative images.
        accuracy: compared on all of them.
    """

    sensitivity: PairedDifference
    specificity: PairedDifference
    accuracy: PairedDifference


@validated(labels=binary, first=real, second=real, patients=identities)
def compare_average_precision(
    labels: Bool[np.ndarray, " images"],
    first: Float[np.ndarray, " images"],
    second: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = SAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> PairedDifference:
    """Difference of two average precisions (AUPRC) on the same bootstrap resamples of patients.

    Raises:
        NotEstimable: only one class is present.
        ValueError: a score is NaN.
    """
    owner = clusters_of(patients, labels.size)
    number = int(owner.max()) + 1
    statistics = [Ranking(labels, scores, owner).average_precision for scores in (first, second)]
    one, other = (float(each(np.ones((number, 1), dtype=np.float32))[0]) for each in statistics)
    resampled = bootstrap(statistics, number, samples, seed)
    try:
        difference = Estimate(
            one - other, *percentile_interval(resampled[:, 0] - resampled[:, 1], confidence)
        )
    except NotEstimable as error:
        difference = Estimate(one - other, reason=str(error))
    return PairedDifference(one, other, difference, None)


@validated(labels=binary, first=real, second=real, patients=identities)
def compare_brier_scores(
    labels: Bool[np.ndarray, " images"],
    first: Float[np.ndarray, " images"],
    second: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = SAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> PairedDifference:
    """Difference of two Brier scores; below 0 the first model is better.

    Raises:
        NotEstimable: fewer than five patients.
        ValueError: a probability is NaN or outside [0, 1].
    """
    check_probabilities(first)
    check_probabilities(second)
    errors = [(p.astype(np.float64) - labels) ** 2 for p in (first, second)]
    return _of_means(errors[0], errors[1], clusters_of(patients, labels.size), samples, confidence, seed)


@validated(labels=binary, first=binary, second=binary, patients=identities)
def compare_calls(
    labels: Bool[np.ndarray, " images"],
    first: Bool[np.ndarray, " images"],
    second: Bool[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = SAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> CallComparison:
    """Sensitivity, specificity and accuracy of two sets of calls, with McNemar's test by patient.

    With one image per patient the p-value is that of McNemar's exact test, up to the number of samples.

    Raises:
        NotEstimable: fewer than five patients have a positive (or a negative) image.
    """
    owner = clusters_of(patients, labels.size)
    right = [(calls == labels).astype(np.float64) for calls in (first, second)]

    def among(chosen: Bool[np.ndarray, " images"]) -> PairedDifference:
        return _of_means(right[0][chosen], right[1][chosen], owner[chosen], samples, confidence, seed)

    return CallComparison(among(labels), among(~labels), among(np.ones(labels.size, dtype=np.bool_)))


def _of_means(
    first: Float[np.ndarray, " images"],
    second: Float[np.ndarray, " images"],
    owner: Shaped[np.ndarray, " images"],
    samples: int,
    confidence: float,
    seed: int,
) -> PairedDifference:
    """Difference of two means, its interval from the patients' residuals, and a test by exchange."""
    tested = permutation_test_of_means(
        first - second, owner, samples=samples, confidence=confidence, seed=seed
    )
    return PairedDifference(float(first.mean()), float(second.mean()), tested.difference, tested.p_value)
