"""Free-response ROC: of the lesions, how many are marked, at how many false marks per image?

A mark is a place with a score, such as a peak of an activation map. It hits at most one lesion, or none; a
lesion counts once, with its highest mark (Bunch et al. 1978; Chakraborty, Radiology 174, 1990).
"""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Float, Int, Shaped
from chexnet.statistics.arguments import numbered, real
from chexnet.statistics.bootstrap import Counts, percentile_interval, resample_counts, weigh
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.resampled_rates import ratio
from chexnet.statistics.roc import check_no_nan

FALSE_MARKS = (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0)
"""False marks per image at which sensitivities are averaged, as in LUNA16."""


@dataclass(frozen=True)
class Marks:
    """All marks of a model on a set of images, and the lesions that there were to find.

    Attributes:
        scores: of each mark.
        images: the image of each mark, counted from 0.
        lesions: the lesion that each mark hits, numbered over all images from 0; -1 for none.
        lesion_images: the image of each lesion.
        patients: the patient of each image, also of images without marks or lesions.
    """

    scores: Float[np.ndarray, " marks"]
    images: Int[np.ndarray, " marks"]
    lesions: Int[np.ndarray, " marks"]
    lesion_images: Int[np.ndarray, " lesions"]
    patients: Shaped[np.ndarray, " images"]


@dataclass(frozen=True)
class FrocCurve:
    """Operating points from the highest score down.

    Attributes:
        false_marks: per image.
        sensitivity: share of the lesions that are marked.
        at: sensitivity at each of ``FALSE_MARKS`` per image, with its interval by patient.
        mean: of these sensitivities (the competition performance metric).
    """

    thresholds: Float[np.ndarray, " points"]
    false_marks: Float[np.ndarray, " points"]
    sensitivity: Float[np.ndarray, " points"]
    at: tuple[Estimate, ...]
    mean: Estimate


def froc_curve(marks: Marks, *, samples: int = 1000, confidence: float = 0.95, seed: int = 0) -> FrocCurve:
    """The curve, and sensitivities with bootstrap intervals over patients.

    Raises:
        NotEstimable: no lesion.
        ValueError: an image or lesion does not exist or is another one's, or a score is NaN.
    """
    events = _Events(marks)
    values = events.sensitivities(np.ones((events.patients, 1), dtype=np.float32))[:, 0]
    try:
        blocks = resample_counts(events.patients, samples, np.random.default_rng(seed))
        resampled = np.concatenate([events.sensitivities(counts) for counts in blocks], axis=1)
    except NotEstimable as error:
        estimates = [Estimate(float(value), reason=str(error)) for value in values]
    else:
        estimates = [
            _with_interval(float(value), row, confidence)
            for value, row in zip(values, resampled, strict=True)
        ]
    return FrocCurve(*events.curve(), tuple(estimates[:-1]), estimates[-1])


class _Events:
    """Found lesions and false marks from the highest score down, each with its patient."""

    def __init__(self, marks: Marks) -> None:
        scores, images, lesions = _check(marks)
        _, owner = np.unique(np.asarray(marks.patients), return_inverse=True)
        self.patients = int(owner.max()) + 1
        self._lesions = np.bincount(owner[marks.lesion_images], minlength=self.patients).astype(np.float64)
        self._images = np.bincount(owner, minlength=self.patients).astype(np.float64)
        order = np.argsort(-scores, kind="stable")
        hit = lesions[order]
        # The first mark on a lesion is its highest; later ones are neither found nor false.
        _, first = np.unique(hit, return_index=True)
        counted = (hit < 0) | np.isin(np.arange(hit.size), first)
        self._false = (hit < 0)[counted]
        self._scores = scores[order][counted].astype(np.float64)
        self._owner = owner[images[order][counted]]

    def curve(self) -> tuple[Float[np.ndarray, " p"], Float[np.ndarray, " p"], Float[np.ndarray, " p"]]:
        if not self._scores.size:
            return np.zeros(0), np.zeros(0), np.zeros(0)
        last = np.append(np.flatnonzero(np.diff(self._scores)), self._scores.size - 1)
        found, false = np.cumsum(~self._false)[last], np.cumsum(self._false)[last]
        return self._scores[last], false / self._images.sum(), found / self._lesions.sum()

    def sensitivities(self, counts: Counts) -> Float[np.ndarray, "levels_and_mean resamples"]:
        """Highest sensitivity with at most each number of false marks per image, and their mean."""
        images, lesions = weigh(np.stack((self._images, self._lesions)), counts)
        rows = np.zeros((len(FALSE_MARKS), counts.shape[1]))
        if self._scores.size:
            last = np.append(np.flatnonzero(np.diff(self._scores)), self._scores.size - 1)
            weights = counts[self._owner].astype(np.float64)
            found = np.cumsum(weights * ~self._false[:, None], axis=0)[last]
            false = np.cumsum(weights * self._false[:, None], axis=0)[last]
            for row, allowed in enumerate(FALSE_MARKS):
                fits = (false <= allowed * images + 1e-9).sum(axis=0)
                rows[row] = np.where(fits > 0, found[np.maximum(fits - 1, 0), np.arange(fits.size)], 0.0)
        shares = ratio(rows, np.broadcast_to(lesions, rows.shape))
        return np.vstack((shares, shares.mean(axis=0)))


def _check(
    marks: Marks,
) -> tuple[Float[np.ndarray, " marks"], Int[np.ndarray, " marks"], Int[np.ndarray, " marks"]]:
    lesions = np.asarray(marks.lesions, dtype=np.int64)
    if not marks.lesion_images.size:
        raise NotEstimable("not estimable: there is no lesion to find")
    scores, images = real(marks.scores, "scores of marks"), numbered(marks.images, "images of marks")
    check_no_nan(scores)
    last = marks.patients.size - 1
    if max(images.max(initial=0), marks.lesion_images.max(initial=0)) > last:
        raise ValueError(f"expected images 0 to {last}, as there are patients; got a mark or lesion beyond")
    hits = lesions >= 0
    if (
        lesions.max(initial=-1) >= marks.lesion_images.size
        or (marks.lesion_images[lesions[hits]] != images[hits]).any()
    ):
        raise ValueError("a mark hits a lesion that does not exist or is on another image")
    return scores, images, lesions


def _with_interval(value: float, resampled: Float[np.ndarray, " samples"], confidence: float) -> Estimate:
    try:
        return Estimate(value, *percentile_interval(resampled, confidence))
    except NotEstimable as error:
        return Estimate(value, reason=str(error))
