"""`chexnet audit`."""

import json
import sys
from pathlib import Path
from typing import Any

import click

from chexnet.cli.inputs import column_names
from chexnet.cli.shared import EXISTING, LEAKS, errors, json_option, progress_bar, table_options
from chexnet.evaluation import audit_files
from chexnet.leakage import NEAR
from chexnet.report import audit_json, show_audit


@click.command(name="audit")
@click.argument("split", type=EXISTING)
@click.option(
    "--data",
    type=EXISTING,
    required=True,
    help="Whose the images are: a ChestX-ray14 folder, its table, or a table as for chexnet train.",
)
@table_options
@click.option("--against", type=EXISTING, multiple=True, help="Another split, list or model; repeatable.")
@click.option("--pixels", is_flag=True, help="Compare the images that are there, to find duplicates.")
@click.option(
    "--near", default=NEAR, show_default=True, help="Bits of 255 within which two images are duplicates."
)
@click.option("--workers", default=2, show_default=True, help="Processes that read images; 0: this one.")
@json_option
def command(
    split: Path,
    data: Path,
    against: tuple[Path, ...],
    pixels: bool,
    near: int,
    workers: int,
    as_json: bool,
    **options: Any,
) -> None:
    """Look for patients on two sides of SPLIT, and show how its parts differ.

    SPLIT is a file of chexnet split, a list of image names, a folder of lists such as ChestX-ray14 itself, a
    run of chexnet train or its model file. Shown are patients and images in common, alone and against
    other splits; prevalence, view, sex and age of each part; official test images and boxed images that are
    learned from; and with --pixels images that are stored twice. Exit status 3 if patients are shared by
    parts that must not share any.

    \b
    Examples:
      chexnet audit split.csv --data ChestX-ray14
      chexnet audit ChestX-ray14 --data ChestX-ray14 --pixels
      chexnet audit arnoweng --data ChestX-ray14 --against ChestX-ray14
      chexnet audit runs/chexnet/chexnet.onnx --data ChestX-ray14 --against official.csv
    """
    with errors(), progress_bar(" images", show=pixels) as progress:
        audited = audit_files(
            data,
            split,
            against,
            pixels=pixels,
            near=near,
            workers=workers,
            progress=progress,
            names=column_names(options, (data,)),
        )
    if as_json:
        click.echo(json.dumps(audit_json(audited), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        click.echo(show_audit(audited))
    if audited.audit.leaks:
        sys.exit(LEAKS)
