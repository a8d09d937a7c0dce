"""Two models on the same images: paired differences of AUROC, corrected for testing many pathologies."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from chexnet._options import Progress
from chexnet.evaluation.measures import Measurements, Resampling
from chexnet.statistics import Estimate, NotEstimable, Ranking, clusters_of, holm, permutation_test_of_aurocs
from chexnet.tables import Cohort


@dataclass(frozen=True)
class FindingComparison:
    """One finding.

    Attributes:
        difference: first minus second, with the paired bootstrap's interval.
        p_value: of the paired permutation test by patient; None where not estimable.
        p_holm: corrected for all findings compared.
        reason: why there is no p-value.
    """

    first: Estimate
    second: Estimate
    difference: Estimate
    p_value: float | None
    p_holm: float | None
    reason: str | None = None


@dataclass(frozen=True)
class ModelComparison:
    """Two models on the images that both scored.

    Attributes:
        images: number of images compared.
        left_out: images that only one of them scored.
    """

    first: str
    second: str
    images: int
    left_out: int
    findings: Mapping[str, FindingComparison]
    mean_difference: Estimate


def compare_models(
    first: Cohort, second: Cohort, resampling: Resampling, progress: Progress | None = None
) -> ModelComparison:
    """Compare two cohorts with the same labels on the images and findings they share.

    Raises:
        ValueError: they share no image or no finding, or disagree on a label.
    """
    rows = _shared_rows(first, second)
    findings = [finding for finding in first.findings if finding in second.findings]
    if not findings:
        raise ValueError(f"{first.predictions.name} and {second.predictions.name} share no finding")
    patients = None if first.labels.patients is None else np.array(first.labels.patients)[rows[0]]
    clusters = clusters_of(patients, rows[0].size)
    measurements = Measurements(int(clusters.max()) + 1, resampling)
    tests = {
        finding: _add(finding, (first, second), rows, clusters, measurements, resampling)
        for finding in findings
    }
    measurements.resample(progress)
    p_values = {finding: one for finding, one in tests.items() if isinstance(one, float)}
    adjusted = dict(zip(p_values, holm(np.array(list(p_values.values()))).tolist(), strict=True))
    rated = [finding for finding in findings if measurements.value(_key(0, finding)) is not None]
    weights = {_key(0, one): 1 / len(rated) for one in rated} | {
        _key(1, one): -1 / len(rated) for one in rated
    }
    return ModelComparison(
        first.predictions.name,
        second.predictions.name,
        images=rows[0].size,
        left_out=len(first.labels.images) + len(second.labels.images) - 2 * rows[0].size,
        findings={
            finding: FindingComparison(
                measurements.measure(_key(0, finding)),
                measurements.measure(_key(1, finding)),
                measurements.difference(_key(0, finding), _key(1, finding)),
                p_values.get(finding),
                adjusted.get(finding),
                None if finding in p_values else str(tests[finding]),
            )
            for finding in findings
        },
        mean_difference=measurements.combine(weights, fill=True),
    )


def _shared_rows(first: Cohort, second: Cohort) -> tuple[np.ndarray, np.ndarray]:
    place = {image: row for row, image in enumerate(second.labels.images)}
    pairs = [(row, place[image]) for row, image in enumerate(first.labels.images) if image in place]
    if not pairs:
        raise ValueError(f"{first.predictions.name} and {second.predictions.name} share no labelled image")
    left, right = zip(*pairs, strict=True)
    return np.array(left), np.array(right)


def _add(
    finding: str,
    cohorts: tuple[Cohort, Cohort],
    rows: tuple[np.ndarray, np.ndarray],
    clusters: np.ndarray,
    measurements: Measurements,
    resampling: Resampling,
) -> float | str:
    """Add both AUROCs; give the p-value of the paired test, or the reason why there is none."""
    known = cohorts[0].known(finding)[rows[0]]
    present = cohorts[0].present(finding)[rows[0]][known]
    first = cohorts[0].probabilities(finding)[rows[0]][known]
    second = cohorts[1].probabilities(finding)[rows[1]][known]
    try:
        rankings = [Ranking(present, one, clusters[known]) for one in (first, second)]
    except NotEstimable as error:
        for model in (0, 1):
            measurements.add_not_estimable(_key(model, finding), str(error))
        return str(error)
    for model, ranking in enumerate(rankings):
        measurements.add(_key(model, finding), ranking.auroc)
    try:
        return permutation_test_of_aurocs(
            present, first, second, clusters[known], samples=resampling.samples, seed=resampling.seed
        ).p_value
    except NotEstimable as error:
        return str(error)


def _key(model: int, finding: str) -> str:
    return f"{model}/{finding}"
