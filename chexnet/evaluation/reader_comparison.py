"""A model beside radiologists, as in Table 1, from files (section 4.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np

from chexnet._options import option
from chexnet.arrays import Bool, Float, Int
from chexnet.evaluation.measures import Resampling
from chexnet.paper import BOOTSTRAP_SAMPLES, CONFIDENCE
from chexnet.statistics import (
    Confusion,
    Estimate,
    NotEstimable,
    auroc_interval,
    clusters_of,
    cohens_kappa,
    consensus,
    fleiss_kappa,
    krippendorffs_alpha,
    leave_one_out_consensus,
    reader_study,
)
from chexnet.statistics.thresholds import confusion_of_calls
from chexnet.tables import (
    BadTable,
    ColumnNames,
    Predictions,
    Readings,
    closest,
    prediction_columns,
    predictions_of,
    read_table,
    reading_columns,
    readings_of,
    same_finding,
)


@dataclass(frozen=True)
class ReadersOptions:
    """How to compare; each field is a flag of ``chexnet readers``."""

    samples: int = option(BOOTSTRAP_SAMPLES, "Bootstrap samples (section 4.1: 10,000).")
    confidence: float = option(CONFIDENCE, "Of the intervals.")
    seed: int = option(0, "Of the bootstrap; the same seed repeats it.")
    resample: Literal["images", "patients"] = option(
        "images", "What is drawn: images as in the paper, or patients (needs a column patient)."
    )
    model_as_reference: bool = option(
        True, "Score each radiologist against the model too, as the paper does."
    )

    def __post_init__(self) -> None:
        # Impossible values are refused there.
        Resampling(samples=self.samples, confidence=self.confidence, seed=self.seed)


@dataclass(frozen=True)
class OperatingPoint:
    """Calls of one rater against the majority of radiologists.

    Attributes:
        left_out: images without a majority, or that the rater did not read.
    """

    sensitivity: float | None
    specificity: float | None
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

    cohen: Mapping[tuple[str, str], float | None]
    fleiss: float | None
    read_by_all: int
    krippendorff: float | None


@dataclass(frozen=True)
class ReaderComparison:
    """Table 1 for one finding.

    Attributes:
        images: read by a radiologist and scored by the model.
        not_predicted: images that were read but have no prediction.
        resampled: "images" or "patients".
        present: number of images that each reader, and last the model, calls present.
        readers_mean: mean of the radiologists' F1.
        difference: the model's F1 minus that mean.
        significant: whether the interval of the difference excludes zero; None where there is none.
        pairs: F1 between any two raters, the model last.
        against_consensus: each reader against the majority of the *others*, the model against all.
        model_auroc: of the model's probabilities against the majority of all readers.
        consensus: the majority of each image, NaN at a tie; for figures.
        probabilities: the model's, for figures.
    """

    model_name: str
    finding: str
    threshold: float
    threshold_source: str
    images: int
    not_predicted: int
    resampled: str
    present: Mapping[str, int]
    readers: Mapping[str, Estimate]
    readers_mean: Estimate
    model: Estimate
    difference: Estimate
    significant: bool | None
    pairs: Float[np.ndarray, "raters raters"]
    agreement: Agreement
    against_consensus: Mapping[str, OperatingPoint]
    model_auroc: Estimate
    consensus: Float[np.ndarray, " images"]
    probabilities: Float[np.ndarray, " images"]


def compare_readers(
    readings: str | PathLike[str] | Readings,
    predictions: str | PathLike[str] | Predictions,
    finding: str,
    threshold: float,
    options: ReadersOptions | None = None,
    *,
    names: ColumnNames | None = None,
    threshold_source: str = "given",
) -> ReaderComparison:
    """Compare a model with radiologists on one finding, as the paper's Table 1 does for pneumonia.

    Args:
        readings: a long table (see ``read_readings``), or its contents.
        predictions: a table of probabilities (see ``read_predictions``), or its contents.
        threshold: an image is called present at ``probability >= threshold``; from validation images.
        names: how the tables name their columns.
        threshold_source: where the threshold comes from, for the record.

    Raises:
        ValueError: a table cannot be read, lacks the finding, or shares no image with the other.
    """
    options = options or ReadersOptions()
    if not 0 <= threshold <= 1:
        raise ValueError(f"threshold is {threshold}; expected a probability in [0, 1]")
    if not isinstance(readings, Readings) or not isinstance(predictions, Predictions):
        if isinstance(readings, Readings) or isinstance(predictions, Predictions):
            raise TypeError("give both readings and predictions as files, or both as their contents")
        readings, predictions = read_study(Path(readings), Path(predictions), [finding], names)
    return _compare(
        readings, predictions, _as_spelled(finding, readings), threshold, options, threshold_source
    )


def read_study(
    readings: Path, predictions: Path, findings: Sequence[str] | None, names: ColumnNames | None = None
) -> tuple[Readings, Predictions]:
    """Read both tables for the named findings, or for all that both have.

    Raises:
        BadTable: a table lacks a named finding, or they have none in common.
    """
    names = names or ColumnNames()
    read, predicted = read_table(readings), read_table(predictions)
    in_readings, in_predictions = reading_columns(read, names), list(prediction_columns(predicted, names))
    for name in findings or ():
        _require(name, in_readings, readings)
        _require(name, in_predictions, predictions)
    offered = {same_finding(name) for name in in_readings}
    wanted = list(findings or [name for name in in_predictions if same_finding(name) in offered])
    if not wanted:
        raise BadTable(f"{readings} and {predictions} have no finding in common; see `prefix` and `rename`")
    return readings_of(read, wanted, names), predictions_of(predicted, names, findings=wanted)


def _require(name: str, offered: Sequence[str], path: Path) -> None:
    if same_finding(name) in {same_finding(one) for one in offered}:
        return
    near = closest(name, offered)
    hint = f"did you mean {near!r}?" if near else f"it has {', '.join(map(repr, offered))}"
    raise BadTable(f"{path}: has no finding {name!r}; {hint}")


def _as_spelled(finding: str, readings: Readings) -> str:
    spelled = {same_finding(name): name for name in readings.findings}
    if same_finding(finding) not in spelled:
        raise ValueError(
            f"the readings have no finding {finding!r}; they have {', '.join(readings.findings)}"
        )
    return spelled[same_finding(finding)]


def _compare(
    readings: Readings,
    predictions: Predictions,
    finding: str,
    threshold: float,
    options: ReadersOptions,
    threshold_source: str,
) -> ReaderComparison:
    rows, scored = _shared(readings, predictions)
    values = readings.of(finding)[:, rows]
    # A table of predictions may bear the name of a reader, and neither may hide the other.
    model_name = predictions.name + (" (model)" if predictions.name in readings.readers else "")
    spelled = {same_finding(name): name for name in predictions.findings}
    probabilities = predictions.of(spelled[same_finding(finding)])[scored]
    calls = probabilities >= threshold
    study = reader_study(
        values,
        calls.astype(np.float64),
        _clusters(readings, rows, options),
        model_as_reference=options.model_as_reference,
        samples=options.samples,
        confidence=options.confidence,
        seed=options.seed,
    )
    majority = consensus(values)
    return ReaderComparison(
        model_name=model_name,
        finding=finding,
        threshold=threshold,
        threshold_source=threshold_source,
        images=rows.size,
        not_predicted=len(readings.images) - rows.size,
        resampled=options.resample,
        present={
            **{name: int(np.nansum(row)) for name, row in zip(readings.readers, values, strict=True)},
            model_name: int(calls.sum()),
        },
        readers=dict(zip(readings.readers, study.readers, strict=True)),
        readers_mean=study.readers_mean,
        model=study.model,
        difference=study.difference,
        significant=study.significant,
        pairs=study.pairs,
        agreement=_agreement(readings.readers, values),
        against_consensus={
            **{
                name: _operating_point(values[row], leave_one_out_consensus(values, row))
                for row, name in enumerate(readings.readers)
            },
            model_name: _operating_point(calls.astype(np.float64), majority),
        },
        model_auroc=_auroc(majority, probabilities, options.confidence),
        consensus=majority,
        probabilities=probabilities,
    )


def _shared(
    readings: Readings, predictions: Predictions
) -> tuple[Int[np.ndarray, " images"], Int[np.ndarray, " images"]]:
    place = {image: row for row, image in enumerate(predictions.images)}
    pairs = [(row, place[image]) for row, image in enumerate(readings.images) if image in place]
    if not pairs:
        raise ValueError(
            f"no image was both read and predicted; readings name images like {readings.images[0]}, "
            f"predictions like {predictions.images[0]}"
        )
    rows, scored = zip(*pairs, strict=True)
    return np.array(rows), np.array(scored)


def _clusters(
    readings: Readings, rows: Int[np.ndarray, " images"], options: ReadersOptions
) -> Int[np.ndarray, " images"]:
    if options.resample == "images":
        return clusters_of(None, rows.size)
    if readings.patients is None:
        raise ValueError("the readings have no column patient; add it, or resample images as the paper does")
    return clusters_of(np.array(readings.patients)[rows], rows.size)


def _agreement(readers: Sequence[str], values: Float[np.ndarray, "readers images"]) -> Agreement:
    pairs: dict[tuple[str, str], float | None] = {}
    for first in range(len(readers)):
        for second in range(first + 1, len(readers)):
            try:
                pairs[readers[first], readers[second]] = cohens_kappa(values[first], values[second])
            except NotEstimable:
                pairs[readers[first], readers[second]] = None
    return Agreement(
        pairs,
        fleiss=_or_none(fleiss_kappa, values),
        read_by_all=int((~np.isnan(values)).all(axis=0).sum()),
        krippendorff=_or_none(krippendorffs_alpha, values),
    )


def _or_none(measure, values: Float[np.ndarray, "readers images"]) -> float | None:  # type: ignore[no-untyped-def]
    try:
        return float(measure(values))
    except NotEstimable:
        return None


def _operating_point(
    calls: Float[np.ndarray, " images"], truth: Float[np.ndarray, " images"]
) -> OperatingPoint:
    known: Bool[np.ndarray, " images"] = ~np.isnan(calls) & ~np.isnan(truth)
    counted: Confusion = confusion_of_calls(truth[known] == 1, calls[known] == 1)
    positives = counted.true_positives + counted.false_negatives
    negatives = counted.true_negatives + counted.false_positives
    return OperatingPoint(
        counted.sensitivity if positives else None,
        counted.specificity if negatives else None,
        positives,
        negatives,
        int((~known).sum()),
    )


def _auroc(
    majority: Float[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"], confidence: float
) -> Estimate:
    known = ~np.isnan(majority)
    try:
        return auroc_interval(majority[known] == 1, probabilities[known], confidence)
    except NotEstimable as error:
        return Estimate(None, reason=str(error))
