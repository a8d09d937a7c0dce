"""What one finding's probabilities are worth: AUROC, average precision, and rates at a threshold.

Every interval follows one rule that depends on numbers of patients alone, never on the seed: with fewer
than ``FEW_PATIENTS`` patients behind a number a score-type interval, else the bootstrap over patients.
"""

from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.evaluation.measures import Measurements
from chexnet.statistics import (
    FEW_PATIENTS,
    Decisions,
    Estimate,
    NotEstimable,
    Ranking,
    auroc_score_interval,
    patients_of_classes,
    wilson_interval,
)
from chexnet.tables import Cohort

FEWEST_PATIENTS = 10
"""Patients in either class below which a number is shown but nothing is concluded from it."""

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


def add_decisions(sample: Sample, threshold: float, measurements: Measurements, finding: str) -> None:
    """Prepare F1, sensitivity, specificity, PPV and NPV of ``probability >= threshold``."""
    calls = sample.probabilities >= threshold
    decisions = Decisions(sample.present, calls, sample.clusters, sample.patients)
    for name in DECISIONS:
        measurements.add(f"{name}/{finding}", getattr(decisions, name))


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
    sample: Sample, threshold: float, measurements: Measurements, finding: str
) -> dict[str, Estimate]:
    """F1, sensitivity, specificity, PPV and NPV at a threshold, with intervals."""
    calls = sample.probabilities >= threshold
    among = {
        "sensitivity": (calls, sample.present),
        "specificity": (~calls, ~sample.present),
        "ppv": (sample.present, calls),
        "npv": (~sample.present, ~calls),
    }
    found = {"f1": measurements.measure(f"f1/{finding}")}
    for name, (right, counted) in among.items():
        found[name] = estimate_rate(
            right[counted],
            sample.clusters[counted],
            measurements.measure(f"{name}/{finding}"),
            measurements.confidence,
        )
    return found


def estimate_rate(
    right: Bool[np.ndarray, " images"],
    clusters: Int[np.ndarray, " images"],
    resampled: Estimate,
    confidence: float,
) -> Estimate:
    """A proportion: Wilson's interval for few patients or a proportion of 0 or 1, else the bootstrap's.

    Args:
        right: the images counted, true where the proportion counts them as right.
        resampled: the proportion with its bootstrap interval.
    """
    patients = int(np.unique(clusters).size)
    if not right.size:
        return resampled
    if patients >= FEW_PATIENTS and resampled.interval is not None:
        return resampled
    share = float(right.mean())
    low, high = wilson_interval(
        np.array([share]), np.array([independent_images(right, clusters)]), confidence
    )
    return Estimate(share, float(low[0]), float(high[0]))


def independent_images(right: Bool[np.ndarray, " images"], clusters: Int[np.ndarray, " images"]) -> float:
    """So many images, each of another patient, would give a proportion the variance that it has here.

    Images of one patient resemble each other, so the number lies between that of patients and that of
    images. A proportion of 0 or 1 shows no variance; then each patient counts once.
    """
    patients = np.unique(clusters, return_inverse=True)[1]
    number = int(patients.max()) + 1
    share = float(right.mean())
    spread = np.bincount(patients, right - share, number)
    variance = float(np.sum(spread**2)) / right.size**2
    if number < 2 or not 0 < share < 1 or variance == 0:
        return float(number)
    variance *= number / (number - 1)
    return float(np.clip(share * (1 - share) / variance, 1.0, right.size))
