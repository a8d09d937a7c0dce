"""`chexnet localise`."""

from pathlib import Path
from typing import Any

import click

from chexnet.cli.inputs import column_names, warn_of_training
from chexnet.cli.shared import (
    EXISTING_FOLDER,
    FILE,
    errors,
    json_file_option,
    model_option,
    samples_option,
    table_options,
)
from chexnet.evaluation import Resampling, localise_films
from chexnet.report import localisation_json, show_localisation, write_json
from chexnet.tables import IMAGE_SIDE


@click.command(name="localise")
@click.argument("boxes", type=FILE)
@click.option("--images", type=EXISTING_FOLDER, required=True, help="Folder of the boxed images.")
@model_option
@click.option(
    "--labels", type=FILE, help="Table with the patient of each image; without it images are resampled."
)
@table_options
@click.option("--finding", help="Of every box, for a table without a column finding.")
@click.option(
    "--image-side",
    "--film-side",
    "image_side",
    default=IMAGE_SIDE,
    show_default=True,
    help="Pixels the boxes' coordinates refer to.",
)
@samples_option
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap and of the random control.")
@click.option(
    "--exclude-seen",
    is_flag=True,
    help="Leave out images that the model was trained on, and all images of their patients.",
)
@json_file_option
def command(
    boxes: Path,
    images: Path,
    model: Path | None,
    labels: Path | None,
    finding: str | None,
    image_side: float,
    samples: int,
    seed: int,
    exclude_seen: bool,
    json_path: Path | None,
    **options: Any,
) -> None:
    """Compare a model's activation maps with radiologists' BOXES (Figure 2; Wang et al. 2017).

    BOXES is BBox_List_2017.csv, or a table of image, x, y, width, height and perhaps finding. Pointing game,
    accuracy at T(IoBB) and T(IoU), average false positives, beside maps of noise.

    \b
    Examples:
      chexnet localise BBox_List_2017.csv --images images --labels Data_Entry_2017_v2020.csv
      chexnet localise rsna_boxes.csv --images images --finding Pneumonia
    """
    with errors():
        result = localise_films(
            boxes,
            images,
            model,
            labels=labels,
            finding=finding,
            image_side=image_side,
            names=column_names(options, (boxes, labels)),
            exclude_seen=exclude_seen,
            resampling=Resampling(samples=samples, seed=seed),
        )
        if json_path:
            write_json(localisation_json(result), json_path)
    click.echo(show_localisation(result))
    warn_of_training(result.contamination)
