"""What a reader study says beyond its own readers, its own cases, or both."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.statistics import (
    FEW_PATIENTS,
    Decisions,
    Estimate,
    NotEstimable,
    PairedF1,
    Raters,
    StandaloneComparison,
    auroc_interval,
    auroc_score_interval,
    compare_with_readers,
    consensus,
    fleiss_kappa,
    kappa_estimate,
    krippendorffs_alpha,
    leave_one_out_consensus,
    patients_of_classes,
    proportion,
    raters_of,
)

ACCURACIES = ("f1", "sensitivity", "specificity")
"""Mean F1 against each of the others; sensitivity and specificity against the majority of readers."""


@dataclass(frozen=True)
class Study:
    """One finding of a reader study as arrays, image by image.

    Attributes:
        values: 1 present, 0 absent, NaN not read.
        calls: the model's, at its threshold.
        clusters: each image's patient, numbered from 0; each image its own where images are resampled.
    """

    values: Float[np.ndarray, "readers images"]
    calls: Bool[np.ndarray, " images"]
    probabilities: Float[np.ndarray, " images"]
    clusters: Int[np.ndarray, " images"]

    @property
    def patients(self) -> int:
        """Number of units that a resample draws."""
        return int(self.clusters.max()) + 1


@dataclass(frozen=True)
class Inference:
    """One accuracy of the model against the readers.

    Attributes:
        comparison: the difference, for each question that it may answer; None where not estimable.
        reason: why it is None.
        p_holm: of the average reader, corrected for all findings of the study; None where not estimable.
    """

    comparison: StandaloneComparison | None
    reason: str | None = None
    p_holm: float | None = None


@dataclass(frozen=True)
class OperatingPoint:
    """Calls of one rater against the majority of radiologists.

    Attributes:
        left_out: images without a majority, or that the rater did not read.
    """

    sensitivity: Estimate
    specificity: Estimate
    positives: int
    negatives: int
    left_out: int


@dataclass(frozen=True)
class Agreement:
    """Agreement among the radiologists beyond chance; None where not estimable.

    Attributes:
        cohen: of each pair of readers.
        fleiss: on the images that all of them read.
        read_by_all: number of those images.
    """

    cohen: dict[tuple[str, str], Estimate]
    fleiss: float | None
    read_by_all: int
    krippendorff: float | None


def infer(
    study: Study, *, model_as_reference: bool, samples: int, confidence: float, seed: int
) -> dict[str, Inference]:
    """Each accuracy of the model less the readers', for these readers, the average one, and one more."""
    found = {}
    for name in ACCURACIES:
        try:
            comparison = compare_with_readers(
                _raters(study, name, model_as_reference),
                study.patients,
                confidence=confidence,
                samples=samples,
                seed=seed,
            )
        except NotEstimable as error:
            found[name] = Inference(None, str(error))
        else:
            found[name] = Inference(comparison)
    return found


def _raters(study: Study, accuracy: str, model_as_reference: bool) -> Raters:
    if accuracy == "f1":
        calls = study.calls.astype(np.float64)
        return PairedF1(study.values, calls, study.clusters, model_as_reference).of_raters
    return raters_of([getattr(one, accuracy) for one in _decisions(study)])


def _decisions(study: Study) -> list[Decisions]:
    """Every rater's calls against the majority that it is measured by, the model's last."""
    found = []
    for calls, truth in rated(study):
        known = ~np.isnan(calls) & ~np.isnan(truth)
        found.append(Decisions(truth[known] == 1, calls[known] == 1, study.clusters[known], study.patients))
    return found


def rated(
    study: Study,
) -> list[tuple[Float[np.ndarray, " images"], Float[np.ndarray, " images"]]]:
    """Calls and reference of every rater: readers by the majority of the others, the model by that of all."""
    readers = [(row, leave_one_out_consensus(study.values, place)) for place, row in enumerate(study.values)]
    return [*readers, (study.calls.astype(np.float64), consensus(study.values))]


def operating_point(
    calls: Float[np.ndarray, " images"],
    truth: Float[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"],
    confidence: float,
) -> OperatingPoint:
    """Sensitivity and specificity of one rater, with Wilson's intervals by patient."""
    known = ~np.isnan(calls) & ~np.isnan(truth)
    called, present, owners = calls[known] == 1, truth[known] == 1, clusters[known]
    return OperatingPoint(
        _share(called[present], owners[present], confidence, "no image is positive"),
        _share(~called[~present], owners[~present], confidence, "no image is negative"),
        int(present.sum()),
        int((~present).sum()),
        int((~known).sum()),
    )


def _share(
    right: Bool[np.ndarray, " images"], owners: Int[np.ndarray, " images"], confidence: float, why: str
) -> Estimate:
    if not right.size:
        return Estimate(None, reason=f"not estimable: {why}")
    return proportion(right, owners, confidence=confidence)


def agreement(names: Sequence[str], study: Study, confidence: float) -> Agreement:
    """Kappas of the readers, each pair's with its interval by patient."""
    pairs: dict[tuple[str, str], Estimate] = {}
    for first in range(len(names)):
        for second in range(first + 1, len(names)):
            try:
                kappa = kappa_estimate(
                    study.values[first], study.values[second], study.clusters, confidence=confidence
                )
            except NotEstimable as error:
                kappa = Estimate(None, reason=str(error))
            pairs[names[first], names[second]] = kappa
    return Agreement(
        pairs,
        fleiss=_or_none(fleiss_kappa, study.values),
        read_by_all=int((~np.isnan(study.values)).all(axis=0).sum()),
        krippendorff=_or_none(krippendorffs_alpha, study.values),
    )


def _or_none(measure, values: Float[np.ndarray, "readers images"]) -> float | None:  # type: ignore[no-untyped-def]
    try:
        return float(measure(values))
    except NotEstimable:
        return None


def auroc_against(majority: Float[np.ndarray, " images"], study: Study, confidence: float) -> Estimate:
    """The model's AUROC against the majority of all readers, with its interval by patient."""
    known = ~np.isnan(majority)
    present, owners = majority[known] == 1, study.clusters[known]
    scores = study.probabilities[known]
    try:
        if min(patients_of_classes(present, owners)) < FEW_PATIENTS:
            return auroc_score_interval(present, scores, owners, confidence=confidence)
        return auroc_interval(present, scores, confidence, owners)
    except NotEstimable as error:
        return Estimate(None, reason=str(error))
