"""Is the largest gap between subgroups more than chance? With many groups, some gap is always large.

Groups are dealt anew at random among patients with the same outcome, so that every group keeps its number of
positives. The largest gap of each deal, in units of what chance does to that group, is what the observed gaps
are compared with (Westfall and Young 1993): a group of nine positives may have a wide gap and no evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import BLOCK, Counts, clusters_of
from chexnet.statistics.estimate import NotEstimable
from chexnet.statistics.few_positives import patients_of_classes
from chexnet.statistics.resampled_auroc import Ranking
from chexnet.statistics.resampled_rates import Decisions

FEWEST_IN_GROUP = 5
"""Patients of each class below which a group is counted, but its gap is not tested."""


@dataclass(frozen=True)
class GroupGap:
    """One group against all images.

    Attributes:
        value: the group's number; None where its patients are too few, or the number is undefined.
        gap: the group's number less that of all images; None likewise.
        positive_patients, negative_patients: patients with such an image in the group.
        p_value: share of random deals whose largest gap is as unusual, corrected for all groups.
    """

    group: str
    images: int
    positives: int
    positive_patients: int
    negative_patients: int
    value: float | None
    gap: float | None
    p_value: float | None


@dataclass(frozen=True)
class SubgroupGaps:
    """All groups of one column, and the test of the largest gap.

    Attributes:
        overall: the number of all images.
        p_value: of the largest gap; None where fewer than two groups can be tested.
        by_patient: whether whole patients were dealt; False where one patient has images in two groups.
    """

    overall: float
    groups: tuple[GroupGap, ...]
    p_value: float | None
    by_patient: bool


@validated(labels=binary, scores=real, groups=identities, patients=identities)
def auroc_gaps(
    labels: Bool[np.ndarray, " images"],
    scores: Float[np.ndarray, " images"],
    groups: Shaped[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> SubgroupGaps:
    """AUROC of each group, with its gap to that of all images.

    Args:
        groups: a name per image, such as the sex, an age band or the scanner.

    Raises:
        NotEstimable: only one class is present.
    """
    return _gaps(
        labels, groups, patients, Ranking(labels, scores, np.arange(labels.size)).auroc, samples, seed
    )


@validated(labels=binary, calls=binary, groups=identities, patients=identities)
def underdiagnosis_gaps(
    labels: Bool[np.ndarray, " images"],
    calls: Bool[np.ndarray, " images"],
    groups: Shaped[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> SubgroupGaps:
    """Share of each group's positive images that are missed (1 - sensitivity), with its gap.

    Raises:
        NotEstimable: no image is positive.
    """
    decisions = Decisions(labels, calls, np.arange(labels.size), labels.size)
    return _gaps(labels, groups, patients, lambda counts: 1 - decisions.sensitivity(counts), samples, seed)


@validated(labels=binary, calls=binary, groups=identities, patients=identities)
def overdiagnosis_gaps(
    labels: Bool[np.ndarray, " images"],
    calls: Bool[np.ndarray, " images"],
    groups: Shaped[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None = None,
    *,
    samples: int = 1000,
    seed: int = 0,
) -> SubgroupGaps:
    """Share of each group's negative images that are called (1 - specificity), with its gap.

    Raises:
        NotEstimable: no image is negative.
    """
    decisions = Decisions(labels, calls, np.arange(labels.size), labels.size)
    return _gaps(labels, groups, patients, lambda counts: 1 - decisions.specificity(counts), samples, seed)


def _gaps(
    labels: Bool[np.ndarray, " images"],
    groups: Shaped[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None,
    measure: Callable[[Counts], Float[np.ndarray, " resamples"]],
    samples: int,
    seed: int,
) -> SubgroupGaps:
    """Any number of images under weights: one weight of 0 or 1 per image makes it that of a group."""
    overall = float(measure(np.ones((labels.size, 1), dtype=np.float32))[0])
    if np.isnan(overall):
        raise NotEstimable("not estimable: the number is undefined on all images")
    owner = clusters_of(patients, labels.size)
    names, group = np.unique(groups, return_inverse=True)
    counts = [patients_of_classes(labels[group == one], owner[group == one]) for one in range(names.size)]
    tested = np.array([min(pair) >= FEWEST_IN_GROUP for pair in counts])
    member = (group == np.arange(names.size)[:, None]).T.astype(np.float32)
    values = measure(member)
    deal, by_patient = _dealer(labels, group, owner, np.random.default_rng(seed))
    adjusted = np.full(names.size, np.nan)
    if tested.sum() >= 2:
        chance = _dealt_gaps(deal, measure, np.flatnonzero(tested), samples) - overall
        adjusted[tested] = _largest_gap_p_values(values[tested] - overall, chance)
    listed = tuple(
        _group_gap(str(names[one]), labels[group == one], counts[one], values[one], overall, adjusted[one])
        if tested[one]
        else _group_gap(str(names[one]), labels[group == one], counts[one], np.nan, overall, np.nan)
        for one in range(names.size)
    )
    largest = None if np.isnan(adjusted).all() else float(np.nanmin(adjusted))
    return SubgroupGaps(overall, listed, largest, by_patient)


def _group_gap(
    name: str,
    labels: Bool[np.ndarray, " images"],
    patients: tuple[int, int],
    value: float,
    overall: float,
    p_value: float,
) -> GroupGap:
    defined = not np.isnan(value)
    return GroupGap(
        name,
        labels.size,
        int(labels.sum()),
        *patients,
        value=float(value) if defined else None,
        gap=float(value) - overall if defined else None,
        p_value=None if np.isnan(p_value) else float(p_value),
    )


Deal = Callable[[], Int[np.ndarray, " images"]]
"""A random group for each image."""


def _dealer(
    labels: Bool[np.ndarray, " images"],
    group: Int[np.ndarray, " images"],
    owner: Int[np.ndarray, " images"],
    generator: np.random.Generator,
) -> tuple[Deal, bool]:
    """Deal groups among patients with the same outcome; among images where a patient is in two groups."""
    patients = int(owner.max()) + 1
    own = np.zeros(patients, dtype=np.int64)
    own[owner] = group
    by_patient = bool((own[owner] == group).all())
    unit = owner if by_patient else np.arange(labels.size)
    current = own if by_patient else group
    ever_positive = np.bincount(unit, labels, current.size) > 0
    strata = [np.flatnonzero(ever_positive == one) for one in (True, False)]

    def deal() -> Int[np.ndarray, " images"]:
        dealt = current.copy()
        for stratum in strata:
            dealt[stratum] = generator.permutation(current[stratum])
        return dealt[unit]

    return deal, by_patient


def _dealt_gaps(
    deal: Deal,
    measure: Callable[[Counts], Float[np.ndarray, " resamples"]],
    tested: Int[np.ndarray, " groups"],
    samples: int,
) -> Float[np.ndarray, "samples groups"]:
    rows = []
    for start in range(0, samples, BLOCK):
        dealt = np.stack([deal() for _ in range(min(BLOCK, samples - start))], axis=1)
        rows.append(np.stack([measure((dealt == one).astype(np.float32)) for one in tested], axis=1))
    return np.concatenate(rows)


def _largest_gap_p_values(
    gaps: Float[np.ndarray, " groups"], chance: Float[np.ndarray, "samples groups"]
) -> Float[np.ndarray, " groups"]:
    """Each gap against the largest of every deal, both in units of the group's spread by chance."""
    spread = np.nanstd(chance, axis=0)
    spread[spread == 0] = np.inf
    centre = np.nanmean(chance, axis=0)
    largest = np.nanmax(np.abs(chance - centre) / spread, axis=1)
    observed = np.abs(gaps - centre) / spread
    reached = (largest[:, None] >= observed - 1e-12).sum(axis=0)
    p_values: Float[np.ndarray, " groups"] = (1 + reached) / (1 + chance.shape[0])
    return p_values
