"""Curves with bands: ROC and precision–recall over resamples of patients, for figures."""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.statistics.arguments import binary, numbered, real, validated
from chexnet.statistics.bootstrap import Counts, resample_counts
from chexnet.statistics.roc import check_no_nan, check_two_classes

_POINTS = 101
"""Points of the common axis, 0 to 1."""


@dataclass(frozen=True)
class Band:
    """A curve on a common axis with its pointwise band.

    Attributes:
        x: 1 - specificity, or recall.
        y: sensitivity, or precision.
    """

    x: Float[np.ndarray, " points"]
    y: Float[np.ndarray, " points"]
    low: Float[np.ndarray, " points"]
    high: Float[np.ndarray, " points"]


@validated(labels=binary, scores=real, clusters=numbered)
def roc_band(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"],
    *,
    samples: int = 256,
    confidence: float = 0.95,
    seed: int = 0,
) -> Band:
    """Sensitivity at each 1 - specificity, with the central share of its bootstrap values."""
    return _band(_sensitivity, labels, scores, clusters, samples, confidence, seed)


@validated(labels=binary, scores=real, clusters=numbered)
def precision_recall_band(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"],
    *,
    samples: int = 256,
    confidence: float = 0.95,
    seed: int = 0,
) -> Band:
    """Precision at each recall, with the central share of its bootstrap values."""
    return _band(_precision, labels, scores, clusters, samples, confidence, seed)


def _band(curve, labels, scores, clusters, samples, confidence, seed) -> Band:  # type: ignore[no-untyped-def]
    check_two_classes(labels)
    check_no_nan(scores)
    order = np.argsort(-scores, kind="stable")
    ordered = scores[order]
    last_of_tie = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), ordered.size - 1)
    x = np.linspace(0, 1, _POINTS)
    number = int(clusters.max()) + 1

    def curves(counts: Counts) -> list[Float[np.ndarray, " points"]]:
        drawn = counts[clusters[order]].astype(np.float64)
        right = np.cumsum(drawn * labels[order][:, None], axis=0)[last_of_tie]
        called = np.cumsum(drawn, axis=0)[last_of_tie]
        return [
            curve(x, right[:, one], called[:, one])
            for one in range(counts.shape[1])
            if 0 < right[-1, one] < called[-1, one]
        ]

    resampled = [
        one
        for counts in resample_counts(number, samples, np.random.default_rng(seed), block=16)
        for one in curves(counts)
    ]
    y = curves(np.ones((number, 1), dtype=np.float32))[0]
    low, high = np.quantile(np.array(resampled), ((1 - confidence) / 2, (1 + confidence) / 2), axis=0)
    return Band(x, y, low, high)


def _sensitivity(
    x: Float[np.ndarray, " points"], right: Float[np.ndarray, " levels"], called: Float[np.ndarray, " levels"]
) -> Float[np.ndarray, " points"]:
    wrong = called - right
    false_positive_rate = np.concatenate(([0.0], wrong / wrong[-1]))
    sensitivity = np.concatenate(([0.0], right / right[-1]))
    # The highest point at or left of each x, so that vertical steps are kept.
    place = np.searchsorted(false_positive_rate, x, side="right") - 1
    following = np.minimum(place + 1, false_positive_rate.size - 1)
    width = false_positive_rate[following] - false_positive_rate[place]
    share = np.divide(x - false_positive_rate[place], width, out=np.zeros_like(x), where=width > 0)
    joined: Float[np.ndarray, " points"] = sensitivity[place] + share * (
        sensitivity[following] - sensitivity[place]
    )
    return joined


def _precision(
    x: Float[np.ndarray, " points"], right: Float[np.ndarray, " levels"], called: Float[np.ndarray, " levels"]
) -> Float[np.ndarray, " points"]:
    # The first threshold that reaches each recall; a recall of 0 takes the first positive.
    place = np.searchsorted(right / right[-1], np.maximum(x - 1e-12, 1e-12))
    precision: Float[np.ndarray, " points"] = right[place] / called[place]
    return precision
