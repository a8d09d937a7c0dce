"""AUROC and average precision of thousands of resamples, from counts in place of copies.

A bootstrap resample is a count per patient: how often it was drawn. Under counts w the
Mann–Whitney statistic is a sum over pairs, w(positive) * w(negative) * [positive outscores
negative], so for each positive one needs the weight of the negatives below it. Sorted scores make
that a running sum, and this module computes the running sum of hundreds of resamples at once as
small matrix products: the score axis is cut at every few positives; inside a cut a 0 / 1/2 / 1
matrix compares its positives with its negatives; whole cuts below are added as totals. Counts are
small integers, so float32 products are exact, and the result equals that of resampled copies.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from jaxtyping import Bool, Float, Int

from chexnet.statistics.roc import check_no_nan, check_two_classes

_LEVELS_IN_A_CUT = 12
"""Few enough that products stay cheap, many enough that Python's loop over cuts does."""

_LARGEST_EXACT = 2**23
"""Below this, halves of integers are exact in float32."""

Counts = Float[np.ndarray, "clusters resamples"]
"""How often each patient (cluster) was drawn in each resample."""


@dataclass(frozen=True)
class _Cut:
    """A stretch of the score axis: its positives by score, its negatives, and who outscores whom."""

    positive_clusters: Int[np.ndarray, " positives"]
    first_of_level: Int[np.ndarray, " levels"]
    negative_clusters: Int[np.ndarray, " negatives"]
    below: Float[np.ndarray, "levels_and_one negatives"]
    """Per level: negatives below it, ties one half. The last row, all ones, gives the cut's total."""
    strictly_below: Float[np.ndarray, "levels_and_one negatives"]


class Ranking:
    """One finding's labels and scores, ready to be weighed by any number of resamples.

    Raises:
        NotEstimable: only one class is present.
        ValueError: a score is NaN.
    """

    def __init__(
        self,
        labels: Bool[np.ndarray, " images"],
        scores: Float[np.ndarray, " images"],
        clusters: Int[np.ndarray, " images"],
    ) -> None:
        check_two_classes(labels)
        check_no_nan(scores)
        self._labels, self._scores, self._clusters = labels, scores, clusters
        # The cuts follow the rarer class; swapping classes and reversing scores keeps the AUROC.
        self._swapped = 2 * int(labels.sum()) > labels.size

    def auroc(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """AUROC of each resample; NaN where a resample has one class only."""
        counts = self._exact(counts)
        favourable = np.zeros(counts.shape[1])
        positives, negatives = favourable.copy(), favourable.copy()
        for cut in self._cuts:
            weight, inside = _weigh(cut, counts, cut.below)
            favourable += np.einsum("lr,lr->r", weight, inside[:-1] + negatives, dtype=np.float64)
            positives += weight.sum(axis=0, dtype=np.float64)
            negatives += inside[-1]
        return _divide(favourable, positives * negatives)

    def average_precision(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """Average precision of each resample; NaN where a resample has one class only."""
        counts = self._exact(counts)
        total = np.zeros(counts.shape[1])
        positives, negatives = total.copy(), total.copy()
        # From the highest scores down, as precision counts from the top.
        for cut in reversed(self._cuts_of_positives):
            weight, inside = _weigh(cut, counts, cut.strictly_below)
            at_or_above = negatives + (inside[-1] - inside[:-1])
            called_right = positives + np.cumsum(weight[::-1], axis=0, dtype=np.float64)[::-1]
            total += np.sum(weight * _divide(called_right, called_right + at_or_above, 0.0), axis=0)
            positives, negatives = called_right[0], negatives + inside[-1]
        total = _divide(total, positives)
        total[negatives == 0] = np.nan
        return total

    def _exact(self, counts: Counts) -> Counts:
        """The counts as float32 where no sum of them can round, else as float64."""
        largest = float(counts.max(initial=0)) * self._labels.size
        return counts.astype(np.float32 if largest < _LARGEST_EXACT else np.float64, copy=False)

    @cached_property
    def _cuts(self) -> list[_Cut]:
        if self._swapped:
            return list(_cuts(~self._labels, -self._scores, self._clusters))
        return self._cuts_of_positives

    @cached_property
    def _cuts_of_positives(self) -> list[_Cut]:
        return list(_cuts(self._labels, self._scores, self._clusters))


def _weigh(
    cut: _Cut, counts: Counts, comparison: Float[np.ndarray, "levels_and_one negatives"]
) -> tuple[Float[np.ndarray, "levels resamples"], Float[np.ndarray, "levels_and_one resamples"]]:
    """Weight of each level's positives, and of the cut's negatives that lie below each level."""
    drawn = counts[cut.positive_clusters]
    if cut.first_of_level.size < cut.positive_clusters.size:
        drawn = np.add.reduceat(drawn, cut.first_of_level, axis=0)
    elif not cut.first_of_level.size:
        drawn = drawn[:0]
    return drawn, comparison @ counts[cut.negative_clusters]


def _cuts(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"],
) -> Iterator[_Cut]:
    """Cut the score axis below every few distinct positive scores; ties stay together."""
    order = np.argsort(scores, kind="stable")
    labels, scores, clusters = labels[order], scores[order], clusters[order]
    boundaries = np.unique(scores[labels])[::_LEVELS_IN_A_CUT]
    edges = np.concatenate(([0], np.searchsorted(scores, boundaries[1:]), [scores.size]))
    for start, end in pairwise(edges):
        chosen = labels[start:end]
        yield _cut(chosen, scores[start:end], clusters[start:end])


def _cut(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"],
) -> _Cut:
    levels, first = np.unique(scores[labels], return_index=True)
    negative = scores[~labels]
    ones = np.ones((1, negative.size), dtype=np.float32)
    strictly = (negative[None, :] < levels[:, None]).astype(np.float32)
    ties = (negative[None, :] == levels[:, None]).astype(np.float32)
    return _Cut(
        positive_clusters=clusters[labels],
        first_of_level=first,
        negative_clusters=clusters[~labels],
        below=np.concatenate((strictly + ties / 2, ones)),
        strictly_below=np.concatenate((strictly, ones)),
    )


def _divide(
    part: Float[np.ndarray, "*shape"], whole: Float[np.ndarray, "*shape"], otherwise: float = np.nan
) -> Float[np.ndarray, "*shape"]:
    ratio: Float[np.ndarray, "*shape"] = np.full(part.shape, otherwise)
    np.divide(part, whole, out=ratio, where=whole != 0)
    return ratio
