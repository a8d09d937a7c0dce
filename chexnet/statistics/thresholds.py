"""From probabilities to decisions. An image is called present where ``probability >= threshold``.

Thresholds come from validation images; choosing one on the test set flatters the test set.
"""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float
from chexnet.statistics.estimate import NotEstimable
from chexnet.statistics.roc import Calls, called_at_each_score, check_no_nan, check_two_classes


@dataclass(frozen=True)
class Confusion:
    """The four counts at one threshold, and what follows from them.

    A ratio whose denominator is zero is NaN: not estimable, and neither 0 nor 1.
    """

    true_positives: int
    false_positives: int
    false_negatives: int
    true_negatives: int

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall (section 4.1): 2 TP / (2 TP + FP + FN)."""
        return _ratio(
            2 * self.true_positives, 2 * self.true_positives + self.false_positives + self.false_negatives
        )

    @property
    def sensitivity(self) -> float:
        """Share of the positive images that are called."""
        return _ratio(self.true_positives, self.true_positives + self.false_negatives)

    @property
    def specificity(self) -> float:
        """Share of the negative images that are not called."""
        return _ratio(self.true_negatives, self.true_negatives + self.false_positives)

    @property
    def ppv(self) -> float:
        """Positive predictive value: share of the calls that are right (precision)."""
        return _ratio(self.true_positives, self.true_positives + self.false_positives)

    @property
    def npv(self) -> float:
        """Negative predictive value: share of the images not called that are negative."""
        return _ratio(self.true_negatives, self.true_negatives + self.false_negatives)


def confusion(
    labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"], threshold: float
) -> Confusion:
    """Count the decisions at a threshold.

    Raises:
        ValueError: a probability or the threshold is NaN.
    """
    check_no_nan(probabilities)
    if np.isnan(threshold):
        raise ValueError("the threshold is NaN; an unset threshold cannot decide")
    return confusion_of_calls(labels, probabilities >= threshold)


def confusion_of_calls(labels: Bool[np.ndarray, " images"], calls: Bool[np.ndarray, " images"]) -> Confusion:
    """Count the agreement of yes / no calls with the labels."""
    return Confusion(
        true_positives=int(np.sum(calls & labels)),
        false_positives=int(np.sum(calls & ~labels)),
        false_negatives=int(np.sum(~calls & labels)),
        true_negatives=int(np.sum(~calls & ~labels)),
    )


def f1_score(labels: Bool[np.ndarray, " images"], calls: Bool[np.ndarray, " images"]) -> float:
    """F1 of yes / no calls against labels; NaN where both are entirely negative."""
    return confusion_of_calls(labels, calls).f1


def threshold_max_f1(
    labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"]
) -> float:
    """The probability which, as threshold, gives the highest F1; the highest such where several do.

    Raises:
        NotEstimable: only one class is present.
    """
    calls = _calls(labels, probabilities)
    called = calls.true_positives + calls.false_positives
    f1 = 2 * calls.true_positives / (called + int(labels.sum()))
    return float(calls.thresholds[np.argmax(f1)])


def threshold_youden(
    labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"]
) -> float:
    """The probability which, as threshold, maximises sensitivity + specificity - 1 (Youden 1950).

    Raises:
        NotEstimable: only one class is present.
    """
    calls = _calls(labels, probabilities)
    positives = int(labels.sum())
    negatives = labels.size - positives
    # In integers, so that equal indices compare equal.
    return float(
        calls.thresholds[np.argmax(calls.true_positives * negatives - calls.false_positives * positives)]
    )


def threshold_at_sensitivity(
    labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"], sensitivity: float = 0.9
) -> float:
    """The highest threshold at which at least this share of the positive images is called.

    Raises:
        NotEstimable: no image is positive.
        ValueError: the sensitivity is not in (0, 1].
    """
    if not 0 < sensitivity <= 1:
        raise ValueError(f"sensitivity must lie in (0, 1], got {sensitivity}")
    check_no_nan(probabilities)
    if not labels.any():
        raise NotEstimable("not estimable: no image is positive")
    positive = np.sort(probabilities[labels])[::-1]
    # 0.9 of 10 must be 9, though 0.9 * 10 may come out a hair above it.
    needed = int(np.ceil(sensitivity * positive.size - 1e-9))
    return float(positive[needed - 1])


def _calls(labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"]) -> Calls:
    check_two_classes(labels)
    check_no_nan(probabilities)
    return called_at_each_score(labels, probabilities)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
