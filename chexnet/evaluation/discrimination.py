"""What one finding's probabilities are worth: AUROC, average precision, and rates at a threshold.

An AUROC's interval follows a rule that depends on numbers of patients alone, never on the seed: with fewer
than ``FEW_PATIENTS`` patients in a class the score type, else the bootstrap over patients.
"""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.evaluation.measures import Measurements
from chexnet.statistics import (
    FEW_PATIENTS,
    CalibrationMeasures,
    Decisions,
    Estimate,
    NotEstimable,
    OperatingRule,
    Ranking,
    auroc_score_interval,
    measure_calibration,
    operating_point,
    patients_of_classes,
    rates,
)
from chexnet.tables import Cohort

FEWEST_PATIENTS = 10
"""Patients in either class below which a number is shown but nothing is concluded from it."""

_THRESHOLD_SAMPLES = 500
"""Resamples of validation and test patients together, for the uncertainty of a threshold."""

RATES = ("sensitivity", "specificity", "ppv", "npv")
DECISIONS = ("f1", *RATES)


@dataclass(frozen=True)
class Sample:
    """One finding on the images whose label is known; arrays are row by row the same image.

    Attributes:
        clusters: each image's patient, numbered from 0 within the whole cohort.
        patients: number of patients of the whole cohort, which is what a resample draws from.
    """

    present: Bool[np.ndarray, " images"]
    probabilities: Float[np.ndarray, " images"]
    clusters: Int[np.ndarray, " images"]
    patients: int

    @property
    def patients_of_classes(self) -> tuple[int, int]:
        """Patients with a positive image, and patients with a negative one."""
        return patients_of_classes(self.present, self.clusters)


def sample_of(cohort: Cohort, finding: str, within: Bool[np.ndarray, " images"] | None = None) -> Sample:
    """The labelled images of one finding, of all the cohort or of a group in it."""
    chosen = cohort.known(finding) if within is None else cohort.known(finding) & within
    return Sample(
        cohort.present(finding)[chosen],
        cohort.probabilities(finding)[chosen],
        cohort.clusters[chosen],
        int(cohort.clusters.max()) + 1,
    )


def add_areas(sample: Sample, measurements: Measurements, *names: str) -> None:
    """Prepare the AUROC under the first name and the average precision under the second, if there is one."""
    try:
        ranking = Ranking(sample.present, sample.probabilities, sample.clusters)
    except NotEstimable as error:
        for name in names:
            measurements.add_not_estimable(name, str(error))
        return
    for name, statistic in zip(names, (ranking.auroc, ranking.average_precision), strict=False):
        measurements.add(name, statistic)


def add_f1(sample: Sample, threshold: float, measurements: Measurements, name: str) -> None:
    """Prepare F1 of ``probability >= threshold``."""
    calls = sample.probabilities >= threshold
    measurements.add(name, Decisions(sample.present, calls, sample.clusters, sample.patients).f1)


def estimate_auroc(sample: Sample, measurements: Measurements, name: str) -> Estimate:
    """The AUROC that was prepared under a name, with the interval that its number of patients allows."""
    measured = measurements.measure(name)
    if measured.value is None or sample.patients < 2:
        return measured
    if min(sample.patients_of_classes) >= FEW_PATIENTS and measured.interval is not None:
        return measured
    return auroc_score_interval(
        sample.present, sample.probabilities, sample.clusters, confidence=measurements.confidence
    )


def estimate_decisions(
    sample: Sample,
    threshold: float,
    measurements: Measurements,
    name: str,
    chosen: tuple[OperatingRule, Sample] | None = None,
) -> tuple[Estimate, dict[str, Estimate]]:
    """The threshold; and F1, sensitivity, specificity, PPV and NPV at it, with intervals by patient.

    Args:
        name: under which F1 was prepared.
        chosen: the rule and the validation images that gave the threshold. With them all intervals but F1's
            include the uncertainty of the threshold itself.
    """
    confidence = measurements.confidence
    calls = sample.probabilities >= threshold
    of_threshold = Estimate(threshold)
    found = rates(sample.present, calls, sample.clusters, confidence=confidence)
    if chosen is not None and sample.present.any() and not sample.present.all():
        rule, validation = chosen
        point = operating_point(
            (validation.present, validation.probabilities, validation.clusters),
            sample.present,
            sample.probabilities,
            sample.clusters,
            rule,
            samples=_THRESHOLD_SAMPLES,
            confidence=confidence,
        )
        of_threshold, found = point.threshold, point.rates
    return of_threshold, {
        "f1": measurements.measure(name),
        **{one: getattr(found, one) for one in RATES},
    }


def estimate_calibration(sample: Sample, confidence: float) -> CalibrationMeasures:
    """Calibration slope, intercept and O:E; without a value, with the reason, where they do not exist."""
    try:
        return measure_calibration(
            sample.present, sample.probabilities, sample.clusters, confidence=confidence
        )
    except NotEstimable as error:
        missing = Estimate(None, reason=str(error))
        return CalibrationMeasures(missing, missing, missing)
