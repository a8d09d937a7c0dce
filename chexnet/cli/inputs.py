"""What users type, as the values that the library takes: NAME=0.3, OLD=NEW, a model or a table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from chexnet._options import Progress
from chexnet.tables import ColumnNames, refuse_unknown_columns, same_finding

if TYPE_CHECKING:
    from chexnet.evaluation import Film, Localisation, Thresholds
    from chexnet.leakage import Contamination, TrainingImages
    from chexnet.statistics import OperatingRule, Policy, Rule
    from chexnet.tables import Predictions


RULES: tuple["Rule", ...] = ("sensitivity", "specificity", "alarm_rate", "threshold_probability")
"""Rules with a flag of their own."""


@dataclass(frozen=True)
class Subject:
    """What is to be measured.

    Attributes:
        predictions: a table's path, or what a model has predicted.
        thresholds: the model file's own, if it is one.
        training: what the model file says of its training images.
    """

    predictions: "Path | Predictions"
    thresholds: "Thresholds | None" = None
    training: "TrainingImages | None" = None


def column_names(options: Mapping[str, Any], tables: Iterable[Path | None]) -> ColumnNames:
    """How the tables name their columns, from the options of ``table_options``.

    Raises:
        ValueError: a name is a column of none of them.
    """
    rename = {}
    for pair in options["rename"]:
        old, separator, new = pair.partition("=")
        if not (old and separator and new):
            raise click.UsageError(f"--rename {pair}: expected OLD=NEW, such as PT=Pleural_Thickening")
        rename[old] = new
    names = ColumnNames(
        image=options["image_column"],
        prefix=options["prefix"],
        rename=rename,
        patient=options["patient_column"],
        image_root=options["image_root"],
        groups=tuple(options.get("groups", ())),
    )
    refuse_unknown_columns(names, tables)
    return names


def operating_rule(options: Mapping[str, Any], default: "Policy") -> "OperatingRule | Policy":
    """The rule that was asked for by its own flag, else the policy.

    Args:
        default: the policy where none was asked for. F1 suits the comparison with readers by F1 only: for a
            rare finding its threshold moves between very different sensitivities.

    Raises:
        click.UsageError: two rules, or a share outside 0 to 1.
    """
    from chexnet.statistics import OperatingRule

    given = {name: value for name in RULES if (value := options[f"rule_{name}"]) is not None}
    if not given:
        return cast("Policy", options["policy"] or default)
    if len(given) > 1:
        flags = " and ".join(f"--{name.replace('_', '-')}" for name in given)
        raise click.UsageError(f"{flags}: choose one")
    name, value = next(iter(given.items()))
    try:
        return OperatingRule(name, value)
    except ValueError as error:
        raise click.UsageError(f"--{name.replace('_', '-')} {value}: expected a share such as 0.9") from error


def find_subject(path: Path, images: Path | None, progress: Progress | None = None) -> Subject:
    """A table of predictions as it is, or a model file run on images.

    Raises:
        click.UsageError: a model file without images, or images without a model file.
    """
    if path.suffix.lower() != ".onnx":
        if images is not None:
            raise click.UsageError("--images is for a model file (.onnx); a table already holds predictions")
        from chexnet.evaluation import training_of_predictions

        return Subject(path, training=training_of_predictions(path))
    if images is None:
        raise click.UsageError(f"{path} is a model file; name the radiographs to predict with --images")
    # Imported here: a table needs no network runtime.
    from chexnet.evaluation import run_model

    run = run_model(path, images, progress)
    return Subject(run.predictions, run.thresholds, run.training)


def find_training(
    trained_on: Path | None, labels: Path, names: ColumnNames, of_model: "TrainingImages | None"
) -> "TrainingImages | None":
    """What is known of the training images: from a list, a model file, or the model that predicted."""
    from chexnet.leakage import find_training_images

    if trained_on is None or trained_on.suffix.lower() != ".onnx":
        return find_training_images(trained_on, labels, names, of_model)
    # Imported here: a list needs no network runtime.
    from chexnet.classifier import load
    from chexnet.evaluation import training_of

    return training_of(load(trained_on, threads=1))


def warn_of_training(contamination: "Contamination | None") -> None:
    """Say in red on standard error that images which are measured were trained on."""
    if contamination and contamination.found:
        click.secho(contamination.message, fg="red", err=True)


def parse_thresholds(given: Sequence[str], findings: Sequence[str]) -> dict[str, float]:
    """``0.3`` for a single finding, or ``NAME=0.3`` each; the names as ``findings`` spells them.

    Raises:
        click.UsageError: no number, an unknown finding, or a finding that has two.
    """
    spelled = {same_finding(name): name for name in findings}
    values: dict[str, float] = {}
    for text in given:
        name, separator, number = text.rpartition("=")
        wrong = partial(_wrong, f"--threshold {text}")
        if not separator and len(findings) > 1:
            raise wrong(f"name the finding, such as {findings[0]}={text}")
        key = same_finding(name or findings[0])
        if key not in spelled:
            raise wrong(f"{name!r} is none of {', '.join(findings)}")
        if spelled[key] in values:
            raise wrong(f"{spelled[key]} already has {values[spelled[key]]}")
        try:
            values[spelled[key]] = float(number)
        except ValueError as error:
            raise wrong("expected a number in [0, 1]") from error
    return values


def find_localisation(
    boxes: Path | None,
    images: Path | None,
    model: Path | None,
    finding: str | None,
    labels: Path,
    names: ColumnNames,
    *,
    exclude_seen: bool,
) -> "Localisation | None":
    """Localisation on boxed images, if boxes are named.

    Raises:
        click.UsageError: boxes without images.
    """
    if boxes is None:
        return None
    if images is None:
        raise click.UsageError("--boxes needs --images, the folder of the boxed images")
    from chexnet.evaluation import localise_films

    return localise_films(
        boxes, images, model, labels=labels, finding=finding, names=names, exclude_seen=exclude_seen
    )


def draw_images(shown: Sequence[str], model: Path | None) -> "list[Film]":
    """Images with their maps, each named as FILE=FINDING.

    Raises:
        click.UsageError: it is not of that form.
        ValueError: the file cannot be read.
    """
    wanted = [text.rpartition("=") for text in shown]
    for text, (_, separator, _) in zip(shown, wanted, strict=True):
        if not separator:
            raise click.UsageError(f"--show {text}: expected FILE=FINDING, such as image.png=Pneumonia")
    if not wanted:
        return []
    # Imported here: a report without images needs no network runtime.
    from chexnet.evaluation import draw_film

    return [draw_film(model, Path(name), finding) for name, _, finding in wanted]


def _wrong(what: str, why: str) -> click.UsageError:
    return click.UsageError(f"{what}: {why}")
