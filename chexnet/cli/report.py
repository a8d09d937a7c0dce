"""`chexnet report`."""

import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from chexnet.cli.evaluate import advance, column_names, evaluation_options, run_evaluation
from chexnet.cli.readers import run_readers
from chexnet.evaluation import ReadersOptions
from chexnet.evaluation.sources import draw_films, find_localisation
from chexnet.report.page import write_report

_FILE = click.Path(path_type=Path)


@click.command(name="report")
@evaluation_options
@click.option(
    "--output", type=_FILE, default=Path("report.html"), show_default=True, help="The page to write (HTML)."
)
@click.option("--figures", type=_FILE, help="Also write every figure to this folder, as PDF and PNG.")
@click.option("--readings", type=_FILE, help="Radiologists' readings, for Table 1.")
@click.option("--finding", "findings", multiple=True, help="Pathology for the readings; repeatable.")
@click.option("--threshold", "reader_thresholds", multiple=True, metavar="T or NAME=T", help="As in readers.")
@click.option("--boxes", type=_FILE, help="Radiologists' boxes, for localisation; needs --films.")
@click.option("--boxes-finding", help="Finding of every box, for a table that names none.")
@click.option("--films", type=_FILE, help="Folder of the boxed films.")
@click.option("--model", type=_FILE, help="Model file for maps; by default the one that comes with chexnet.")
@click.option("--film", "shown", multiple=True, metavar="FILE=FINDING", help="Show a film's map; repeatable.")
def command(predictions: Path, labels: Path, output: Path, figures: Path | None, **options: Any) -> None:
    """Gather an evaluation of PREDICTIONS into one self-contained HTML page; print it for a PDF.

    Takes the options of evaluate, and if you have them, radiologists' readings and boxes.

    \b
    Examples:
      chexnet report predictions.csv --labels Data_Entry_2017_v2020.csv --output report.html
      chexnet report predictions.csv --labels labels.csv --readings readings.csv \\
          --finding Pneumonia --threshold 0.12 --film 00000013_005.png=Pneumonia
    """
    try:
        evaluation = run_evaluation(predictions, labels, options)
        readers = (
            run_readers(
                options["readings"],
                predictions,
                options["findings"],
                ReadersOptions(options["samples"], options["confidence"], options["seed"]),
                column_names(options, (predictions, labels, options["readings"])),
                thresholds=options["reader_thresholds"],
                validation=None if options["reader_thresholds"] else options["validation"],
                validation_labels=options["validation_labels"] or labels,
                policy=options["policy"],
            )
            if options["readings"]
            else []
        )
        with tqdm(unit="", disable=None, leave=False) as bar:
            written = write_report(
                output,
                evaluation,
                readers=readers,
                localisation=find_localisation(
                    options["boxes"], options["films"], options["model"], options["boxes_finding"], labels
                ),
                films=draw_films(options["shown"], options["model"]),
                commands=[shlex.join(["chexnet", *sys.argv[1:]])],
                figures=figures,
                progress=partial(advance, bar),
            )
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    for path in written:
        click.echo(path)
