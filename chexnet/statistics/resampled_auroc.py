"""AUROC and average precision of thousands of resamples, from counts in place of copies.

Under counts w the Mann–Whitney statistic is a sum over pairs, w(positive) * w(negative) *
[positive outscores negative], so for each positive one needs the weight of the negatives below it.
Sorted scores make that a running sum, and this module computes the running sum of a hundred
resamples at once as small matrix products: the score axis is cut into short stretches; inside a
cut a 0 / 1/2 / 1 matrix compares its positives with its negatives; whole cuts below are added as
totals. Counts are small integers, so float32 products are exact, and the result equals that of
resampled copies.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Literal

import numpy as np

from chexnet._options import Progress
from chexnet.arrays import Bool, Float, Int, Shaped
from chexnet.statistics.arguments import binary, identities, numbered, real, validated
from chexnet.statistics.bootstrap import (
    BLOCK,
    SAMPLES,
    SMALL_PRODUCT,
    Counts,
    bca_interval,
    bootstrap,
    clusters_of,
    jackknife,
    percentile_interval,
)
from chexnet.statistics.estimate import Estimate, check_confidence
from chexnet.statistics.roc import auroc, average_precision, check_no_nan, check_two_classes

Metric = Literal["auroc", "average_precision"]
Method = Literal["percentile", "bca"]

_CUT_SIZE = SMALL_PRODUCT // BLOCK
"""Largest (levels + 1) * negatives of a cut, for a product with one block of resamples."""

_UNCOMPARED = _CUT_SIZE // 4
"""Negatives of a cut without levels; what is left over then fits into the next cut."""

_LARGEST_EXACT = 2**23
"""Below this, halves of integers are exact in float32."""


class Ranking:
    """One finding's labels and scores, ready to be weighed by any number of resamples.

    Raises:
        NotEstimable: only one class is present.
        ValueError: a score is NaN.
    """

    @validated(labels=binary, scores=real, clusters=numbered)
    def __init__(
        self,
        labels: Bool[np.ndarray, " images"],
        scores: Float[np.ndarray, " images"],
        clusters: Int[np.ndarray, " images"],
    ) -> None:
        check_two_classes(labels)
        check_no_nan(scores)
        self._labels, self._scores, self._clusters = labels, scores, clusters
        # The levels follow the rarer class; swapping classes and reversing scores keeps the AUROC.
        self._swapped = 2 * int(labels.sum()) > labels.size

    def auroc(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """AUROC of each resample; NaN where a resample has one class only."""
        weights, below, negatives = _weigh(self._halves, self._exact(counts))
        won = np.einsum("lr,lr->r", weights, below, dtype=np.float64)
        return _divide(won, weights.sum(axis=0, dtype=np.float64) * negatives)

    def average_precision(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """Average precision of each resample; NaN where a resample has one class only."""
        weights, below, negatives = _weigh(self._strict, self._exact(counts))
        called_right = np.cumsum(weights[::-1], axis=0, dtype=np.float64)[::-1]
        called_wrong = negatives - below
        # A level that no drawn patient reaches adds nothing, whatever its precision.
        precision = _divide(called_right, called_right + called_wrong, 0.0)
        gained = np.einsum("lr,lr->r", weights, precision)
        area = _divide(gained, called_right[0])
        area[negatives == 0] = np.nan
        return area

    def _exact(self, counts: Counts) -> Counts:
        """The counts as float32 where no sum of them can round, else as float64."""
        largest = float(counts.max(initial=0)) * self._labels.size
        return counts.astype(np.float32 if largest < _LARGEST_EXACT else np.float64, copy=False)

    @cached_property
    def _halves(self) -> "_Comparison":
        """Who outscores whom, ties one half."""
        if self._swapped:
            return _compare(~self._labels, -self._scores, self._clusters, tie=0.5)
        return _compare(self._labels, self._scores, self._clusters, tie=0.5)

    @cached_property
    def _strict(self) -> "_Comparison":
        """Who outscores whom, ties not counted."""
        return _compare(self._labels, self._scores, self._clusters, tie=0.0)


@validated(labels=binary, scores=real, patients=identities)
def bootstrap_interval(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    metric: Metric = "auroc",
    method: Method = "percentile",
    samples: int = SAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
    progress: Progress | None = None,
) -> Estimate:
    """AUROC or average precision with its bootstrap interval over patients.

    Args:
        patients: the patient of each image. Without it images are resampled, which is right only
            where each patient has one image.
        method: "percentile", as the paper (section 4.1), or "bca", corrected for bias and skewness
            (Efron 1987).

    Raises:
        NotEstimable: one class or one patient only, or a class so rare that more than 5 % of the
            resamples lack it, or classes so well separated that all resamples agree (``auroc_interval``
            gives a bound then).
    """
    check_confidence(confidence)
    clusters = clusters_of(patients, labels.size)
    ranking = Ranking(labels, scores, clusters)
    statistic = ranking.auroc if metric == "auroc" else ranking.average_precision
    value = (auroc if metric == "auroc" else average_precision)(labels, scores)
    number = int(clusters.max()) + 1
    distribution = bootstrap([statistic], number, samples, seed, progress)[:, 0]
    if method == "percentile":
        interval = percentile_interval(distribution, confidence)
    else:
        interval = bca_interval(distribution, value, jackknife(statistic, number), confidence)
    return Estimate(value, *interval)


@dataclass(frozen=True)
class _Cut:
    """A stretch of the score axis: the clusters of its negatives, and which levels they lie below.

    The first row of ``below`` is all ones and gives the cut's total; a row for each level follows.
    """

    negatives: Int[np.ndarray, " negatives"]
    below: Float[np.ndarray, "one_and_levels negatives"]


@dataclass(frozen=True)
class _Comparison:
    """Positives against negatives, in cuts from the lowest scores to the highest.

    Attributes:
        positives: clusters of the positives in order of their scores.
        first_of_level: where each distinct score of the positives begins among them.
        total_rows: the row of each cut's total, when all cuts' rows are stacked.
        level_rows: the row of each level.
        cut_of_level: the cut of each level.
    """

    cuts: list[_Cut]
    positives: Int[np.ndarray, " positives"]
    first_of_level: Int[np.ndarray, " levels"]
    total_rows: Int[np.ndarray, " cuts"]
    level_rows: Int[np.ndarray, " levels"]
    cut_of_level: Int[np.ndarray, " levels"]


def _weigh(
    comparison: _Comparison, counts: Counts
) -> tuple[
    Float[np.ndarray, "levels resamples"],
    Float[np.ndarray, "levels resamples"],
    Float[np.ndarray, " resamples"],
]:
    """In each resample, the weight at each level, that of the negatives below it, and of all negatives."""
    weights = counts[comparison.positives]
    if comparison.first_of_level.size < comparison.positives.size:
        weights = np.add.reduceat(weights, comparison.first_of_level, axis=0)
    rows = _inside_cuts(comparison, counts)
    through = np.cumsum(rows[comparison.total_rows], axis=0)
    before = np.vstack((np.zeros_like(through[:1]), through[:-1]))
    below = rows[comparison.level_rows] + before[comparison.cut_of_level]
    return weights, below, through[-1].astype(np.float64)


def _inside_cuts(comparison: _Comparison, counts: Counts) -> Float[np.ndarray, "rows resamples"]:
    """All cuts' products, stacked."""
    resamples = counts.shape[1]
    rows = np.empty((comparison.total_rows.size + comparison.level_rows.size, resamples), counts.dtype)
    widest = max(cut.negatives.size for cut in comparison.cuts)
    # Fresh memory for every cut would cost more than the gathering itself.
    buffer = np.empty((widest, resamples), counts.dtype)
    start = 0
    # OpenBLAS at times raises the processor's flag for an invalid operation where there was none.
    with np.errstate(invalid="ignore"):
        for cut in comparison.cuts:
            end = start + cut.below.shape[0]
            gathered = buffer[: cut.negatives.size]
            # "clip" skips the check of bounds, which the clusters satisfy by construction.
            np.take(counts, cut.negatives, axis=0, out=gathered, mode="clip")
            if end == start + 1:
                gathered.sum(axis=0, out=rows[start])
            else:
                np.matmul(cut.below, gathered, out=rows[start:end])
            start = end
    if not np.isfinite(rows).all():
        raise FloatingPointError("sums of counts are not finite; this processor's matrix product is wrong")
    return rows


def _compare(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"],
    tie: float,
) -> _Comparison:
    order = np.argsort(scores, kind="stable")
    labels, scores, clusters = labels[order], scores[order], clusters[order]
    levels, first_of_level = np.unique(scores[labels], return_index=True)
    edges = _edges(levels, scores)
    cuts = [
        _cut(
            levels,
            scores[start:end][~labels[start:end]],
            clusters[start:end][~labels[start:end]],
            bounds,
            tie,
        )
        for (start, end), bounds in zip(pairwise(edges), _levels_between(levels, scores, edges), strict=True)
    ]
    sizes = np.array([cut.below.shape[0] for cut in cuts])
    ends = np.cumsum(sizes)
    total_rows = ends - sizes
    return _Comparison(
        cuts=cuts,
        positives=clusters[labels],
        first_of_level=first_of_level,
        total_rows=total_rows,
        level_rows=np.setdiff1d(np.arange(ends[-1]), total_rows),
        cut_of_level=np.repeat(np.arange(len(cuts)), sizes - 1),
    )


def _edges(levels: Float[np.ndarray, " levels"], scores: Float[np.ndarray, " images"]) -> list[int]:
    """Where the sorted images are cut: greedily, after as many levels as a small product can hold.

    Tied scores stay together.
    """
    first = np.searchsorted(scores, levels, side="left").tolist()
    after = np.searchsorted(scores, levels, side="right").tolist()
    edges, held, last = [0], 0, 0
    for level_start, level_end in zip(first, after, strict=True):
        if held and (held + 2) * (level_end - edges[-1]) > _CUT_SIZE:
            edges.append(last)
            held = 0
        if not held:
            # Negatives far below the cut's first positive count as a whole; no need to compare them.
            edges.extend(range(edges[-1] + _UNCOMPARED, level_start, _UNCOMPARED))
        held, last = held + 1, level_end
    edges.append(after[-1])
    edges.extend(range(edges[-1] + _UNCOMPARED, scores.size, _UNCOMPARED))
    return sorted({*edges, scores.size})


def _levels_between(
    levels: Float[np.ndarray, " levels"], scores: Float[np.ndarray, " images"], edges: list[int]
) -> list[tuple[int, int]]:
    """For each cut, which of the levels it holds."""
    places = np.searchsorted(np.searchsorted(scores, levels, side="left"), edges, side="left").tolist()
    return list(pairwise(places))


def _cut(
    levels: Float[np.ndarray, " levels"],
    negative_scores: Float[np.ndarray, " negatives"],
    negatives: Int[np.ndarray, " negatives"],
    bounds: tuple[int, int],
    tie: float,
) -> _Cut:
    own = levels[bounds[0] : bounds[1], None]
    below = np.ones((own.size + 1, negatives.size), dtype=np.float32)
    below[1:] = (negative_scores < own) + tie * (negative_scores == own)
    return _Cut(negatives, below)


def _divide(
    part: Float[np.ndarray, "*shape"], whole: Float[np.ndarray, "*shape"], otherwise: float = np.nan
) -> Float[np.ndarray, "*shape"]:
    ratio: Float[np.ndarray, "*shape"] = np.full(part.shape, otherwise)
    np.divide(part, whole, out=ratio, where=whole != 0)
    return ratio
