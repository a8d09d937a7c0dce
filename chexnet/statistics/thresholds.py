"""From probabilities to decisions. An image is called present where ``probability >= threshold``.

Thresholds come from validation images; choosing one on the test set flatters the test set.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.statistics.arguments import binary, real, table, validated
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


@validated(labels=binary, probabilities=real)
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


@validated(labels=binary, calls=binary)
def confusion_of_calls(labels: Bool[np.ndarray, " images"], calls: Bool[np.ndarray, " images"]) -> Confusion:
    """Count the agreement of yes / no calls with the labels."""
    return Confusion(
        true_positives=int(np.sum(calls & labels)),
        false_positives=int(np.sum(calls & ~labels)),
        false_negatives=int(np.sum(~calls & labels)),
        true_negatives=int(np.sum(~calls & ~labels)),
    )


@validated(labels=binary, calls=binary)
def f1_score(labels: Bool[np.ndarray, " images"], calls: Bool[np.ndarray, " images"]) -> float:
    """F1 of yes / no calls against labels; NaN where both are entirely negative."""
    return confusion_of_calls(labels, calls).f1


@validated(labels=binary, probabilities=real)
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


@validated(labels=binary, probabilities=real)
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


@validated(labels=binary, probabilities=real)
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


@validated(readings=table, probabilities=real)
def threshold_reader_f1(
    readings: Float[np.ndarray, "readers images"], probabilities: Float[np.ndarray, " images"]
) -> float:
    """The probability which, as threshold, gives the highest F1 of the paper's comparison (section 4.1).

    That F1 is the mean of the model's F1s against each reader as ground truth. A single reader's mean is
    its only F1, so with one label an image this is ``threshold_max_f1``; readers who disagree move it.

    Args:
        readings: 1 present, 0 absent, NaN not read.
        probabilities: the model's.

    Raises:
        NotEstimable: no reader calls an image present, or all call every image present.
    """
    check_no_nan(probabilities)
    read = ~np.isnan(readings)
    check_two_classes(readings[read] == 1)
    thresholds = np.unique(probabilities)[::-1]
    f1 = np.zeros(thresholds.size)
    for reading, known in zip(readings, read, strict=True):
        called = _at_least(thresholds, probabilities[known])
        right = _at_least(thresholds, probabilities[known & (reading == 1)])
        # Nothing called and nothing present is 0/0; it speaks for no threshold.
        f1 += 2 * right / np.maximum(called + int((reading == 1).sum()), 1)
    return float(thresholds[np.argmax(f1)])


def _at_least(
    thresholds: Float[np.ndarray, " thresholds"], values: Float[np.ndarray, " values"]
) -> Int[np.ndarray, " thresholds"]:
    return values.size - np.searchsorted(np.sort(values), thresholds, side="left")


def _reader_f1_of_labels(
    labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"]
) -> float:
    return threshold_reader_f1(labels[None].astype(np.float64), probabilities)


Policy = Literal["max_f1", "youden", "sensitivity_90", "reader_f1"]
"""The name of a way to choose an operating point."""

POLICIES: Mapping[Policy, Callable[[Bool[np.ndarray, " images"], Float[np.ndarray, " images"]], float]] = {
    "max_f1": threshold_max_f1,
    "youden": threshold_youden,
    "sensitivity_90": threshold_at_sensitivity,
    "reader_f1": _reader_f1_of_labels,
}
"""How each policy chooses, from validation images' labels and probabilities.

Highest F1; highest sensitivity + specificity; highest threshold with a sensitivity of at least 0.9; highest
F1 of the paper's comparison, with the labels as the one reader.
"""


def _calls(labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"]) -> Calls:
    check_two_classes(labels)
    check_no_nan(probabilities)
    return called_at_each_score(labels, probabilities)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else float("nan")
