"""From predictions and labels to the numbers of Table 2, with everything a reviewer asks of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np

from chexnet._options import Progress, option
from chexnet.evaluation.comparison import ModelComparison, compare_models
from chexnet.evaluation.confounding import Confounding, measure_confounding
from chexnet.evaluation.discrimination import (
    FEWEST_PATIENTS,
    add_areas,
    add_f1,
    estimate_auroc,
    estimate_calibration,
    estimate_decisions,
    sample_of,
)
from chexnet.evaluation.measures import Measurements, Resampling
from chexnet.evaluation.operating_points import Thresholds
from chexnet.evaluation.subgroups import Gap, Subgroup, add_subgroups, collect_subgroups
from chexnet.leakage import Contamination, TrainingImages, find_contamination, find_seen
from chexnet.literature import systems_below
from chexnet.paper import BOOTSTRAP_SAMPLES, CONFIDENCE
from chexnet.statistics import CalibrationMeasures, Estimate, WeightedMean, expected_calibration_error
from chexnet.tables import Cohort, ColumnNames, Labels, Predictions, join, join_file, read_cohort


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
    adjust: str = option(
        "", "Columns to adjust the AUROC for, such as view,age,sex: only images that share them are compared."
    )
    published: Literal["auto", "always", "never"] = option(
        "auto",
        "Show the published AUROCs of Table 2 beside these: auto where the labels are ChestX-ray14's own.",
    )

    exclude_seen: bool = option(
        False, "Leave out images that the model was trained on, and all images of their patients."
    )

    def __post_init__(self) -> None:
        # Impossible values are refused there.
        Resampling(self.samples, self.interval, self.confidence, self.seed)

    @property
    def adjusted_for(self) -> tuple[str, ...]:
        """The columns of `adjust`."""
        return tuple(name.strip() for name in self.adjust.split(",") if name.strip())

    @property
    def resampling(self) -> Resampling:
        """The part that makes intervals."""
        return Resampling(self.samples, self.interval, self.confidence, self.seed)


@dataclass(frozen=True)
class FindingResult:
    """One row of the table.

    Attributes:
        positives: images with the finding.
        unlabelled: images whose label for this finding is blank; they take no part.
        positive_patients: patients with a positive image; images where no patient is known.
        negative_patients: patients with a negative image; images where no patient is known.
        calibration: slope, intercept and O:E, which show overconfidence that the ECE hides.
        ece: expected calibration error, 15 bins of equal width; without interval, as resampling
            biases it upwards.
        threshold: from validation; None where there is none.
        threshold_interval: over the patients it was chosen on; None where it was given.
        decisions: F1, sensitivity, specificity, PPV and NPV at the threshold.
        above: published systems whose AUROC lies below the interval of this one; empty with fewer than
            ``FEWEST_PATIENTS`` patients in either class.
        confounding: what sex, age and view tell without an image; None where the labels have none of them.
    """

    positives: int
    negatives: int
    unlabelled: int
    positive_patients: int
    negative_patients: int
    auroc: Estimate
    auprc: Estimate
    brier: Estimate
    calibration: CalibrationMeasures
    ece: float | None
    threshold: float | None
    threshold_interval: tuple[float, float] | None
    decisions: Mapping[str, Estimate]
    above: Sequence[str]
    confounding: Confounding | None = None


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
        published: whether Wang's, Yao's and CheXNet's AUROCs stand beside these.
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
    published: bool


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
    contamination = None if training is None else find_contamination(cohort.labels, training)
    if options.exclude_seen:
        cohort, contamination = _without_seen(cohort, training, contamination)
    published = options.published == "always" or (
        options.published == "auto" and cohort.labels.of_chestxray14
    )
    measurements = Measurements(int(cohort.clusters.max()) + 1, options.resampling)
    for finding in cohort.findings:
        _add_finding(cohort, finding, thresholds, measurements)
    add_subgroups(cohort, measurements)
    measurements.resample(progress)
    estimable = [one for one in cohort.findings if measurements.value(f"auroc/{one}") is not None]
    subgroups, gaps = collect_subgroups(cohort, measurements, thresholds)
    return Evaluation(
        _measured_images(cohort),
        cohort,
        options,
        findings={
            one: _finding(cohort, one, thresholds, measurements, published, options.adjusted_for)
            for one in cohort.findings
        },
        mean_auroc=measurements.mean(f"auroc/{one}" for one in estimable),
        mean_of=estimable,
        subgroups=subgroups,
        gaps=gaps,
        thresholds=thresholds,
        comparison=None
        if against is None
        else compare_models(cohort, _cohort(against, labels, names), options.resampling, progress),
        contamination=contamination,
        published=published,
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


def _without_seen(
    cohort: Cohort, training: TrainingImages | None, contamination: Contamination | None
) -> tuple[Cohort, Contamination]:
    """The images that neither were trained on nor are of a patient who was."""
    if training is None or contamination is None:
        raise ValueError(
            "`exclude_seen`: nothing is known of the images that the model was trained on; name the list of "
            "them, or the model file, with `trained_on`"
        )
    seen = find_seen(cohort.labels, training).either
    if seen.all():
        raise ValueError(
            f"`exclude_seen`: no image is left; the model was trained on all {len(seen):,} of them or on "
            "their patients"
        )
    return cohort.take(np.flatnonzero(~seen)), replace(contamination, left_out=int(seen.sum()))


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
    sample = sample_of(cohort, finding)
    add_areas(sample, measurements, f"auroc/{finding}", f"auprc/{finding}")
    errors = (sample.probabilities - sample.present) ** 2
    measurements.add(f"brier/{finding}", WeightedMean(errors, sample.clusters, sample.patients))
    threshold = thresholds.get(finding) if thresholds else None
    if threshold is not None:
        add_f1(sample, threshold, measurements, f"f1/{finding}")


def _finding(
    cohort: Cohort,
    finding: str,
    thresholds: Thresholds | None,
    measurements: Measurements,
    published: bool,
    adjust: Sequence[str],
) -> FindingResult:
    sample = sample_of(cohort, finding)
    threshold = thresholds.get(finding) if thresholds else None
    auroc = estimate_auroc(sample, measurements, f"auroc/{finding}")
    of_threshold: Estimate = Estimate(None)
    decisions: dict[str, Estimate] = {}
    if thresholds is not None and threshold is not None:
        of_threshold, decisions = estimate_decisions(
            sample, threshold, measurements, f"f1/{finding}", thresholds.chosen(finding)
        )
    enough = min(sample.patients_of_classes) >= FEWEST_PATIENTS
    positive_patients, negative_patients = sample.patients_of_classes
    return FindingResult(
        positives=int(sample.present.sum()),
        negatives=int((~sample.present).sum()),
        unlabelled=int((~cohort.known(finding)).sum()),
        positive_patients=positive_patients,
        negative_patients=negative_patients,
        auroc=auroc,
        auprc=measurements.measure(f"auprc/{finding}"),
        brier=measurements.measure(f"brier/{finding}"),
        calibration=estimate_calibration(sample, measurements.confidence),
        ece=expected_calibration_error(sample.present, sample.probabilities) if sample.present.size else None,
        threshold=threshold,
        threshold_interval=of_threshold.interval,
        decisions=decisions,
        above=systems_below(finding, auroc.low) if published and enough else [],
        confounding=measure_confounding(cohort, finding, adjust, measurements.resampling),
    )
