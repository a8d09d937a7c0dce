"""Thresholds and training images from the files that the commands name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chexnet._options import Progress
from chexnet.arrays import Bool
from chexnet.evaluation.map_localisation import Localisation, localise_films
from chexnet.evaluation.model_run import Film
from chexnet.evaluation.operating_points import (
    Thresholds,
    choose_thresholds,
    refuse_test_images,
    thresholds_from_json,
)
from chexnet.leakage.training_images import TrainingImages, read_training_list
from chexnet.statistics import Policy
from chexnet.tables.joined import Cohort, join_file, read_cohort
from chexnet.tables.labels import label_columns, read_labels
from chexnet.tables.predictions import Predictions, prediction_columns
from chexnet.tables.readings import Readings
from chexnet.tables.table import ColumnNames, closest, read_table, same_finding


@dataclass(frozen=True)
class Subject:
    """What is to be measured.

    Attributes:
        predictions: a table's path, or what a model has predicted.
        thresholds: the model file's own, if it is one.
        training: what the model file says of its training images.
    """

    predictions: Path | Predictions
    thresholds: Thresholds | None = None
    training: TrainingImages | None = None


def find_subject(path: Path, images: Path | None, progress: Progress | None = None) -> Subject:
    """A table of predictions as it is, or a model file run on images.

    Raises:
        ValueError: a model file without images, or images without a model file.
    """
    if path.suffix.lower() != ".onnx":
        if images is not None:
            raise ValueError("--images is for a model file (.onnx); a table already holds predictions")
        return Subject(path)
    if images is None:
        raise ValueError(f"{path} is a model file; name the radiographs to predict with --images")
    # Imported here: a table needs no network runtime.
    from chexnet.evaluation.model_run import run_model

    run = run_model(path, images, progress)
    return Subject(run.predictions, run.thresholds, run.training)


def find_thresholds(
    test: Predictions | Path,
    labels: Path,
    names: ColumnNames,
    *,
    given: Path | None,
    validation: Path | None,
    validation_labels: Path | None,
    policy: Policy,
) -> Thresholds | None:
    """Thresholds from a JSON file, or the best on validation predictions; None if neither is named.

    Raises:
        ValueError: both are named, or validation and test share an image or a patient, or a threshold is
            of a finding that was not predicted.
    """
    if given and validation:
        raise ValueError("give thresholds or validation predictions, not both")
    if validation_labels and not validation:
        raise ValueError("--validation-labels without --validation; name the predictions they belong to")
    if given:
        return _for_findings_of(test, thresholds_from_json(given), given, names)
    if not validation:
        return None
    chosen = read_cohort(validation, validation_labels or labels, names)
    tested = read_cohort(test, labels, names) if isinstance(test, Path) else join_file(test, labels, names)
    refuse_test_images(chosen, tested.labels.images, tested.labels.patients)
    return choose_thresholds(chosen, policy)


def find_training_images(
    trained_on: Path | None, labels: Path, names: ColumnNames, of_model: TrainingImages | None = None
) -> TrainingImages | None:
    """The list of training images, with their patients as far as the labels know them.

    Args:
        of_model: what the model file says; a list is checked against it.
    """
    if trained_on is None:
        return of_model
    listed = read_training_list(trained_on, _patients(labels, names))
    return of_model.with_list(listed) if of_model else listed


def find_reader_thresholds(
    given: Sequence[str],
    readings: Readings,
    *,
    validation: Path | None,
    validation_labels: Path | None,
    policy: Policy,
    names: ColumnNames,
) -> Thresholds:
    """The model's thresholds for a reader study, never from the films that were read.

    Args:
        given: ``0.3`` for a single finding, or ``NAME=0.3`` each.
        validation: predictions to choose thresholds on. Films that were read, and all other films of
            those patients, are left out of it.

    Raises:
        ValueError: neither or both are given, or a number is none, or a name unknown.
    """
    if bool(given) == (validation is not None):
        raise ValueError(
            "give the model's threshold with --threshold, or predictions of validation images with "
            "--validation and --validation-labels; a threshold chosen on the films that were read would "
            "flatter the model"
        )
    if validation is None:
        return Thresholds(_parse_thresholds(given, readings.findings), "given", {})
    if validation_labels is None:
        raise ValueError("--validation needs --validation-labels, such as Data_Entry_2017_v2020.csv")
    cohort = read_cohort(validation, validation_labels, names)
    return choose_thresholds(cohort, policy, _not_read(cohort, readings))


def find_localisation(
    boxes: Path | None, films: Path | None, model: Path | None, finding: str | None, labels: Path
) -> Localisation | None:
    """Localisation on boxed films, if boxes are named.

    Raises:
        ValueError: boxes without films.
    """
    if boxes is None:
        return None
    if films is None:
        raise ValueError("--boxes needs --films, the folder of the boxed films")
    return localise_films(boxes, films, model, labels=labels, finding=finding)


def draw_films(shown: Sequence[str], model: Path | None) -> list[Film]:
    """Films with their maps, each named as FILE=FINDING.

    Raises:
        ValueError: it is not of that form, or the file cannot be read.
    """
    films = []
    for text in shown:
        name, separator, finding = text.rpartition("=")
        if not separator:
            raise ValueError(f"--film {text}: expected FILE=FINDING, such as film.png=Pneumonia")
        # Imported here: a report without films needs no network runtime.
        from chexnet.evaluation.model_run import draw_film

        films.append(draw_film(model, Path(name), finding))
    return films


def _for_findings_of(
    test: Predictions | Path, thresholds: Thresholds, given: Path, names: ColumnNames
) -> Thresholds:
    """The thresholds, if each is of a finding that was predicted."""
    offered = (
        list(prediction_columns(read_table(test), names)) if isinstance(test, Path) else list(test.findings)
    )
    for name in thresholds.values:
        if same_finding(name) not in map(same_finding, offered):
            near = closest(name, offered)
            hint = f"did you mean {near!r}?" if near else f"there are {', '.join(map(repr, offered))}"
            raise ValueError(f"{given}: the predictions have no finding {name!r}; {hint}")
    return thresholds


def _parse_thresholds(given: Sequence[str], findings: Sequence[str]) -> dict[str, float]:
    spelled = {same_finding(name): name for name in findings}
    values: dict[str, float] = {}
    for text in given:
        name, separator, number = text.rpartition("=")
        if not separator and len(findings) > 1:
            raise ValueError(f"--threshold {text}: name the finding, such as {findings[0]}={text}")
        key = same_finding(name or findings[0])
        if key not in spelled:
            raise ValueError(f"--threshold {text}: {name!r} is none of {', '.join(findings)}")
        if spelled[key] in values:
            raise ValueError(f"--threshold {text}: {spelled[key]} already has {values[spelled[key]]}")
        try:
            values[spelled[key]] = float(number)
        except ValueError as error:
            raise ValueError(f"--threshold {text}: expected a number in [0, 1]") from error
    return values


def _not_read(cohort: Cohort, readings: Readings) -> Bool[np.ndarray, " images"]:
    """Validation images whose patient was not read; patients by the validation labels and the readings."""
    images = np.array(cohort.labels.images)
    read = np.isin(images, np.array(readings.images))
    if cohort.labels.patients is None:
        return ~read
    patients = np.array(cohort.labels.patients)
    seen = np.union1d(patients[read], np.array(readings.patients or [], dtype=patients.dtype))
    kept: Bool[np.ndarray, " images"] = ~np.isin(patients, seen)
    if not kept.any():
        raise ValueError("every validation image is of a patient who was read; use other images")
    return kept


def _patients(labels: Path, names: ColumnNames) -> Mapping[str, str]:
    table = read_table(labels)
    known = read_labels(labels, label_columns(table, names)[:1], names)
    return {} if known.patients is None else dict(zip(known.images, known.patients, strict=True))
