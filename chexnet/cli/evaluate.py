"""`chexnet evaluate`."""

from pathlib import Path
from typing import Any

import click

from chexnet.cli.inputs import column_names, find_subject, find_training, operating_rule, warn_of_training
from chexnet.cli.shared import (
    FILE,
    Decorated,
    build,
    errors,
    json_file_option,
    options_from,
    progress_bar,
    table_options,
    together,
    validation_options,
)
from chexnet.evaluation import EvaluateOptions, Evaluation, evaluate, find_thresholds
from chexnet.report import evaluation_json, show_evaluation, write_json

_OTHER_TABLES = ("against", "validation", "validation_labels", "readings")


def evaluation_options(function: Decorated) -> Decorated:
    """The argument and options that evaluate and report have in common."""
    return together(
        click.argument("predictions", type=FILE),
        click.option(
            "--labels",
            type=FILE,
            required=True,
            help="Data_Entry_2017_v2020.csv, or a table of 0, 1, blank.",
        ),
        table_options,
        click.option(
            "--subgroup",
            "groups",
            multiple=True,
            metavar="COLUMN",
            help="Column of the labels to measure subgroups by, such as scanner, besides sex, age and view. "
            "Repeatable.",
        ),
        click.option("--against", type=FILE, help="Predictions of a second model, for a paired comparison."),
        click.option(
            "--thresholds", type=FILE, help='JSON such as {"Pneumonia": 0.12}, chosen on validation images.'
        ),
        validation_options,
        click.option(
            "--trained-on",
            type=FILE,
            help="Names of the training images, one per line, or the model file: warns of contamination.",
        ),
        options_from(EvaluateOptions),
    )(function)


@click.command(name="evaluate")
@evaluation_options
@click.option(
    "--images", type=FILE, help="Radiographs to predict, where PREDICTIONS is a model file (.onnx)."
)
@json_file_option
def command(
    predictions: Path, labels: Path, images: Path | None, json_path: Path | None, **options: Any
) -> None:
    """Measure PREDICTIONS, one row per image and one column per finding, against labels (Table 2).

    \b
    Examples:
      chexnet evaluate predictions.csv --labels Data_Entry_2017_v2020.csv --json result.json
      chexnet evaluate preds.csv --labels labels.csv --image-column "Image Index" --prefix prob_
      chexnet evaluate model.onnx --images images --labels labels.csv
      chexnet evaluate a.csv --labels labels.csv --against b.csv --trained-on train_list.txt
    """
    with errors():
        result = run_evaluation(predictions, labels, images, options)
        if json_path:
            write_json(evaluation_json(result), json_path)
    click.echo(show_evaluation(result))
    warn_of_training(result.contamination)


def run_evaluation(
    predictions: Path, labels: Path, images: Path | None, options: dict[str, Any]
) -> Evaluation:
    """Call the library with the parsed options, behind a progress bar."""
    settings = build(EvaluateOptions, options)
    names = column_names(options, (predictions, labels, *(options.get(one) for one in _OTHER_TABLES)))
    with progress_bar(total=settings.samples) as progress:
        subject = find_subject(predictions, images, progress)
        thresholds = find_thresholds(
            subject.predictions,
            labels,
            names,
            given=options["thresholds"],
            validation=options["validation"],
            validation_labels=options["validation_labels"],
            policy=operating_rule(options, "sensitivity_90"),
        )
        return evaluate(
            subject.predictions,
            labels,
            settings,
            names=names,
            thresholds=thresholds or subject.thresholds,
            against=options["against"],
            training=find_training(options["trained_on"], labels, names, subject.training),
            progress=progress,
        )
