"""The same AUROC within groups of patients: by sex, by age band, by view."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float
from chexnet.evaluation.measures import Measurements
from chexnet.statistics import Estimate, NotEstimable, Ranking
from chexnet.tables.joined import Cohort

AGE_BANDS = ((0, 18), (18, 40), (40, 60), (60, 80), (80, 121))
"""Years, from the first up to but not including the second."""

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Subgroup:
    """AUROCs within one group.

    Attributes:
        grouping: "sex", "age" or "view".
        positives: number of positive images by finding.
    """

    grouping: str
    name: str
    images: int
    patients: int
    positives: Mapping[str, int]
    auroc: Mapping[str, Estimate]


@dataclass(frozen=True)
class Gap:
    """Difference between the groups with the highest and the lowest AUROC of a finding.

    The pair is picked by the data, so the gap is somewhat too large on average and its interval
    describes this pair only.
    """

    grouping: str
    finding: str
    highest: str
    lowest: str
    difference: Estimate


def groupings(cohort: Cohort) -> dict[str, list[str]]:
    """The group of each image, for each grouping that the labels know anything of."""
    labels = cohort.labels
    found = {
        "sex": None if labels.sex is None else [one or UNKNOWN for one in labels.sex],
        "age": None if labels.age is None else _age_bands(labels.age),
        "view": None if labels.view is None else [one or UNKNOWN for one in labels.view],
    }
    return {name: groups for name, groups in found.items() if groups and set(groups) != {UNKNOWN}}


def add_subgroups(cohort: Cohort, measurements: Measurements) -> None:
    """Prepare every subgroup's AUROCs, to be resampled with all else."""
    for grouping, name, inside in _members(cohort):
        for finding in cohort.findings:
            chosen = inside & cohort.known(finding)
            key = _key(grouping, name, finding)
            try:
                ranking = Ranking(
                    cohort.present(finding)[chosen],
                    cohort.probabilities(finding)[chosen],
                    cohort.clusters[chosen],
                )
            except NotEstimable as error:
                measurements.add_not_estimable(key, str(error))
            else:
                measurements.add(key, ranking.auroc)


def collect_subgroups(cohort: Cohort, measurements: Measurements) -> tuple[list[Subgroup], list[Gap]]:
    """Read the subgroups' AUROCs and the gaps between them after resampling."""
    subgroups = [
        Subgroup(
            grouping,
            name,
            images=int(inside.sum()),
            patients=np.unique(cohort.clusters[inside]).size,
            positives={one: int((cohort.present(one) & inside).sum()) for one in cohort.findings},
            auroc={one: measurements.measure(_key(grouping, name, one)) for one in cohort.findings},
        )
        for grouping, name, inside in _members(cohort)
    ]
    gaps = [
        gap
        for grouping in groupings(cohort)
        for finding in cohort.findings
        if (gap := _gap(grouping, finding, subgroups, measurements))
    ]
    return subgroups, gaps


def _gap(
    grouping: str, finding: str, subgroups: Sequence[Subgroup], measurements: Measurements
) -> Gap | None:
    """The widest gap among groups whose AUROC has an interval; groups of unknown members are no group."""
    rated = [
        (one.auroc[finding].value, one.name)
        for one in subgroups
        if one.grouping == grouping and one.name != UNKNOWN and one.auroc[finding].low is not None
    ]
    values = sorted((value, name) for value, name in rated if value is not None)
    if len(values) < 2:
        return None
    lowest, highest = values[0][1], values[-1][1]
    difference = measurements.difference(_key(grouping, highest, finding), _key(grouping, lowest, finding))
    return Gap(grouping, finding, highest, lowest, difference)


def _members(cohort: Cohort) -> Iterator[tuple[str, str, Bool[np.ndarray, " images"]]]:
    for grouping, groups in groupings(cohort).items():
        of_image = np.array(groups)
        for name in _ordered(grouping, groups):
            yield grouping, name, of_image == name


def _ordered(grouping: str, groups: Sequence[str]) -> list[str]:
    if grouping != "age":
        return sorted(set(groups), key=lambda name: (name == UNKNOWN, name))
    bands = [_band_name(low, high) for low, high in AGE_BANDS]
    return [name for name in (*bands, UNKNOWN) if name in groups]


def _age_bands(ages: Float[np.ndarray, " images"]) -> list[str]:
    names = [_band_name(low, high) for low, high in AGE_BANDS]
    place = np.searchsorted([high for _, high in AGE_BANDS], ages, side="right")
    return [UNKNOWN if np.isnan(age) else names[band] for age, band in zip(ages, place, strict=True)]


def _band_name(low: int, high: int) -> str:
    if low == 0:
        return f"under {high}"
    return f"{low} and over" if high > 120 else f"{low} to {high - 1}"


def _key(grouping: str, name: str, finding: str) -> str:
    return f"auroc/{grouping}={name}/{finding}"
