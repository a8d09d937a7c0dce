"""`chexnet train`."""

from pathlib import Path
from typing import Any

import click

from chexnet.cli.inputs import column_names
from chexnet.cli.shared import (
    EXISTING,
    EXISTING_FOLDER,
    FOLDER,
    build,
    errors,
    extra,
    options_from,
    table_options,
)
from chexnet.radiograph import UnreadableImage
from chexnet.training import Hardware, TrainConfig


@click.command(name="train")
@click.argument("data", type=EXISTING)
@click.argument("folder", type=FOLDER)
@click.option(
    "--only-present",
    is_flag=True,
    help="Use the images that are there. Without it, missing images are an error.",
)
@click.option(
    "--split",
    type=EXISTING,
    help="A file of chexnet split: which images to train on, to validate and to test by.",
)
@click.option(
    "--packed",
    type=EXISTING_FOLDER,
    help="A pack of the images (chexnet pack): read them from it, several times as fast.",
)
@table_options
@options_from(TrainConfig)
@options_from(Hardware)
def command(
    data: Path, folder: Path, only_present: bool, split: Path | None, packed: Path | None, **options: Any
) -> None:
    """Train a CheXNet on DATA and leave the model and its record in FOLDER.

    DATA is a ChestX-ray14 folder as NIH ships it, its table or a part of it, or a table with the columns
    image, patient, one column per finding (0, 1, blank for unknown) and, if you have a split of your own,
    split (train, validation, test). Without one, and without --split, patients are drawn into 70 / 10 / 20.

    The defaults are the paper's (sections 2.2, 3.1 and 5). Run the same command again to resume an
    interrupted run.

    \b
    Examples:
      chexnet train ChestX-ray14 runs/chexnet
      chexnet train ChestX-ray14 runs/pneumonia --task pneumonia
      chexnet train ChestX-ray14 runs/official --split official.csv
      chexnet train ChestX-ray14 runs/chexnet --packed ChestX-ray14.pack --workers 8
      chexnet train images.csv runs/mine --weights none --precision 16-mixed
    """
    # Imported here, as torch takes seconds: help and a wrong option are answered at once.
    with extra("training", "train"):
        from chexnet.training import train
    with errors(ValueError, OSError, FloatingPointError, UnreadableImage, resumable=True):
        trained = train(
            data,
            folder,
            build(TrainConfig, options),
            build(Hardware, options),
            only_present=only_present,
            split=split,
            packed=packed,
            names=column_names(options, (data,)),
        )
    if trained.rank == 0:
        click.echo(f"{trained.epochs} epochs, lowest validation loss {trained.validation_loss:.4f}")
        click.echo(f"model: {trained.model}")
