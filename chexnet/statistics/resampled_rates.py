"""Sensitivity, specificity, F1 and their kin over resamples: sums of counts, nothing more."""

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.statistics.arguments import binary, numbered, real, validated
from chexnet.statistics.bootstrap import Counts, weigh


class Decisions:
    """Yes / no calls against labels, ready to be weighed by any number of resamples of patients.

    Each method gives one number for each resample, NaN where its denominator is zero.
    """

    @validated(labels=binary, calls=binary, clusters=numbered)
    def __init__(
        self,
        labels: Bool[np.ndarray, " images"],
        calls: Bool[np.ndarray, " images"],
        clusters: Int[np.ndarray, " images"],
        patients: int,
    ) -> None:
        self._counts = np.stack(
            [
                np.bincount(clusters[chosen], minlength=patients)
                for chosen in (calls & labels, calls & ~labels, ~calls & labels, ~calls & ~labels)
            ]
        ).astype(np.float64)

    def f1(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """2 TP / (2 TP + FP + FN)."""
        tp, fp, fn, _ = weigh(self._counts, counts)
        return ratio(2 * tp, 2 * tp + fp + fn)

    def sensitivity(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """TP / (TP + FN)."""
        tp, _, fn, _ = weigh(self._counts, counts)
        return ratio(tp, tp + fn)

    def specificity(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """TN / (TN + FP)."""
        _, fp, _, tn = weigh(self._counts, counts)
        return ratio(tn, tn + fp)

    def ppv(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """TP / (TP + FP)."""
        tp, fp, _, _ = weigh(self._counts, counts)
        return ratio(tp, tp + fp)

    def npv(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """TN / (TN + FN)."""
        _, _, fn, tn = weigh(self._counts, counts)
        return ratio(tn, tn + fn)


class WeightedMean:
    """The mean of a number an image has, such as its squared error, over resamples of patients."""

    @validated(values=real, clusters=numbered)
    def __init__(
        self, values: Float[np.ndarray, " images"], clusters: Int[np.ndarray, " images"], patients: int
    ) -> None:
        self._sums = np.stack(
            (np.bincount(clusters, values, patients), np.bincount(clusters, minlength=patients))
        ).astype(np.float64)

    def __call__(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """The mean of each resample; NaN where it has no image."""
        total, images = weigh(self._sums, counts)
        return ratio(total, images)


def ratio(
    part: Float[np.ndarray, "*shape"], whole: Float[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """Quotient, NaN where ``whole`` is zero: not estimable."""
    quotient: Float[np.ndarray, "*shape"] = np.full(part.shape, np.nan)
    np.divide(part, whole, out=quotient, where=whole != 0)
    return quotient
