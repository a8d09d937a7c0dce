"""The same AUROC within groups of patients: by sex, by age band, by view."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chexnet.arrays import Bool, Float
from chexnet.evaluation.discrimination import (
    FEWEST_PATIENTS,
    add_areas,
    estimate_auroc,
    estimate_calibration,
    sample_of,
)
from chexnet.evaluation.measures import Measurements
from chexnet.evaluation.operating_points import Thresholds
from chexnet.statistics import (
    FEW_PATIENTS,
    CalibrationMeasures,
    Estimate,
    NotEstimable,
    auroc_gaps,
    holm,
    rates,
)
from chexnet.tables import Cohort

AGE_BANDS = ((0, 18), (18, 40), (40, 60), (60, 80), (80, 121))
"""Years, from the first up to but not including the second."""

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Subgroup:
    """AUROCs within one group.

    Attributes:
        grouping: "sex", "age", "view", or a column that was asked for.
        positives: number of positive images by finding.
        patients_of_classes: by finding, patients with a positive image and patients with a negative one.
        calibration: by finding, how far its probabilities are from frequencies in this group.
        underdiagnosis: by finding that has a threshold, the share of the positive images that it misses.
        overdiagnosis: by finding that has a threshold, the share of the negative images that it calls.
    """

    grouping: str
    name: str
    images: int
    patients: int
    positives: Mapping[str, int]
    patients_of_classes: Mapping[str, tuple[int, int]]
    auroc: Mapping[str, Estimate]
    calibration: Mapping[str, CalibrationMeasures]
    underdiagnosis: Mapping[str, Estimate]
    overdiagnosis: Mapping[str, Estimate]


@dataclass(frozen=True)
class Gap:
    """Difference between the groups with the highest and the lowest AUROC of a finding.

    The pair is picked by the data, so the gap is somewhat too large on average and its interval
    describes this pair only. Groups with fewer than ``FEWEST_PATIENTS`` patients in a class take no part.

    Attributes:
        positive_patients: patients with the finding in the highest and in the lowest group.
        p_value: how often groups dealt at random show as large a gap; only where the interval excludes zero.
        p_holm: corrected for all gaps that were looked at.
    """

    grouping: str
    finding: str
    highest: str
    lowest: str
    difference: Estimate
    positive_patients: tuple[int, int]
    p_value: float | None = None
    p_holm: float | None = None


def groupings(cohort: Cohort) -> dict[str, list[str]]:
    """The group of each image, for each grouping that the labels know anything of."""
    labels = cohort.labels
    found = {
        "sex": labels.sex,
        "age": None if labels.age is None else _age_bands(labels.age),
        "view": labels.view,
        **labels.groups,
    }
    named = {name: [one or UNKNOWN for one in groups] for name, groups in found.items() if groups}
    return {name: groups for name, groups in named.items() if set(groups) != {UNKNOWN}}


def add_subgroups(cohort: Cohort, measurements: Measurements) -> None:
    """Prepare every subgroup's AUROCs, to be resampled with all else."""
    for grouping, name, inside in _members(cohort):
        for finding in cohort.findings:
            add_areas(sample_of(cohort, finding, inside), measurements, _key(grouping, name, finding))


def collect_subgroups(
    cohort: Cohort, measurements: Measurements, thresholds: Thresholds | None = None
) -> tuple[list[Subgroup], list[Gap]]:
    """Read the subgroups' AUROCs and the gaps between them after resampling."""
    subgroups = [
        _subgroup(cohort, grouping, name, inside, measurements, thresholds)
        for grouping, name, inside in _members(cohort)
    ]
    gaps = [
        gap
        for grouping in groupings(cohort)
        for finding in cohort.findings
        if (gap := _gap(grouping, finding, subgroups, measurements))
    ]
    return subgroups, _tested(gaps, cohort)


def _tested(gaps: Sequence[Gap], cohort: Cohort) -> list[Gap]:
    """Gaps whose interval excludes zero get a permutation test, corrected by Holm for all gaps looked at.

    The others count as tests with larger p-values, which makes the correction no weaker.
    """
    of_image = {grouping: np.array(groups) for grouping, groups in groupings(cohort).items()}
    p_values = {}
    for place, gap in enumerate(gaps):
        if gap.difference.above(0.0):
            p_values[place] = _gap_p_value(cohort, gap.finding, of_image[gap.grouping])
    known = {place: p for place, p in p_values.items() if p is not None}
    filled = np.array([*known.values(), *[1.0] * (len(gaps) - len(known))])
    adjusted = dict(zip(known, holm(filled).tolist(), strict=False))
    return [
        replace(gap, p_value=known.get(place), p_holm=adjusted.get(place)) for place, gap in enumerate(gaps)
    ]


def _gap_p_value(cohort: Cohort, finding: str, of_image: np.ndarray) -> float | None:
    """Whether the largest gap of a grouping is more than groups dealt at random show."""
    inside = of_image != UNKNOWN
    sample, chosen = sample_of(cohort, finding, inside), inside & cohort.known(finding)
    try:
        found = auroc_gaps(sample.present, sample.probabilities, of_image[chosen], sample.clusters)
    except NotEstimable:
        return None
    return found.p_value


def _subgroup(
    cohort: Cohort,
    grouping: str,
    name: str,
    inside: Bool[np.ndarray, " images"],
    measurements: Measurements,
    thresholds: Thresholds | None,
) -> Subgroup:
    confidence = measurements.confidence
    samples = {finding: sample_of(cohort, finding, inside) for finding in cohort.findings}
    at_threshold = {
        finding: rates(one.present, one.probabilities >= threshold, one.clusters, confidence=confidence)
        for finding, one in samples.items()
        if thresholds and (threshold := thresholds.get(finding)) is not None and one.present.size
    }
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
        calibration={finding: estimate_calibration(one, confidence) for finding, one in samples.items()},
        underdiagnosis={finding: one.underdiagnosis for finding, one in at_threshold.items()},
        overdiagnosis={finding: one.overdiagnosis for finding, one in at_threshold.items()},
    )


def _gap(
    grouping: str, finding: str, subgroups: Sequence[Subgroup], measurements: Measurements
) -> Gap | None:
    """The widest gap among groups with enough patients; images with an unknown value do not form a group."""
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
