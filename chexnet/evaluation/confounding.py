"""How much of an AUROC the view, the sex or the age alone explain."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool
from chexnet.evaluation.discrimination import sample_of
from chexnet.evaluation.measures import Resampling
from chexnet.statistics import (
    AdjustedAuroc,
    Estimate,
    NotEstimable,
    adjusted_auroc,
    metadata_baseline,
    strata_of,
)
from chexnet.tables import Cohort

_SAMPLES = 1000
"""Resamples of an adjusted AUROC at most: its many small strata make each one slow."""


@dataclass(frozen=True)
class Confounding:
    """One finding beside what the table of labels tells without any image.

    Attributes:
        metadata: AUROC of a regression on sex, age, view and further groups, fitted on other patients.
        stratified: AUROC among images of one stratum, all its pairs; None where nothing was adjusted for.
        matched: the same, each positive image with the same weight.
        without_match: positive images whose stratum has no negative one.
    """

    metadata: Estimate
    stratified: Estimate | None = None
    matched: Estimate | None = None
    without_match: int = 0


def measure_confounding(
    cohort: Cohort, finding: str, adjust: Sequence[str], resampling: Resampling
) -> Confounding | None:
    """The baseline, and the AUROC adjusted for the named columns; None where the labels have no column.

    Raises:
        ValueError: the labels lack a column to adjust for.
    """
    categories, ages = _columns(cohort)
    unknown = [name for name in adjust if name not in categories and not (name == "age" and ages is not None)]
    if unknown:
        there = ", ".join([*categories, *(["age"] if ages is not None else [])]) or "none"
        raise ValueError(f"`adjust`: the labels have no column {unknown[0]!r}; there are: {there}")
    if not categories and ages is None:
        return None
    known = cohort.known(finding)
    sample = sample_of(cohort, finding)
    try:
        baseline = metadata_baseline(
            sample.present,
            [values[known] for values in categories.values()],
            [] if ages is None else [ages[known]],
            sample.clusters,
            confidence=resampling.confidence,
        )
    except NotEstimable as error:
        baseline = Estimate(None, reason=str(error))
    if not adjust:
        return Confounding(baseline)
    found = _adjusted(cohort, finding, known, adjust, resampling)
    if isinstance(found, str):
        missing = Estimate(None, reason=found)
        return Confounding(baseline, missing, missing)
    return Confounding(baseline, found.stratified, found.matched, found.positives_without_match)


def _adjusted(
    cohort: Cohort,
    finding: str,
    known: Bool[np.ndarray, " images"],
    adjust: Sequence[str],
    resampling: Resampling,
) -> AdjustedAuroc | str:
    """The adjusted AUROC, or the reason why there is none."""
    categories, ages = _columns(cohort)
    strata = strata_of(
        *(categories[name][known] for name in adjust if name != "age"),
        ages=ages[known] if "age" in adjust and ages is not None else None,
    )
    sample = sample_of(cohort, finding)
    try:
        return adjusted_auroc(
            sample.present,
            sample.probabilities,
            strata,
            sample.clusters,
            samples=min(resampling.samples, _SAMPLES),
            confidence=resampling.confidence,
            seed=resampling.seed,
        )
    except NotEstimable as error:
        return str(error)


def _columns(cohort: Cohort) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
    """Columns of names that say anything, and the ages."""
    labels = cohort.labels
    found = {"sex": labels.sex, "view": labels.view, **labels.groups}
    named = {name: np.array(values) for name, values in found.items() if values and any(values)}
    return named, None if labels.age is None or np.isnan(labels.age).all() else labels.age
