"""What a call at the operating point was worth in the model's own test."""

from dataclasses import dataclass

import numpy as np

from chexnet.classifier import FindingMetadata
from chexnet.statistics import Estimate, wilson_interval


@dataclass(frozen=True)
class Worth:
    """Calls on test images, counted in the reliability diagram that the model file holds.

    The diagram has ten points of equally many images. Points count as called whose mean probability
    reaches the operating point, so the counts are right to about half a point: a few per cent.

    Attributes:
        called: test images called.
        correct: those of them that have the finding.
        ppv: share of calls that are right (positive predictive value), at the test's prevalence.
        sensitivity: share of the images with the finding that are called.
        specificity: share of the images without it that are not called.
    """

    called: int
    correct: int
    ppv: Estimate
    sensitivity: Estimate
    specificity: Estimate


def worth_of(entry: FindingMetadata, policy: str) -> Worth | None:
    """The worth of a finding's calls; None where it is never called, or nothing was measured."""
    threshold = entry.threshold(policy)
    if threshold is None or entry.calibration_test is None:
        return None
    measured = entry.calibration_test.after
    points = zip(measured.mean_probability, measured.observed, measured.count, strict=True)
    reached = [(round(share * count), count) for mean, share, count in points if mean >= threshold]
    called, correct = sum(count for _, count in reached), sum(right for right, _ in reached)
    false_alarms = called - correct
    if not called or correct > entry.positives or false_alarms > entry.negatives:
        return None
    return Worth(
        called,
        correct,
        _share(correct, called),
        _share(correct, entry.positives),
        _share(entry.negatives - false_alarms, entry.negatives),
    )


def _share(count: int, of: int) -> Estimate:
    """A share with its 95 % interval (Wilson)."""
    if not of:
        return Estimate(None, reason="no such test image")
    low, high = wilson_interval(np.array([count / of]), np.array([of]))
    return Estimate(count / of, float(low[0]), float(high[0]))
