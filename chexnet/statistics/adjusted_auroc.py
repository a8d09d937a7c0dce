"""AUROC beyond what the view, the age or the sex alone tell.

Bedside (AP) radiographs show sicker patients; a model that knows the view ranks well without the finding. The
adjusted AUROC compares a positive image only with negative ones of the same stratum (Janes and Pepe,
Biometrika 96, 2009). The baseline is what a regression on these columns reaches without any image.
"""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import Counts, bootstrap, clusters_of, percentile_interval
from chexnet.statistics.calibration import sigmoid
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.few_positives import auroc_score_interval
from chexnet.statistics.logistic import fit_logistic
from chexnet.statistics.resampled_auroc import Ranking
from chexnet.statistics.resampled_rates import ratio
from chexnet.statistics.roc import check_no_nan, check_two_classes


@dataclass(frozen=True)
class AdjustedAuroc:
    """AUROC among images that share their stratum.

    Attributes:
        stratified: over all pairs of one stratum, so large strata of both classes weigh most.
        matched: mean over the positive images of the share of their stratum's negatives ranked below;
            each positive image that has such negatives weighs the same.
        strata: strata with both classes, which are the ones that count.
        positives_without_match: positive images whose stratum has no negative one; they do not count.
    """

    stratified: Estimate
    matched: Estimate
    strata: int
    positives_without_match: int


class StratifiedRanking:
    """Labels and scores in strata, ready to be weighed by any number of resamples of patients.

    Raises:
        NotEstimable: no stratum has both classes.
        ValueError: a score is NaN.
    """

    @validated(labels=binary, scores=real, strata=identities)
    def __init__(
        self,
        labels: Bool[np.ndarray, " images"],
        scores: Float[np.ndarray, " images"],
        strata: Shaped[np.ndarray, " images"],
        clusters: Int[np.ndarray, " images"],
    ) -> None:
        check_no_nan(scores)
        self._parts = []
        self.positives_without_match = 0
        for stratum in np.unique(strata):
            here = strata == stratum
            if labels[here].all():
                self.positives_without_match += int(here.sum())
            elif labels[here].any():
                self._parts.append(_Stratum(labels[here], scores[here], clusters[here]))
        if not self._parts:
            raise NotEstimable("adjusted AUROC not estimable: no stratum has positive and negative images")

    @property
    def strata(self) -> int:
        """Strata with both classes."""
        return len(self._parts)

    def stratified(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """Share of the pairs of one stratum that are ranked rightly; NaN where a resample has none."""
        return self._mean(counts, matched=False)

    def matched(self, counts: Counts) -> Float[np.ndarray, " resamples"]:
        """Mean over the positive images of the share of their stratum's negatives below them."""
        return self._mean(counts, matched=True)

    def _mean(self, counts: Counts, matched: bool) -> Float[np.ndarray, " resamples"]:
        won = np.zeros(counts.shape[1])
        weight = np.zeros(counts.shape[1])
        for part in self._parts:
            area, positives, negatives = part.weigh(counts)
            own = np.where(negatives > 0, positives, 0.0) * (1.0 if matched else negatives)
            weight += own
            won += own * np.where(own > 0, np.nan_to_num(area), 0.0)
        return ratio(won, weight)


class _Stratum:
    def __init__(
        self,
        labels: Bool[np.ndarray, " images"],
        scores: Float[np.ndarray, " images"],
        clusters: Int[np.ndarray, " images"],
    ) -> None:
        # Only the patients of this stratum are weighed: strata are many and small.
        self._patients, own = np.unique(clusters, return_inverse=True)
        self._ranking = Ranking(labels, scores, own)
        self._positives = np.bincount(own[labels], minlength=self._patients.size).astype(np.float64)
        self._negatives = np.bincount(own[~labels], minlength=self._patients.size).astype(np.float64)

    def weigh(
        self, counts: Counts
    ) -> tuple[
        Float[np.ndarray, " resamples"], Float[np.ndarray, " resamples"], Float[np.ndarray, " resamples"]
    ]:
        """AUROC, positives and negatives of each resample."""
        own = counts[self._patients]
        return self._ranking.auroc(own), self._positives @ own, self._negatives @ own


@validated(labels=binary, scores=real, strata=identities, patients=identities)
def adjusted_auroc(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    strata: Shaped[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> AdjustedAuroc:
    """AUROC adjusted for the columns that make the strata, with bootstrap intervals over patients.

    Args:
        strata: one name per image; join several columns (view, sex, age band) into one (``strata_of``).

    Raises:
        NotEstimable: no stratum has both classes.
        ValueError: a score is NaN.
    """
    clusters = clusters_of(patients, labels.size)
    number = int(clusters.max()) + 1
    ranking = StratifiedRanking(labels, scores, strata, clusters)
    measures = (ranking.stratified, ranking.matched)
    everyone = np.ones((number, 1), dtype=np.float32)
    resampled = bootstrap(measures, number, samples, seed)
    stratified, matched = (
        _with_interval(float(measure(everyone)[0]), distribution, confidence)
        for measure, distribution in zip(measures, resampled.T, strict=True)
    )
    return AdjustedAuroc(stratified, matched, ranking.strata, ranking.positives_without_match)


def _with_interval(value: float, distribution: Float[np.ndarray, " samples"], confidence: float) -> Estimate:
    try:
        return Estimate(value, *percentile_interval(distribution, confidence))
    except NotEstimable as error:
        return Estimate(value, reason=str(error))


def strata_of(
    *columns: Shaped[np.ndarray, " images"],
    ages: Float[np.ndarray, " images"] | None = None,
    years: float = 10.0,
) -> Shaped[np.ndarray, " images"]:
    """Join columns, and ages in bands of so many years, into one name per image.

    A missing value (None, NaN or an empty name) is a stratum of its own.
    """
    joined = [np.asarray(column).astype(str) for column in columns]
    if ages is not None:
        known = np.asarray(ages, dtype=np.float64)
        bands = np.floor(np.nan_to_num(known) / years).astype(np.int64).astype(str)
        joined.append(np.where(np.isnan(known), "nan", bands))
    if not joined:
        raise ValueError("expected at least one column to make strata of")
    names: Shaped[np.ndarray, " images"] = joined[0]
    for column in joined[1:]:
        names = np.char.add(np.char.add(names, " | "), column)
    return names


@validated(labels=binary, patients=identities)
def metadata_baseline(
    labels: Bool[np.ndarray, " images"],
    categories: list[Shaped[np.ndarray, " images"]],
    numbers: list[Float[np.ndarray, " images"]],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    folds: int = 5,
    confidence: float = 0.95,
    seed: int = 0,
) -> Estimate:
    """AUROC of a logistic regression on age, sex, view and the like, without any image.

    The regression is fitted on the other patients' images (cross-validation by patient), so the value is not
    flattered; below 0.5 means that the columns tell nothing.

    Args:
        categories: columns of names, such as sex and view; a missing one is a category.
        numbers: columns of numbers, such as age; NaN is replaced by the mean and marked.

    Raises:
        NotEstimable: only one class is present, in all images or those left for a fit.
    """
    check_two_classes(labels)
    owner = clusters_of(patients, labels.size)
    design = _design(categories, numbers, labels.size)
    fold = np.random.default_rng(seed).permutation(int(owner.max()) + 1)[owner] % folds
    predicted = np.zeros(labels.size)
    for one in range(folds):
        fitted = fold != one
        check_two_classes(labels[fitted])
        # The ridge lets rare categories that all have one outcome stay finite.
        fit = fit_logistic(
            design[fitted], labels[fitted], clusters_of(owner[fitted], int(fitted.sum())), ridge=1.0
        )
        predicted[~fitted] = sigmoid(fit.logits(design[~fitted]))
    return auroc_score_interval(labels, predicted, patients, confidence=confidence)


def _design(
    categories: list[Shaped[np.ndarray, " images"]], numbers: list[Float[np.ndarray, " images"]], images: int
) -> Float[np.ndarray, "images terms"]:
    columns = [np.ones(images)]
    for column in categories:
        names = np.asarray(column).astype(str)
        columns += [(names == one).astype(np.float64) for one in np.unique(names)[1:]]
    for given in numbers:
        column = np.asarray(given, dtype=np.float64)
        missing = np.isnan(column)
        known = column[~missing]
        centre, spread = (float(known.mean()), float(known.std()) or 1.0) if known.size else (0.0, 1.0)
        standard = np.where(missing, 0.0, (column - centre) / spread)
        # The square lets the old and the young both have more of a finding.
        columns += [standard, standard**2, missing.astype(np.float64)]
    return np.stack(columns, axis=1)
