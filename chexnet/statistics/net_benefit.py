"""Decision curves: is it better to act on the model than on everybody or nobody?

At a threshold probability t a missed finding weighs (1 - t) / t false alarms, so net benefit = TP / n -
FP / n * t / (1 - t), in true positives per image (Vickers and Elkin, Medical Decision Making 26, 2006).
"""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import clusters_of, resample_counts, weigh
from chexnet.statistics.calibration import check_probabilities
from chexnet.statistics.estimate import NotEstimable, check_confidence


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit at each threshold probability, per image.

    Attributes:
        model, low, high: acting where the probability reaches the threshold, with its pointwise band.
        everybody: acting on every image; acting on none is 0 throughout.
        gain, gain_low, gain_high: the model less the better of everybody and nobody, with its band.
    """

    thresholds: Float[np.ndarray, " thresholds"]
    model: Float[np.ndarray, " thresholds"]
    low: Float[np.ndarray, " thresholds"]
    high: Float[np.ndarray, " thresholds"]
    everybody: Float[np.ndarray, " thresholds"]
    gain: Float[np.ndarray, " thresholds"]
    gain_low: Float[np.ndarray, " thresholds"]
    gain_high: Float[np.ndarray, " thresholds"]


@validated(labels=binary, probabilities=real, patients=identities)
def decision_curve(
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    thresholds: Float[np.ndarray, " thresholds"] | None = None,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> DecisionCurve:
    """Net benefit with bootstrap bands over patients. The probabilities must be calibrated for the images.

    Args:
        thresholds: threshold probabilities between 0 and 1; 0.01 to 0.99 where not given.

    Raises:
        NotEstimable: no image, or one patient only.
        ValueError: a probability is NaN or outside [0, 1], or a threshold is not strictly inside.
    """
    check_confidence(confidence)
    check_probabilities(probabilities)
    if not labels.size:
        raise NotEstimable("not estimable: no image")
    chosen = np.linspace(0.01, 0.99, 99) if thresholds is None else np.asarray(thresholds, dtype=np.float64)
    if not ((chosen > 0) & (chosen < 1)).all():
        raise ValueError(f"threshold probabilities must lie strictly between 0 and 1, got {chosen}")
    owner = clusters_of(patients, labels.size)
    sums = _sums(labels, probabilities, owner, chosen)
    odds = (chosen / (1 - chosen))[:, None]
    model, everybody, gain = _benefits(sums, np.ones((sums.shape[1], 1), dtype=np.float32), odds)
    blocks = resample_counts(sums.shape[1], samples, np.random.default_rng(seed))
    parts = [_benefits(sums, counts, odds) for counts in blocks]
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    low, high = np.nanquantile(np.concatenate([one[0] for one in parts], axis=1), tails, axis=1)
    gain_low, gain_high = np.nanquantile(np.concatenate([one[2] for one in parts], axis=1), tails, axis=1)
    return DecisionCurve(chosen, model[:, 0], low, high, everybody[:, 0], gain[:, 0], gain_low, gain_high)


def _sums(
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    owner: Shaped[np.ndarray, " images"],
    thresholds: Float[np.ndarray, " thresholds"],
) -> Float[np.ndarray, "rows patients"]:
    """Per patient: true positives at each threshold, false positives at each, positives, images."""
    patients = int(owner.max()) + 1
    rows = [
        np.bincount(owner[chosen & (probabilities >= one)], minlength=patients)
        for chosen in (labels, ~labels)
        for one in thresholds
    ]
    rows += [np.bincount(owner[labels], minlength=patients), np.bincount(owner, minlength=patients)]
    return np.stack(rows).astype(np.float64)


def _benefits(
    sums: Float[np.ndarray, "rows patients"],
    counts: Float[np.ndarray, "patients resamples"],
    odds: Float[np.ndarray, "thresholds 1"],
) -> tuple[
    Float[np.ndarray, "thresholds resamples"],
    Float[np.ndarray, "thresholds resamples"],
    Float[np.ndarray, "thresholds resamples"],
]:
    weighed = weigh(sums, counts)
    images = weighed[-1]
    share = weighed[-2] / images
    right, wrong = weighed[: odds.size] / images, weighed[odds.size : 2 * odds.size] / images
    model = right - wrong * odds
    everybody = share - (1 - share) * odds
    return model, everybody, model - np.maximum(everybody, 0.0)
