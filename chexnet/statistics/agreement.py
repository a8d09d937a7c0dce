"""Do readers agree beyond chance? Readings are categories (0 and 1 here, any number in general); NaN is
a reading that was not made.
"""

from itertools import combinations

import numpy as np

from chexnet.arrays import Float
from chexnet.statistics.arguments import real, table, validated
from chexnet.statistics.estimate import NotEstimable

Readings = Float[np.ndarray, "readers images"]


@validated(first=real, second=real)
def cohens_kappa(first: Float[np.ndarray, " images"], second: Float[np.ndarray, " images"]) -> float:
    """Agreement of two readers over the images that both read (Cohen 1960): 1 is perfect, 0 is chance.

    Raises:
        NotEstimable: no image was read by both, or both gave every image the same single category.
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    if not both.any():
        raise NotEstimable("not estimable: no image was read by both")
    first, second = first[both], second[both]
    categories = np.union1d(first, second)
    expected = sum(float(np.mean(first == one) * np.mean(second == one)) for one in categories)
    return _beyond_chance(float(np.mean(first == second)), expected)


@validated(readings=table)
def fleiss_kappa(readings: Readings) -> float:
    """Agreement of several readers over the images that all of them read (Fleiss 1971).

    Raises:
        NotEstimable: fewer than two readers, no image read by all, or one category throughout.
    """
    complete = readings[:, ~np.isnan(readings).any(axis=0)]
    readers, images = complete.shape
    if readers < 2 or images == 0:
        raise NotEstimable(f"not estimable: {readers} readers share {images} images")
    votes = np.stack([(complete == one).sum(axis=0) for one in np.unique(complete)])
    agreeing_pairs = (votes * (votes - 1)).sum(axis=0) / (readers * (readers - 1))
    expected = float(np.sum((votes.sum(axis=1) / (readers * images)) ** 2))
    return _beyond_chance(float(agreeing_pairs.mean()), expected)


@validated(readings=table)
def krippendorffs_alpha(readings: Readings) -> float:
    """Nominal agreement of any number of readers, with readings missing anywhere (Krippendorff 2004).

    One minus observed over expected disagreement, among all pairs of readings of one image.

    Raises:
        NotEstimable: no image was read twice, or one category throughout.
    """
    read = (~np.isnan(readings)).sum(axis=0)
    pairable = readings[:, read >= 2]
    if pairable.size == 0:
        raise NotEstimable("not estimable: no image was read by two readers")
    votes = np.stack([(pairable == one).sum(axis=0) for one in np.unique(pairable[~np.isnan(pairable)])])
    total, per_image = votes.sum(), votes.sum(axis=0)
    observed = float(np.sum((per_image**2 - (votes**2).sum(axis=0)) / (per_image - 1))) / total
    by_category = votes.sum(axis=1)
    expected = float(total**2 - np.sum(by_category**2)) / (total * (total - 1))
    if expected == 0:
        raise NotEstimable("not estimable: every reading is the same")
    return float(1 - observed / expected)


@validated(readings=table)
def pairwise_kappas(readings: Readings) -> dict[tuple[int, int], float]:
    """Cohen's kappa of each pair of readers by their indices; NaN where it is not estimable."""
    kappas = {}
    for first, second in combinations(range(readings.shape[0]), 2):
        try:
            kappas[first, second] = cohens_kappa(readings[first], readings[second])
        except NotEstimable:
            kappas[first, second] = float("nan")
    return kappas


def _beyond_chance(observed: float, expected: float) -> float:
    # Expected agreement of 1 up to rounding means one category throughout.
    if expected > 1 - 1e-12:
        raise NotEstimable("not estimable: every reading is the same, so chance alone agrees always")
    return (observed - expected) / (1 - expected)
