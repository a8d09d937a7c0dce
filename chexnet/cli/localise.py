"""`chexnet localise`."""

from pathlib import Path

import click

from chexnet.evaluation.map_localisation import localise_films
from chexnet.evaluation.measures import Resampling
from chexnet.report import write_json
from chexnet.report.localisation import localisation_json, show_localisation
from chexnet.tables.boxes import FILM_SIDE

_FILE = click.Path(path_type=Path)


@click.command(name="localise")
@click.argument("boxes", type=_FILE)
@click.option("--images", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--model", type=_FILE, help="Model file (.onnx); by default the one that comes with chexnet.")
@click.option(
    "--labels", type=_FILE, help="Table with the patient of each image; without it films are resampled."
)
@click.option("--finding", help="Of every box, for a table without a column finding.")
@click.option(
    "--film-side", default=FILM_SIDE, show_default=True, help="Pixels the boxes' coordinates refer to."
)
@click.option("--samples", default=10_000, show_default=True, help="Bootstrap resamples.")
@click.option("--seed", default=0, show_default=True, help="Of the bootstrap and of the random control.")
@click.option("--json", "json_path", type=_FILE, help="Write all numbers to this file.")
def command(
    boxes: Path,
    images: Path,
    model: Path | None,
    labels: Path | None,
    finding: str | None,
    film_side: float,
    samples: int,
    seed: int,
    json_path: Path | None,
) -> None:
    """Compare a model's activation maps with radiologists' BOXES (Figure 2; Wang et al. 2017).

    BOXES is BBox_List_2017.csv, or a table of image, x, y, width, height and perhaps finding. Pointing game,
    accuracy at T(IoBB) and T(IoU), average false positives, beside maps of noise.

    \b
    Examples:
      chexnet localise BBox_List_2017.csv --images films --labels Data_Entry_2017_v2020.csv
      chexnet localise rsna_boxes.csv --images films --finding Pneumonia
    """
    try:
        result = localise_films(
            boxes,
            images,
            model,
            labels=labels,
            finding=finding,
            film_side=film_side,
            resampling=Resampling(samples=samples, seed=seed),
        )
        if json_path:
            write_json(localisation_json(result), json_path)
    except (OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error
    click.echo(show_localisation(result))
