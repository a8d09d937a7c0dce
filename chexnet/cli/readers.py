"""`chexnet readers`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from chexnet.cli.evaluate import column_names
from chexnet.cli.options import build, options_from
from chexnet.evaluation import ReaderComparison, ReadersOptions, compare_readers, read_study
from chexnet.evaluation.sources import find_reader_thresholds
from chexnet.report import readers_content, show_readers, write_json
from chexnet.statistics import POLICIES
from chexnet.tables import ColumnNames

_FILE = click.Path(path_type=Path)


@click.command(name="readers")
@click.argument("readings", type=_FILE)
@click.option("--predictions", type=_FILE, required=True, help="The model's probabilities, one row an image.")
@click.option(
    "--finding", "findings", multiple=True, help="Pathology; repeatable. Without it, all in common."
)
@click.option(
    "--threshold",
    "thresholds",
    multiple=True,
    metavar="T or NAME=T",
    help="The model calls a finding present at probability >= T; from validation images. Repeatable.",
)
@click.option(
    "--validation", type=_FILE, help="Predictions to choose thresholds on; read patients are left out."
)
@click.option("--validation-labels", type=_FILE, help="Labels of the validation images.")
@click.option(
    "--policy",
    type=click.Choice(list(POLICIES)),
    default="max_f1",
    show_default=True,
    help="How thresholds are chosen on --validation.",
)
@click.option("--json", "json_path", type=_FILE, help="Write all numbers to this file.")
@click.option("--image-column", help="Column with the image names, if it has no usual name.")
@click.option("--prefix", default="", help="What stands before each pathology's name, such as prob_.")
@click.option("--rename", multiple=True, metavar="OLD=NEW", help="A pathology's other name; repeatable.")
@options_from(ReadersOptions)
def command(
    readings: Path, predictions: Path, findings: tuple[str, ...], json_path: Path | None, **options: Any
) -> None:
    """Compare a model with the radiologists in READINGS by F1, as in Table 1 (section 4.1).

    READINGS has one row for each image and reader: columns image, reader, and 0, 1 or blank (or NO, YES)
    for each pathology.

    \b
    Examples:
      chexnet readers readings.csv --predictions predictions.csv --finding Pneumonia --threshold 0.12
      chexnet readers readings.csv --predictions test.csv --validation val.csv \\
          --validation-labels Data_Entry_2017_v2020.csv --json readers.json
    """
    try:
        results = run_readers(
            readings,
            predictions,
            findings,
            build(ReadersOptions, options),
            column_names(
                options, (readings, predictions, options["validation"], options["validation_labels"])
            ),
            thresholds=options["thresholds"],
            validation=options["validation"],
            validation_labels=options["validation_labels"],
            policy=options["policy"],
        )
        if json_path:
            write_json(readers_content(results), json_path)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n\n".join(show_readers(one) for one in results))


def run_readers(
    readings: Path,
    predictions: Path,
    findings: Sequence[str],
    settings: ReadersOptions,
    names: ColumnNames,
    **thresholds: Any,
) -> list[ReaderComparison]:
    """Call the library for each finding."""
    read, predicted = read_study(readings, predictions, findings or None, names)
    given = thresholds.pop("thresholds")
    chosen = find_reader_thresholds(given, read, names=names, **thresholds)
    return [
        compare_readers(read, predicted, name, chosen.of(name), settings, threshold_source=chosen.source)
        for name in read.findings
    ]
