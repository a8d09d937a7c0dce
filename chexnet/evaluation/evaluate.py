"""From predictions and labels to the numbers of Table 2, with everything a reviewer asks of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

from chexnet._options import Progress, option
from chexnet.evaluation.comparison import ModelComparison, compare_models
from chexnet.evaluation.measures import Measurements, Resampling
from chexnet.evaluation.operating_points import Thresholds
from chexnet.evaluation.subgroups import Gap, Subgroup, add_subgroups, collect_subgroups
from chexnet.leakage.training_images import Contamination, TrainingImages, find_contamination
from chexnet.literature import systems_below
from chexnet.paper import BOOTSTRAP_SAMPLES, CONFIDENCE
from chexnet.statistics import (
    Decisions,
    Estimate,
    NotEstimable,
    Ranking,
    WeightedMean,
    auroc_interval,
    expected_calibration_error,
)
from chexnet.tables.joined import Cohort, join, join_file, read_cohort
from chexnet.tables.labels import Labels
from chexnet.tables.predictions import Predictions
from chexnet.tables.table import ColumnNames

DECISIONS = ("f1", "sensitivity", "specificity", "ppv", "npv")


@dataclass(frozen=True)
class EvaluateOptions:
    """How to measure; each field is a flag of ``chexnet evaluate``."""

    samples: int = option(BOOTSTRAP_SAMPLES, "Bootstrap resamples (section 4.1: 10,000).")
    interval: Literal["percentile", "bca"] = option(
        "percentile", "Bootstrap interval: percentile as in the paper, or BCa."
    )
    confidence: float = option(CONFIDENCE, "Of the intervals.")
    seed: int = option(0, "Of the bootstrap; the same seed repeats it.")
    split: str = option(
        "not stated", "What the images are, for the table's head, such as 'official test list'."
    )

    def __post_init__(self) -> None:
        # Impossible values are refused there.
        Resampling(self.samples, self.interval, self.confidence, self.seed)

    @property
    def resampling(self) -> Resampling:
        """The part that makes intervals."""
        return Resampling(self.samples, self.interval, self.confidence, self.seed)


@dataclass(frozen=True)
class FindingResult:
    """One row of the table.

    Attributes:
        unlabelled: images whose label for this finding is blank; they take no part.
        ece: expected calibration error, 15 bins of equal width; without interval, as resampling
            biases it upwards.
        threshold: from validation; None where there is none.
        decisions: F1, sensitivity, specificity, PPV and NPV at the threshold.
        above: published systems whose AUROC lies below the interval of this one.
    """

    positives: int
    negatives: int
    unlabelled: int
    auroc: Estimate
    auprc: Estimate
    brier: Estimate
    ece: float | None
    threshold: float | None
    decisions: Mapping[str, Estimate]
    above: Sequence[str]


@dataclass(frozen=True)
class MeasuredImages:
    """Which images an evaluation is about, and which were left out.

    Attributes:
        name: what to call the model in tables.
        predictions, labels: the file and its SHA-256, where there is one.
        images: number of images with both predictions and labels.
        patients: number of their patients; None where no patient is known.
        not_scored: reason to number of images that the model refused or could not read.
        without_labels: predicted images that the labels lack.
        without_predictions: labelled images that were not predicted.
        not_labelled: columns of numbers among the predictions that the labels lack.
        joined_by: "name", or "file name" where the predictions name images by their path.
    """

    name: str
    predictions: tuple[str, str] | None
    labels: tuple[str, str] | None
    images: int
    patients: int | None
    not_scored: Mapping[str, int]
    without_labels: int
    without_predictions: int
    not_labelled: Sequence[str]
    joined_by: str


@dataclass(frozen=True)
class Evaluation:
    """All that was measured of one model on one set of images.

    Attributes:
        cohort: the images themselves, for curves; None where the evaluation was read from its JSON.
        mean_auroc: over the findings whose AUROC is estimable.
        mean_of: which those are.
        contamination: None where nothing is known of the training images.
    """

    data: MeasuredImages
    cohort: Cohort | None
    options: EvaluateOptions
    findings: Mapping[str, FindingResult]
    mean_auroc: Estimate
    mean_of: Sequence[str]
    subgroups: Sequence[Subgroup]
    gaps: Sequence[Gap]
    thresholds: Thresholds | None
    comparison: ModelComparison | None
    contamination: Contamination | None


def evaluate(
    predictions: str | PathLike[str] | Predictions,
    labels: str | PathLike[str] | Labels,
    options: EvaluateOptions | None = None,
    *,
    names: ColumnNames | None = None,
    thresholds: Thresholds | None = None,
    against: str | PathLike[str] | Predictions | None = None,
    training: TrainingImages | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Estimate predictions against labels, with intervals over patients.

    Args:
        predictions: a table with one row an image (see ``read_predictions``), or its contents.
        labels: ChestX-ray14's table or one of 0, 1 and blank (see ``read_labels``), or its contents.
        names: how the tables name their columns.
        thresholds: operating points, from validation images (see ``choose_thresholds``).
        against: predictions of a second model, compared on the images that both scored.
        training: what the model was trained on, to warn of contamination.
        progress: told of resamples done and in all.

    Raises:
        ValueError: the tables cannot be read or joined; the message names the row.
    """
    options = options or EvaluateOptions()
    cohort = _cohort(predictions, labels, names)
    measurements = Measurements(int(cohort.clusters.max()) + 1, options.resampling)
    for finding in cohort.findings:
        _add_finding(cohort, finding, thresholds, measurements)
    add_subgroups(cohort, measurements)
    measurements.resample(progress)
    estimable = [one for one in cohort.findings if measurements.value(f"auroc/{one}") is not None]
    subgroups, gaps = collect_subgroups(cohort, measurements)
    return Evaluation(
        _measured_images(cohort),
        cohort,
        options,
        findings={one: _finding(cohort, one, thresholds, measurements) for one in cohort.findings},
        mean_auroc=measurements.mean(f"auroc/{one}" for one in estimable),
        mean_of=estimable,
        subgroups=subgroups,
        gaps=gaps,
        thresholds=thresholds,
        comparison=None
        if against is None
        else compare_models(cohort, _cohort(against, labels, names), options.resampling, progress),
        contamination=None if training is None else find_contamination(cohort.labels, training),
    )


def _cohort(
    predictions: str | PathLike[str] | Predictions,
    labels: str | PathLike[str] | Labels,
    names: ColumnNames | None,
) -> Cohort:
    if isinstance(predictions, Predictions) and isinstance(labels, Labels):
        return join(predictions, labels)
    if isinstance(predictions, Predictions):
        assert not isinstance(labels, Labels)
        return join_file(predictions, Path(labels), names)
    if isinstance(labels, Labels):
        raise TypeError("labels already read fit only the predictions they were read for; give their file")
    return read_cohort(Path(predictions), Path(labels), names)


def _measured_images(cohort: Cohort) -> MeasuredImages:
    return MeasuredImages(
        name=cohort.predictions.name,
        predictions=cohort.predictions.source,
        labels=cohort.labels.source,
        images=len(cohort.labels.images),
        patients=cohort.patients,
        not_scored=cohort.predictions.not_scored,
        without_labels=cohort.without_labels,
        without_predictions=cohort.without_predictions,
        not_labelled=tuple(cohort.not_labelled),
        joined_by=cohort.joined_by,
    )


def _add_finding(
    cohort: Cohort, finding: str, thresholds: Thresholds | None, measurements: Measurements
) -> None:
    known = cohort.known(finding)
    present = cohort.present(finding)[known]
    probabilities, clusters = cohort.probabilities(finding)[known], cohort.clusters[known]
    try:
        ranking = Ranking(present, probabilities, clusters)
    except NotEstimable as error:
        measurements.add_not_estimable(f"auroc/{finding}", str(error))
        measurements.add_not_estimable(f"auprc/{finding}", str(error))
    else:
        measurements.add(f"auroc/{finding}", ranking.auroc)
        measurements.add(f"auprc/{finding}", ranking.average_precision)
    patients = int(cohort.clusters.max()) + 1
    measurements.add(f"brier/{finding}", WeightedMean((probabilities - present) ** 2, clusters, patients))
    threshold = thresholds.get(finding) if thresholds else None
    if threshold is not None:
        calls = probabilities >= threshold
        decisions = Decisions(present, calls, clusters, patients)
        for name in DECISIONS:
            measurements.add(f"{name}/{finding}", getattr(decisions, name))


def _finding(
    cohort: Cohort, finding: str, thresholds: Thresholds | None, measurements: Measurements
) -> FindingResult:
    known = cohort.known(finding)
    present, probabilities = cohort.present(finding)[known], cohort.probabilities(finding)[known]
    threshold = thresholds.get(finding) if thresholds else None
    measured = _auroc(cohort, finding, measurements)
    return FindingResult(
        positives=int(present.sum()),
        negatives=int((~present).sum()),
        unlabelled=int((~known).sum()),
        auroc=measured,
        auprc=measurements.measure(f"auprc/{finding}"),
        brier=measurements.measure(f"brier/{finding}"),
        ece=expected_calibration_error(present, probabilities) if known.any() else None,
        threshold=threshold,
        decisions={
            name: measurements.measure(f"{name}/{finding}") for name in DECISIONS if threshold is not None
        },
        above=systems_below(finding, measured.low),
    )


def _auroc(cohort: Cohort, finding: str, measurements: Measurements) -> Estimate:
    """The AUROC; where it is exactly 0 or 1, with the exact bound, as all resamples agree then."""
    measured = measurements.measure(f"auroc/{finding}")
    if measured.value not in {0.0, 1.0} or int(cohort.clusters.max()) == 0:
        return measured
    known = cohort.known(finding)
    return auroc_interval(
        cohort.present(finding)[known],
        cohort.probabilities(finding)[known],
        measurements.confidence,
        cohort.clusters[known],
    )
