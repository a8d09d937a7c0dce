"""`chexnet evaluate`."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import click
from tqdm import tqdm

from chexnet.cli.options import build, options_from
from chexnet.evaluation import EvaluateOptions, Evaluation, evaluate
from chexnet.evaluation.sources import find_subject, find_thresholds, find_training_images
from chexnet.report import evaluation_json, show_evaluation, write_json
from chexnet.statistics import POLICIES
from chexnet.tables import ColumnNames
from chexnet.tables.table import refuse_names_of_no_column

_FILE = click.Path(path_type=Path)
_OTHER_TABLES = ("against", "validation", "validation_labels", "readings")
_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])

_OPTIONS = (
    click.argument("predictions", type=_FILE),
    click.option(
        "--labels", type=_FILE, required=True, help="Data_Entry_2017_v2020.csv, or a table of 0, 1, blank."
    ),
    click.option("--image-column", help="Column with the image names, if it has no usual name."),
    click.option("--prefix", default="", help="What stands before each pathology's name, such as prob_."),
    click.option("--rename", multiple=True, metavar="OLD=NEW", help="A pathology's other name; repeatable."),
    click.option(
        "--images", type=_FILE, help="Radiographs to predict, where PREDICTIONS is a model file (.onnx)."
    ),
    click.option("--against", type=_FILE, help="Predictions of a second model, for a paired comparison."),
    click.option(
        "--thresholds", type=_FILE, help='JSON such as {"Pneumonia": 0.12}, chosen on validation images.'
    ),
    click.option(
        "--validation", type=_FILE, help="Predictions of validation images, to choose thresholds on."
    ),
    click.option("--validation-labels", type=_FILE, help="Their labels; by default those of --labels."),
    click.option(
        "--policy",
        type=click.Choice(list(POLICIES)),
        default="max_f1",
        show_default=True,
        help="How thresholds are chosen.",
    ),
    click.option(
        "--trained-on", type=_FILE, help="Names of the training images, one a line: warns of contamination."
    ),
    options_from(EvaluateOptions),
)


def evaluation_options(function: _Decorated) -> _Decorated:
    """The argument and options that evaluate and report have in common."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


@click.command(name="evaluate")
@evaluation_options
@click.option("--json", "json_path", type=_FILE, help="Write all numbers to this file.")
def command(predictions: Path, labels: Path, json_path: Path | None, **options: Any) -> None:
    """Measure PREDICTIONS, one row an image and one column a pathology, against labels (Table 2).

    \b
    Examples:
      chexnet evaluate predictions.csv --labels Data_Entry_2017_v2020.csv --json result.json
      chexnet evaluate preds.csv --labels labels.csv --image-column "Image Index" --prefix prob_
      chexnet evaluate model.onnx --images films --labels labels.csv
      chexnet evaluate a.csv --labels labels.csv --against b.csv --trained-on train_list.txt
    """
    try:
        result = run_evaluation(predictions, labels, options)
        if json_path:
            write_json(evaluation_json(result), json_path)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(show_evaluation(result))
    if result.contamination and result.contamination.found:
        click.secho(result.contamination.message, fg="red", err=True)


def run_evaluation(predictions: Path, labels: Path, options: dict[str, Any]) -> Evaluation:
    """Call the library with the parsed options, behind a progress bar."""
    settings = build(EvaluateOptions, options)
    names = column_names(options, (predictions, labels, *(options.get(one) for one in _OTHER_TABLES)))
    with tqdm(total=settings.samples, unit="", disable=None, leave=False) as bar:
        subject = find_subject(predictions, options["images"], partial(advance, bar))
        thresholds = find_thresholds(
            subject.predictions,
            labels,
            names,
            given=options["thresholds"],
            validation=options["validation"],
            validation_labels=options["validation_labels"],
            policy=options["policy"],
        )
        return evaluate(
            subject.predictions,
            labels,
            settings,
            names=names,
            thresholds=thresholds or subject.thresholds,
            against=options["against"],
            training=find_training_images(options["trained_on"], labels, names, subject.training),
            progress=partial(advance, bar),
        )


def column_names(options: dict[str, Any], tables: Iterable[Path | None]) -> ColumnNames:
    """How the tables name their columns.

    Raises:
        ValueError: a name is a column of none of them.
    """
    rename = {}
    for pair in options["rename"]:
        old, separator, new = pair.partition("=")
        if not (old and separator and new):
            raise click.UsageError(f"--rename {pair}: expected OLD=NEW, such as PT=Pleural_Thickening")
        rename[old] = new
    names = ColumnNames(options["image_column"], options["prefix"], rename)
    refuse_names_of_no_column(names, tables)
    return names


def advance(bar: tqdm, done: int, total: int) -> None:
    """Move a progress bar."""
    bar.total = total
    bar.n = done
    bar.refresh()
