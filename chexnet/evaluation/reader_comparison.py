"""A model beside radiologists, as in Table 1, from files (section 4.1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Literal

import numpy as np

from chexnet._options import option
from chexnet.arrays import Float, Int
from chexnet.evaluation.measures import Resampling
from chexnet.evaluation.reader_inference import (
    ACCURACIES,
    Agreement,
    Inference,
    OperatingPoint,
    Study,
    agreement,
    auroc_against,
    infer,
    operating_point,
    rated,
)
from chexnet.paper import BOOTSTRAP_SAMPLES, CONFIDENCE
from chexnet.statistics import Estimate, clusters_of, consensus, holm, reader_study
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
    resample: Literal["auto", "images", "patients"] = option(
        "auto", "What is drawn: patients where the readings name them, else images."
    )
    model_as_reference: bool = option(
        True, "Score each radiologist against the model too, as the paper does."
    )
    as_in_paper: bool = option(
        False, "Only the paper's procedure: images are drawn, and the verdict is about these readers alone."
    )
    margin: float | None = option(
        None, "Margin of F1 for non-inferiority to the average radiologist, such as 0.05."
    )

    def __post_init__(self) -> None:
        # Impossible values are refused there.
        Resampling(samples=self.samples, confidence=self.confidence, seed=self.seed)
        if self.margin is not None and not 0 < self.margin < 1:
            raise ValueError(f"margin is {self.margin}; expected a difference of F1 such as 0.05")
        if self.as_in_paper and self.resample == "patients":
            raise ValueError("the paper draws images; give `as_in_paper` or `resample` patients, not both")


@dataclass(frozen=True)
class ReaderComparison:
    """Table 1 for one finding.

    Attributes:
        images: read by a radiologist and scored by the model.
        patients: of these images; None where the readings name no patient.
        not_predicted: images that were read but have no prediction.
        resampled: "images" or "patients".
        present: number of images that each reader, and last the model, calls present.
        readers_mean: mean of the radiologists' F1.
        difference: the model's F1 minus that mean.
        significant: whether the interval of that difference excludes zero, which speaks of these readers
            only; None where there is none.
        inference: by accuracy, for readers and cases beyond these; empty where only the paper's procedure
            was asked for.
        margin: of non-inferiority; None where none was asked for.
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
    patients: int | None
    not_predicted: int
    resampled: str
    present: Mapping[str, int]
    readers: Mapping[str, Estimate]
    readers_mean: Estimate
    model: Estimate
    difference: Estimate
    significant: bool | None
    inference: Mapping[str, Inference]
    margin: float | None
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
    clusters = _clusters(readings, rows, options)
    study = Study(values, probabilities >= threshold, probabilities, clusters)
    of_paper = reader_study(
        values,
        study.calls.astype(np.float64),
        clusters,
        model_as_reference=options.model_as_reference,
        samples=options.samples,
        confidence=options.confidence,
        seed=options.seed,
    )
    majority = consensus(values)
    raters = [*readings.readers, model_name]
    return ReaderComparison(
        model_name=model_name,
        finding=finding,
        threshold=threshold,
        threshold_source=threshold_source,
        images=rows.size,
        patients=None if readings.patients is None else len({readings.patients[row] for row in rows}),
        not_predicted=len(readings.images) - rows.size,
        resampled="patients" if _by_patient(readings, options) else "images",
        present={
            **{name: int(np.nansum(row)) for name, row in zip(readings.readers, values, strict=True)},
            model_name: int(study.calls.sum()),
        },
        readers=dict(zip(readings.readers, of_paper.readers, strict=True)),
        readers_mean=of_paper.readers_mean,
        model=of_paper.model,
        difference=of_paper.difference,
        significant=of_paper.significant,
        inference=_inference(study, options),
        margin=options.margin,
        pairs=of_paper.pairs,
        agreement=agreement(readings.readers, study, options.confidence),
        against_consensus={
            name: operating_point(calls, truth, clusters, options.confidence)
            for name, (calls, truth) in zip(raters, rated(study), strict=True)
        },
        model_auroc=auroc_against(majority, study, options.confidence),
        consensus=majority,
        probabilities=probabilities,
    )


def _inference(study: Study, options: ReadersOptions) -> dict[str, Inference]:
    if options.as_in_paper:
        return {}
    return infer(
        study,
        model_as_reference=options.model_as_reference,
        samples=options.samples,
        confidence=options.confidence,
        seed=options.seed,
    )


def correct_for_findings(comparisons: Sequence[ReaderComparison]) -> list[ReaderComparison]:
    """The same comparisons with Holm's correction of each accuracy's p-value over all the findings."""
    corrected = list(comparisons)
    if len(corrected) < 2:
        return corrected
    for accuracy in ACCURACIES:
        tested = [
            place
            for place, one in enumerate(corrected)
            if accuracy in one.inference and one.inference[accuracy].comparison is not None
        ]
        found = [corrected[place].inference[accuracy] for place in tested]
        p_values = [one.comparison.average_reader.p_value for one in found if one.comparison]
        for place, one, p in zip(tested, found, holm(np.array(p_values)).tolist(), strict=True):
            inference = {**corrected[place].inference, accuracy: replace(one, p_holm=p)}
            corrected[place] = replace(corrected[place], inference=inference)
    return corrected


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


def _by_patient(readings: Readings, options: ReadersOptions) -> bool:
    if options.as_in_paper or options.resample == "images":
        return False
    if readings.patients is None and options.resample == "patients":
        raise ValueError("the readings have no column patient; add it, or resample images as the paper does")
    return readings.patients is not None


def _clusters(
    readings: Readings, rows: Int[np.ndarray, " images"], options: ReadersOptions
) -> Int[np.ndarray, " images"]:
    if not _by_patient(readings, options):
        return clusters_of(None, rows.size)
    return clusters_of(np.array(readings.patients)[rows], rows.size)
