"""`chexnet readers`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from chexnet.cli.inputs import column_names, operating_rule, parse_thresholds
from chexnet.cli.shared import (
    FILE,
    build,
    errors,
    finding_option,
    json_file_option,
    options_from,
    table_options,
    threshold_option,
    validation_options,
)
from chexnet.evaluation import (
    ReaderComparison,
    ReadersOptions,
    compare_readers,
    correct_for_findings,
    find_reader_thresholds,
    read_study,
)
from chexnet.report import readers_content, show_readers, write_json
from chexnet.tables import ColumnNames


@click.command(name="readers")
@click.argument("readings", type=FILE)
@click.option("--predictions", type=FILE, required=True, help="The model's probabilities, one row per image.")
@finding_option
@threshold_option
@validation_options
@json_file_option
@table_options
@options_from(ReadersOptions)
def command(
    readings: Path, predictions: Path, findings: tuple[str, ...], json_path: Path | None, **options: Any
) -> None:
    """Compare a model with the radiologists in READINGS by F1, as in Table 1 (section 4.1).

    READINGS has one row for each image and reader: columns image, reader, and 0, 1 or blank (or NO, YES)
    for each finding.

    \b
    Examples:
      chexnet readers readings.csv --predictions predictions.csv --finding Pneumonia --threshold 0.12
      chexnet readers readings.csv --predictions test.csv --validation val.csv \\
          --validation-labels Data_Entry_2017_v2020.csv --json readers.json
    """
    tables = (readings, predictions, options["validation"], options["validation_labels"])
    with errors():
        names = column_names(options, tables)
        results = run_readers(readings, predictions, findings, build(ReadersOptions, options), names, options)
        if json_path:
            write_json(readers_content(results), json_path)
    click.echo("\n\n".join(show_readers(one) for one in results))


def run_readers(
    readings: Path,
    predictions: Path,
    findings: Sequence[str],
    settings: ReadersOptions,
    names: ColumnNames,
    options: dict[str, Any],
) -> list[ReaderComparison]:
    """Call the library for each finding."""
    read, predicted = read_study(readings, predictions, findings or None, names)
    chosen = find_reader_thresholds(
        parse_thresholds(options["thresholds_given"], read.findings),
        read,
        validation=options["validation"],
        validation_labels=options["validation_labels"],
        policy=operating_rule(options, "max_f1"),
        names=names,
    )
    found = [
        compare_readers(read, predicted, name, chosen.of(name), settings, threshold_source=chosen.source)
        for name in read.findings
    ]
    return correct_for_findings(found)
