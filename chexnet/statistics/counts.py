"""Counts of a resample, and products with them that stay on one processor core.

A bootstrap resample is a count per patient: how often it was drawn. The products here are many and
small. OpenBLAS hands a product of more than about 2**18 multiplications to all cores, where waiting
for each other costs more than the work, and on a busy machine a hundred times more; so products are
kept below that.
"""

from numpy import ndarray, zeros

from chexnet.arrays import Float

Counts = Float[ndarray, "clusters resamples"]
"""How often each patient (cluster) was drawn in each resample."""

BLOCK = 128
"""Resamples at a time: a few thousand patients' counts then fit a processor's cache."""

SMALL_PRODUCT = 2**18
"""Multiplications in one product."""


def weigh(sums: Float[ndarray, "rows clusters"], counts: Counts) -> Float[ndarray, "rows resamples"]:
    """``sums @ counts`` in float64: what per-patient sums add up to in each resample."""
    total = zeros((sums.shape[0], counts.shape[1]))
    step = max(1, SMALL_PRODUCT // max(1, sums.shape[0] * counts.shape[1]))
    for start in range(0, counts.shape[0], step):
        total += sums[:, start : start + step] @ counts[start : start + step]
    return total
