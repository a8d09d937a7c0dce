"""The same AUROC within groups of patients: by sex, by age band, by view."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float
from chexnet.evaluation.discrimination import FEWEST_PATIENTS, add_areas, estimate_auroc, sample_of
from chexnet.evaluation.measures import Measurements
from chexnet.statistics import FEW_PATIENTS, Estimate
from chexnet.tables import Cohort

AGE_BANDS = ((0, 18), (18, 40), (40, 60), (60, 80), (80, 121))
"""Years, from the first up to but not including the second."""

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Subgroup:
    """AUROCs within one group.

    Attributes:
        grouping: "sex", "age" or "view".
        positives: number of positive images by finding.
        patients_of_classes: by finding, patients with a positive image and patients with a negative one.
    """

    grouping: str
    name: str
    images: int
    patients: int
    positives: Mapping[str, int]
    patients_of_classes: Mapping[str, tuple[int, int]]
    auroc: Mapping[str, Estimate]


@dataclass(frozen=True)
class Gap:
    """Difference between the groups with the highest and the lowest AUROC of a finding.

    The pair is picked by the data, so the gap is somewhat too large on average and its interval
    describes this pair only. Groups with fewer than ``FEWEST_PATIENTS`` patients in a class take no part.

    Attributes:
        positive_patients: patients with the finding in the highest and in the lowest group.
    """

    grouping: str
    finding: str
    highest: str
    lowest: str
    difference: Estimate
    positive_patients: tuple[int, int]


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
            add_areas(sample_of(cohort, finding, inside), measurements, _key(grouping, name, finding))


def collect_subgroups(cohort: Cohort, measurements: Measurements) -> tuple[list[Subgroup], list[Gap]]:
    """Read the subgroups' AUROCs and the gaps between them after resampling."""
    subgroups = [
        _subgroup(cohort, grouping, name, inside, measurements) for grouping, name, inside in _members(cohort)
    ]
    gaps = [
        gap
        for grouping in groupings(cohort)
        for finding in cohort.findings
        if (gap := _gap(grouping, finding, subgroups, measurements))
    ]
    return subgroups, gaps


def _subgroup(
    cohort: Cohort, grouping: str, name: str, inside: Bool[np.ndarray, " images"], measurements: Measurements
) -> Subgroup:
    samples = {finding: sample_of(cohort, finding, inside) for finding in cohort.findings}
    return Subgroup(
        grouping,
        name,
        images=int(inside.sum()),
        patients=np.unique(cohort.clusters[inside]).size,
        positives={finding: int(one.present.sum()) for finding, one in samples.items()},
        patients_of_classes={finding: one.patients_of_classes for finding, one in samples.items()},
        auroc={
            finding: estimate_auroc(one, measurements, _key(grouping, name, finding))
            for finding, one in samples.items()
        },
    )


def _gap(
    grouping: str, finding: str, subgroups: Sequence[Subgroup], measurements: Measurements
) -> Gap | None:
    """The widest gap among groups with enough patients; groups of unknown members are no group."""
    rated = [
        (one.auroc[finding].value or 0.0, one)
        for one in subgroups
        if one.grouping == grouping
        and one.name != UNKNOWN
        and one.auroc[finding].interval is not None
        and min(one.patients_of_classes[finding]) >= FEWEST_PATIENTS
    ]
    if len(rated) < 2:
        return None
    ranked = sorted(rated, key=lambda pair: (pair[0], pair[1].name))
    lowest, highest = ranked[0][1], ranked[-1][1]
    return Gap(
        grouping,
        finding,
        highest.name,
        lowest.name,
        _difference(grouping, finding, highest, lowest, measurements),
        positive_patients=(
            highest.patients_of_classes[finding][0],
            lowest.patients_of_classes[finding][0],
        ),
    )


def _difference(
    grouping: str, finding: str, highest: Subgroup, lowest: Subgroup, measurements: Measurements
) -> Estimate:
    """With the bootstrap's interval; with few patients from both groups' score-type intervals.

    The latter squares and adds the distances to their ends (Newcombe, Statistics in Medicine 17, 1998, method
    10), which takes the groups as independent; a patient who is in both makes it too wide, never too narrow.
    """
    enough = all(min(one.patients_of_classes[finding]) >= FEW_PATIENTS for one in (highest, lowest))
    measured = measurements.difference(
        _key(grouping, highest.name, finding), _key(grouping, lowest.name, finding)
    )
    if enough and measured.interval is not None:
        return measured
    return difference_of(highest.auroc[finding], lowest.auroc[finding])


def difference_of(first: Estimate, second: Estimate) -> Estimate:
    """First minus second of two independent estimates, each with its interval."""
    if first.value is None or second.value is None:
        return Estimate(None, reason=first.reason or second.reason)
    value = first.value - second.value
    if first.interval is None or second.interval is None:
        return Estimate(value, reason=first.reason or second.reason)
    down = np.hypot(first.value - first.interval[0], second.interval[1] - second.value)
    up = np.hypot(first.interval[1] - first.value, second.value - second.interval[0])
    return Estimate(value, value - float(down), value + float(up))


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
