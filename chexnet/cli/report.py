"""`chexnet report`."""

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from chexnet.cli.evaluate import evaluation_options, run_evaluation
from chexnet.cli.inputs import column_names, draw_images, find_localisation, warn_of_training
from chexnet.cli.readers import run_readers
from chexnet.cli.shared import FILE, errors, finding_option, model_option, progress_bar, threshold_option
from chexnet.evaluation import ReaderComparison, ReadersOptions

try:
    from chexnet.report import write_report
except ModuleNotFoundError as error:
    raise click.ClickException(
        f"the report needs {error.name}, which the light install leaves out; install chexnet[report]"
    ) from error


@click.command(name="report")
@evaluation_options
@click.option(
    "--output", type=FILE, default=Path("report.html"), show_default=True, help="The page to write (HTML)."
)
@click.option("--figures", type=FILE, help="Also write every figure to this folder, as PDF and PNG.")
@click.option("--readings", type=FILE, help="Radiologists' readings, for Table 1.")
@finding_option
@threshold_option
@click.option("--boxes", type=FILE, help="Radiologists' boxes, for localisation; needs --images.")
@click.option("--boxes-finding", help="Finding of every box, for a table that names none.")
@click.option(
    "--images",
    type=FILE,
    help="Folder of the boxed images; of all radiographs, where PREDICTIONS is a model file (.onnx).",
)
@click.option("--films", "older_images", type=FILE, hidden=True)  # as --images was called once
@model_option
@click.option(
    "--show",
    "--film",
    "shown",
    multiple=True,
    metavar="FILE=FINDING",
    help="Show an image's map; repeatable.",
)
def command(
    predictions: Path,
    labels: Path,
    output: Path,
    figures: Path | None,
    images: Path | None,
    older_images: Path | None,
    **options: Any,
) -> None:
    """Gather an evaluation of PREDICTIONS into one self-contained HTML page; print it for a PDF.

    Takes the options of evaluate, and if you have them, radiologists' readings and boxes.

    \b
    Examples:
      chexnet report predictions.csv --labels Data_Entry_2017_v2020.csv --output report.html
      chexnet report predictions.csv --labels labels.csv --readings readings.csv \\
          --finding Pneumonia --threshold 0.12 --show 00000013_005.png=Pneumonia
    """
    boxed = images or older_images
    with errors():
        evaluation = run_evaluation(
            predictions, labels, images if predictions.suffix.lower() == ".onnx" else None, options
        )
        readers = _readers(predictions, labels, options) if options["readings"] else []
        with progress_bar() as progress:
            written = write_report(
                output,
                evaluation,
                readers=readers,
                localisation=find_localisation(
                    options["boxes"],
                    boxed,
                    options["model"],
                    options["boxes_finding"],
                    labels,
                    column_names(options, ()),
                    exclude_seen=options["exclude_seen"],
                ),
                films=draw_images(options["shown"], options["model"]),
                commands=[shlex.join(["chexnet", *sys.argv[1:]])],
                figures=figures,
                progress=progress,
            )
    warn_of_training(evaluation.contamination)
    for path in written:
        click.echo(path)


def _readers(predictions: Path, labels: Path, options: dict[str, Any]) -> list[ReaderComparison]:
    readings = options["readings"]
    thresholds = {
        **options,
        "validation": None if options["thresholds_given"] else options["validation"],
        "validation_labels": options["validation_labels"] or labels,
    }
    settings = ReadersOptions(options["samples"], options["confidence"], options["seed"])
    names = column_names(options, (predictions, labels, readings))
    return run_readers(readings, predictions, options["findings"], settings, names, thresholds)
