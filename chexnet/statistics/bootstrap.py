"""The bootstrap over patients (or images), on counts: intervals for any number on the same resamples.

Images of one patient resemble each other, so resampling images understates the spread; the unit
to draw is the patient. Every statistic here is a function of *counts*, an array of how often each
patient was drawn in each resample, and all statistics given together see the same counts, which is
what makes differences between models paired.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from chexnet._options import Progress
from chexnet.arrays import Float, Int, Shaped
from chexnet.statistics.arguments import identities, real, validated
from chexnet.statistics.estimate import NotEstimable, check_confidence, standard_normal

Counts = Float[np.ndarray, "clusters resamples"]
"""How often each patient (cluster) was drawn in each resample."""

Statistic = Callable[[Counts], Float[np.ndarray, " resamples"]]
"""One number for each resample, NaN where that resample does not determine it."""


SAMPLES = 10_000
"""Resamples, as in section 4.1."""

BLOCK = 128
"""Resamples at a time: a few thousand patients' counts then fit a processor's cache."""

SMALL_PRODUCT = 2**18
"""Multiplications in one product.

OpenBLAS gives a larger product to all cores, where waiting for each other costs more than the work, and
on a busy machine a hundred times more.
"""

_MOST_UNDEFINED = 0.05
"""Share of resamples without a value above which an interval would describe some other data."""


@validated(patients=identities)
def clusters_of(patients: Shaped[np.ndarray, " images"] | None, images: int) -> Int[np.ndarray, " images"]:
    """Number each image's patient from 0; without patients every image is its own."""
    if patients is None:
        return np.arange(images)
    if patients.size != images:
        raise ValueError(f"expected a patient for each of {images} images, got {patients.size}")
    return np.unique(patients, return_inverse=True)[1]


def resample_counts(
    clusters: int, samples: int, generator: "np.random.Generator", block: int = BLOCK
) -> Iterator[Counts]:
    """Draw as many patients as there are, with replacement, ``samples`` times; counts in blocks.

    Raises:
        NotEstimable: there is one patient only, so that every resample is the data.
    """
    if clusters < 2:
        raise NotEstimable("interval not estimable: a bootstrap over patients needs at least two patients")
    if samples < 1:
        raise ValueError(f"expected at least one resample, got {samples}")
    for start in range(0, samples, block):
        drawn = generator.integers(0, clusters, (min(block, samples - start), clusters))
        counts = np.empty((clusters, drawn.shape[0]), dtype=np.float32)
        for column, row in enumerate(drawn):
            counts[:, column] = np.bincount(row, minlength=clusters)
        yield counts


def weigh(sums: Float[np.ndarray, "rows clusters"], counts: Counts) -> Float[np.ndarray, "rows resamples"]:
    """``sums @ counts`` in float64: what per-patient sums add up to in each resample."""
    total = np.zeros((sums.shape[0], counts.shape[1]))
    step = max(1, SMALL_PRODUCT // max(1, sums.shape[0] * counts.shape[1]))
    for start in range(0, counts.shape[0], step):
        total += sums[:, start : start + step] @ counts[start : start + step]
    return total


def bootstrap(
    statistics: Sequence[Statistic],
    clusters: int,
    samples: int = SAMPLES,
    seed: int = 0,
    progress: Progress | None = None,
) -> Float[np.ndarray, "samples statistics"]:
    """Distribution of several statistics over the same resamples of ``clusters`` patients.

    Args:
        seed: the same seed and sizes give the same resamples.
        progress: told after every block.
    """
    blocks, done = [], 0
    for counts in resample_counts(clusters, samples, np.random.default_rng(seed)):
        blocks.append(np.stack([statistic(counts) for statistic in statistics], axis=1))
        done += counts.shape[1]
        if progress:
            progress(done, samples)
    return np.concatenate(blocks)


@validated(distribution=real)
def percentile_interval(
    distribution: Float[np.ndarray, " samples"], confidence: float = 0.95
) -> tuple[float, float]:
    """The central share of a bootstrap distribution: its 2.5th and 97.5th percentiles for 0.95.

    Raises:
        NotEstimable: more than 5 % of the resamples have no value, or all have the same.
    """
    check_confidence(confidence)
    low, high = np.quantile(_defined(distribution), ((1 - confidence) / 2, (1 + confidence) / 2))
    return float(low), float(high)


@validated(distribution=real)
def bca_interval(
    distribution: Float[np.ndarray, " samples"],
    value: float,
    leave_one_out: Float[np.ndarray, " clusters"],
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Percentiles moved for bias and skewness (Efron, JASA 82, 1987).

    Args:
        value: the statistic on the data themselves.
        leave_one_out: the statistic without each patient in turn (see ``jackknife``).

    Raises:
        NotEstimable: as ``percentile_interval``, or the value lies outside all resamples, or the
            statistic is undefined without some patient.
    """
    check_confidence(confidence)
    values = _defined(distribution)
    if np.isnan(leave_one_out).any():
        raise NotEstimable("BCa interval not estimable: one patient holds the only images of a class")
    below = float(np.mean(values < value) + np.mean(values == value) / 2)
    if not 0 < below < 1:
        raise NotEstimable("BCa interval not estimable: the value lies outside all of its resamples")
    normal = standard_normal()
    bias = normal.inv_cdf(below)
    acceleration = _acceleration(leave_one_out)
    shares = []
    for tail in ((1 - confidence) / 2, (1 + confidence) / 2):
        moved = bias + normal.inv_cdf(tail)
        shares.append(normal.cdf(bias + moved / (1 - acceleration * moved)))
    low, high = np.quantile(values, shares)
    return float(low), float(high)


def jackknife(
    statistic: Callable[[Counts], Float[np.ndarray, "*numbers resamples"]], clusters: int
) -> Float[np.ndarray, "*numbers clusters"]:
    """The statistic (or several, one per row) without each patient in turn: counts all one but one."""
    values = []
    for start in range(0, clusters, BLOCK):
        left_out = np.arange(start, min(start + BLOCK, clusters))
        counts = np.ones((clusters, left_out.size), dtype=np.float32)
        counts[left_out, np.arange(left_out.size)] = 0
        values.append(statistic(counts))
    return np.concatenate(values, axis=-1)


def _acceleration(leave_one_out: Float[np.ndarray, " clusters"]) -> float:
    distance = leave_one_out.mean() - leave_one_out
    spread = float(np.sum(distance**2))
    return float(np.sum(distance**3)) / (6 * spread**1.5) if spread else 0.0


def _defined(distribution: Float[np.ndarray, " samples"]) -> Float[np.ndarray, " defined"]:
    defined: Float[np.ndarray, " defined"] = distribution[~np.isnan(distribution)]
    undefined = 1 - defined.size / distribution.size
    if undefined > _MOST_UNDEFINED:
        raise NotEstimable(
            f"interval not estimable: {undefined:.0%} of the resamples have no value; "
            "too few patients have a positive (or a negative) image"
        )
    if defined.min() == defined.max():
        # A width of zero would claim certainty, where the data only fail to show any variation.
        raise NotEstimable("interval not estimable: every resample gives the same value")
    return defined
