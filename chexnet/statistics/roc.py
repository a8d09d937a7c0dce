"""Ranking quality: the area under the ROC curve and under the precision–recall curve."""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.statistics.arguments import binary, real, validated
from chexnet.statistics.estimate import NotEstimable


@validated(labels=binary, scores=real)
def auroc(labels: Bool[np.ndarray, " images"], scores: Float[np.ndarray, " images"]) -> float:
    """Probability that a positive image outscores a negative one (Table 2).

    Ties count one half, so a constant score gives exactly 0.5.

    Raises:
        NotEstimable: (a ValueError) only one class is present; the area is undefined, and
            returning 0.5 would hide that.
        ValueError: a score is NaN.
    """
    check_two_classes(labels)
    check_no_nan(scores)
    positives = int(labels.sum())
    negatives = labels.size - positives
    # Twice the mid-rank is an integer, so the Mann–Whitney statistic is exact.
    doubled = int(doubled_midranks(scores)[labels].sum()) - positives * (positives + 1)
    return doubled / (2 * positives * negatives)


@validated(labels=binary, scores=real)
def average_precision(labels: Bool[np.ndarray, " images"], scores: Float[np.ndarray, " images"]) -> float:
    """Area under the precision–recall curve as a step function (AUPRC).

    Sum over distinct scores, from the highest, of precision times the gain in recall. No
    interpolation: joining points of a precision–recall curve by lines is too optimistic.

    Raises:
        NotEstimable: no image is positive (precision–recall has no meaning) or none is negative.
        ValueError: a score is NaN.
    """
    check_two_classes(labels)
    check_no_nan(scores)
    curve = precision_recall_curve(labels, scores)
    return float(np.sum(np.diff(curve.recall, prepend=0.0) * curve.precision))


@dataclass(frozen=True)
class RocCurve:
    """Operating points from the strictest threshold to the loosest, starting at (0, 0)."""

    false_positive_rate: Float[np.ndarray, " points"]
    sensitivity: Float[np.ndarray, " points"]
    thresholds: Float[np.ndarray, " points"]


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """One point for each distinct score, from the highest; an image is called at score >= threshold."""

    precision: Float[np.ndarray, " points"]
    recall: Float[np.ndarray, " points"]
    thresholds: Float[np.ndarray, " points"]


@validated(labels=binary, scores=real)
def roc_curve(labels: Bool[np.ndarray, " images"], scores: Float[np.ndarray, " images"]) -> RocCurve:
    """Sensitivity against 1 - specificity at every distinct score; the first threshold is infinite."""
    check_two_classes(labels)
    check_no_nan(scores)
    calls = called_at_each_score(labels, scores)
    return RocCurve(
        false_positive_rate=np.concatenate(([0.0], calls.false_positives / calls.false_positives[-1])),
        sensitivity=np.concatenate(([0.0], calls.true_positives / calls.true_positives[-1])),
        thresholds=np.concatenate(([np.inf], calls.thresholds)),
    )


@validated(labels=binary, scores=real)
def precision_recall_curve(
    labels: Bool[np.ndarray, " images"], scores: Float[np.ndarray, " images"]
) -> PrecisionRecallCurve:
    """Precision (PPV) and recall (sensitivity) at every distinct score."""
    check_two_classes(labels)
    check_no_nan(scores)
    calls = called_at_each_score(labels, scores)
    return PrecisionRecallCurve(
        precision=calls.true_positives / (calls.true_positives + calls.false_positives),
        recall=calls.true_positives / calls.true_positives[-1],
        thresholds=calls.thresholds,
    )


@dataclass(frozen=True)
class Calls:
    """Images called present, at each distinct score taken as the threshold, from the highest."""

    true_positives: Int[np.ndarray, " thresholds"]
    false_positives: Int[np.ndarray, " thresholds"]
    thresholds: Float[np.ndarray, " thresholds"]


def called_at_each_score(labels: Bool[np.ndarray, " images"], scores: Float[np.ndarray, " images"]) -> Calls:
    """Count true and false positives for ``score >= threshold`` at each distinct score."""
    descending = np.argsort(-scores, kind="stable")
    ordered = scores[descending]
    last_of_tie = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), ordered.size - 1)
    true_positives = np.cumsum(labels[descending])[last_of_tie]
    return Calls(
        true_positives=true_positives,
        false_positives=last_of_tie + 1 - true_positives,
        thresholds=ordered[last_of_tie].astype(np.float64),
    )


def doubled_midranks(scores: Float[np.ndarray, " images"]) -> Int[np.ndarray, " images"]:
    """Twice the rank of each score, from 2, where tied scores share the mean of their ranks."""
    _, level, count = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    return (2 * last - count + 1)[level]


def check_two_classes(labels: Bool[np.ndarray, " images"]) -> None:
    """Refuse labels in which a comparison of positive with negative images is impossible."""
    if labels.size == 0:
        raise NotEstimable("not estimable: no labelled image")
    if not labels.any():
        raise NotEstimable(f"not estimable: none of the {labels.size} images is positive")
    if labels.all():
        raise NotEstimable(f"not estimable: all of the {labels.size} images are positive")


def check_no_nan(scores: Float[np.ndarray, " images"]) -> None:
    """Refuse scores that have no place in a ranking."""
    missing = int(np.isnan(scores).sum())
    if missing:
        raise ValueError(
            f"{missing} of {scores.size} scores are NaN; leave images without a score out, and say how many"
        )
