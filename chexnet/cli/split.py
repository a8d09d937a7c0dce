"""`chexnet split`."""

from pathlib import Path
from typing import Any

import click

from chexnet.cli.inputs import column_names
from chexnet.cli.shared import EXISTING, build, errors, options_from, table_options
from chexnet.datasets import Selection, SplitConfig, draw_splits


@click.command(name="split")
@click.argument("data", type=EXISTING)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@table_options
@options_from(SplitConfig)
@options_from(Selection)
@click.option("--only-present", is_flag=True, help="Leave out images whose files are not there.")
def command(data: Path, file: Path, only_present: bool, **options: Any) -> None:
    """Divide DATA by patient and write which image is in which part to FILE, a CSV.

    DATA is a ChestX-ray14 folder as NIH ships it, its table, or a table as for chexnet train; the images need
    not be there. A JSON beside FILE holds how the split was made and the SHA-256 of each part's image names.
    No patient is in two parts. Every image is kept unless an option leaves it out, and then it is counted.

    \b
    Examples:
      chexnet split ChestX-ray14 pathologies.csv
      chexnet split ChestX-ray14 pneumonia.csv --kind pneumonia --seed 1
      chexnet split ChestX-ray14 official.csv --kind official --stratify
      chexnet split ChestX-ray14 folds.csv --kind folds --folds 5 --view PA
    """
    with errors():
        drawn = draw_splits(
            data,
            file,
            build(SplitConfig, options),
            build(Selection, options),
            only_present=only_present,
            names=column_names(options, (data,)),
        )
    click.echo(f"{drawn.images:,} images in the table")
    for step in drawn.steps:
        click.echo(step.message)
    for split in drawn.splits:
        click.echo(f"\n{split.path}\n{'part':<12}{'patients':>10}{'images':>10}  sha256 of the image names")
        for part, images in split.images.items():
            click.echo(f"{part:<12}{split.patients[part]:>10,}{images:>10,}  {split.sha256[part]}")
