"""The paper's comparison of a model with radiologists (section 4.1), on arrays.

Every image has a label from each of R radiologists and one from the model. Each of these R + 1
raters is scored by F1 against *each of the others* as ground truth, and the mean of the R values is
reported. So the model is one of the references of every radiologist, and a radiologist's score
would change with another model; ``model_as_reference=False`` scores radiologists against each other
alone. The bootstrap resamples images, or patients where they are given.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.statistics.arguments import numbered, real, table, validated
from chexnet.statistics.bootstrap import SAMPLES, Counts, percentile_interval, resample_counts, weigh
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.resampled_rates import ratio

Readings = Float[np.ndarray, "readers images"]
"""1 present, 0 absent, NaN not read."""

_FEWEST_SHARED = 2
"""Images that two raters must share for an F1 between them to be counted."""


@dataclass(frozen=True)
class ReaderStudy:
    """Table 1: each radiologist, their average, the model, and the difference.

    Each score is a rater's mean F1 against the others.

    Attributes:
        references: how many others each rater was measured against, the model last.
        pairs: F1 between any two raters, the model last; NaN where undefined.
        difference: the model's F1 minus the radiologists' average.
    """

    readers: tuple[Estimate, ...]
    readers_mean: Estimate
    model: Estimate
    difference: Estimate
    references: tuple[int, ...]
    pairs: Float[np.ndarray, "raters raters"]

    @property
    def significant(self) -> bool | None:
        """Whether the interval of the difference excludes zero; None where there is none."""
        return self.difference.excludes(0.0)


class PairedF1:
    """F1 between every two raters, and each rater's mean, under any resampling counts."""

    def __init__(
        self,
        readings: Readings,
        model: Float[np.ndarray, " images"],
        clusters: Int[np.ndarray, " images"],
        model_as_reference: bool = True,
    ) -> None:
        raters = np.vstack((readings, model))
        patients = int(clusters.max()) + 1
        self.raters = raters.shape[0]
        self.pairs: list[tuple[int, int]] = []
        rows = []
        for first, second in combinations(range(self.raters), 2):
            both = ~np.isnan(raters[first]) & ~np.isnan(raters[second])
            if both.sum() >= _FEWEST_SHARED:
                self.pairs.append((first, second))
                rows.append(_agreement(raters[first], raters[second], both, clusters, patients))
        self._sums = np.concatenate(rows) if rows else np.zeros((0, patients))
        self._references = self._who_refers(model_as_reference)

    def _who_refers(self, model_as_reference: bool) -> Float[np.ndarray, "raters pairs"]:
        """Weight of each pair's F1 in each rater's mean."""
        weights = np.zeros((self.raters, len(self.pairs)))
        model = self.raters - 1
        for column, (first, second) in enumerate(self.pairs):
            if model_as_reference or second != model:
                weights[first, column] = 1
            weights[second, column] = 1
        return weights

    @property
    def references(self) -> Int[np.ndarray, " raters"]:
        """How many others each rater is measured against."""
        number: Int[np.ndarray, " raters"] = self._references.sum(axis=1).astype(np.int64)
        return number

    def of_pairs(self, counts: Counts) -> Float[np.ndarray, "pairs resamples"]:
        """F1 of each pair; NaN where neither calls anything present."""
        sums = weigh(self._sums, counts).reshape(-1, 2, counts.shape[1])
        doubled = 2 * sums[:, 0]
        return ratio(doubled, doubled + sums[:, 1])

    def of_raters(self, counts: Counts) -> Float[np.ndarray, "raters resamples"]:
        """Each rater's mean over its references; NaN where any of them is undefined, or there is none."""
        f1 = self.of_pairs(counts)
        undefined = self._references @ np.isnan(f1) > 0
        total = self._references @ np.nan_to_num(f1)
        number = self._references.sum(axis=1, keepdims=True)
        scores = ratio(total, np.broadcast_to(number, total.shape))
        return np.where(undefined, np.nan, scores)


@validated(readings=table, model=real, clusters=numbered)
def reader_study(
    readings: Readings,
    model: Float[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"] | None = None,
    *,
    model_as_reference: bool = True,
    samples: int = SAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> ReaderStudy:
    """Compare a model with radiologists as the paper does (section 4.1, Table 1).

    Args:
        readings: NaN where a radiologist did not read an image.
        model: the model's calls, 1 or 0, at a threshold chosen on other images.
        clusters: each image's patient, numbered from 0; without it images are resampled, as in the paper.
        model_as_reference: whether the model is one of the references of a radiologist, as in the paper.

    Raises:
        ValueError: no radiologist, or a reading that is not 0, 1 or NaN.
        NotEstimable: fewer than two images or patients.
    """
    _check(readings, model)
    clusters = np.arange(model.size) if clusters is None else clusters
    paired = PairedF1(readings, model, clusters, model_as_reference)
    patients = int(clusters.max()) + 1
    everyone = np.ones((patients, 1), dtype=np.float32)
    values = _with_mean_and_difference(paired.of_raters(everyone), _scorable(paired))[:, 0]
    blocks = resample_counts(patients, samples, np.random.default_rng(seed))
    distribution = np.concatenate(
        [_with_mean_and_difference(paired.of_raters(counts), _scorable(paired)) for counts in blocks], axis=1
    )
    scores = [
        _score(value, row, confidence, _why(paired, index, everyone))
        for index, (value, row) in enumerate(zip(values, distribution, strict=True))
    ]
    *readers, of_model, mean, difference = scores
    references = tuple(paired.references.tolist())
    return ReaderStudy(tuple(readers), mean, of_model, difference, references, _matrix(paired, everyone))


@validated(readings=table)
def consensus(readings: Readings) -> Float[np.ndarray, " images"]:
    """Majority of the readings of each image; NaN where it is a tie or nobody read it."""
    read = (~np.isnan(readings)).sum(axis=0)
    present = np.nansum(readings, axis=0)
    return np.where(2 * present == read, np.nan, (2 * present > read).astype(np.float64))


@validated(readings=table)
def leave_one_out_consensus(readings: Readings, reader: int) -> Float[np.ndarray, " images"]:
    """Majority of the *other* readers, so that a reader is not compared with their own vote."""
    return consensus(np.delete(readings, reader, axis=0))


def _agreement(
    first: Float[np.ndarray, " images"],
    second: Float[np.ndarray, " images"],
    both: Bool[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"],
    patients: int,
) -> Float[np.ndarray, "two patients"]:
    """Per patient, images that both call present, and images on which they differ."""
    agree = both & (first == 1) & (second == 1)
    differ = both & (first != second)
    return np.stack([np.bincount(clusters[chosen], minlength=patients) for chosen in (agree, differ)]).astype(
        np.float64
    )


def _scorable(paired: PairedF1) -> Int[np.ndarray, " readers"]:
    """Radiologists with any reference; one who shares images with nobody has no score to average."""
    return np.flatnonzero(paired.references[:-1])


def _with_mean_and_difference(
    scores: Float[np.ndarray, "raters resamples"], readers: Int[np.ndarray, " readers"]
) -> Float[np.ndarray, "rows resamples"]:
    mean = scores[readers].mean(axis=0) if readers.size else np.full(scores.shape[1], np.nan)
    return np.vstack((scores, mean, scores[-1] - mean))


def _score(
    value: float, distribution: Float[np.ndarray, " samples"], confidence: float, why: str
) -> Estimate:
    if np.isnan(value):
        return Estimate(None, reason=why)
    try:
        return Estimate(float(value), *percentile_interval(distribution, confidence))
    except NotEstimable as error:
        return Estimate(float(value), reason=str(error))


def _why(paired: PairedF1, row: int, everyone: Counts) -> str:
    """Why a rater, the mean or the difference has no value on the data."""
    if row < paired.raters and not paired.references[row]:
        return "not estimable: shares fewer than two images with every other rater"
    undefined = int(np.isnan(paired.of_pairs(everyone)).sum())
    return f"not estimable: {undefined} pairs of raters call no image present, so that F1 is 0 / 0"


def _matrix(paired: PairedF1, everyone: Counts) -> Float[np.ndarray, "raters raters"]:
    matrix = np.full((paired.raters, paired.raters), np.nan)
    for (first, second), value in zip(paired.pairs, paired.of_pairs(everyone)[:, 0], strict=True):
        matrix[first, second] = matrix[second, first] = value
    return matrix


def _check(readings: Readings, model: Float[np.ndarray, " images"]) -> None:
    if readings.shape[0] < 1:
        raise ValueError("expected readings of at least one radiologist")
    if np.isnan(model).any():
        raise ValueError("the model must have called every image; leave the others out")
    for values in (readings[~np.isnan(readings)], model):
        if not np.isin(values, (0, 1)).all():
            raise ValueError("readings must be 0 (absent), 1 (present) or NaN (not read)")
