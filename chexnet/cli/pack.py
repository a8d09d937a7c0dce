"""`chexnet pack`."""

import sys
from pathlib import Path
from typing import Any

import click

from chexnet.cli.inputs import column_names
from chexnet.cli.shared import (
    EXISTING,
    FOLDER,
    NOTHING_DONE,
    SOME_LEFT_OUT,
    build,
    errors,
    options_from,
    table_options,
)
from chexnet.datasets import PackConfig, open_pack, pack_data


@click.command(name="pack")
@click.argument("data", type=EXISTING)
@click.argument("folder", type=FOLDER, required=False)
@click.option("--only-present", is_flag=True, help="Leave out images whose files are not there.")
@click.option("--verify", is_flag=True, help="Compare every image of a pack, given as DATA, with its hash.")
@table_options
@options_from(PackConfig)
def command(data: Path, folder: Path | None, only_present: bool, verify: bool, **options: Any) -> None:
    """Pack the images of DATA, as chexnet train takes it, into FOLDER, for chexnet train --packed.

    Run the same command again to resume an interrupted pack; a finished pack is checked and mended.
    The images are stored in 256 grey levels: a model that learns from them says so in its file, and
    chexnet predict rounds its images likewise.

    Exit status: 0 every image was packed, 2 some could not be read, 1 nothing could be done.

    \b
    Examples:
      chexnet pack ChestX-ray14 ChestX-ray14.pack
      chexnet train ChestX-ray14 runs/chexnet --packed ChestX-ray14.pack
      chexnet pack --verify ChestX-ray14.pack
    """
    with errors(resumable=True):
        if verify:
            _verify(data)
            return
        if folder is None:
            raise click.UsageError("name the FOLDER to pack into")
        names = column_names(options, (data,))
        config = build(PackConfig, options)
        packed = pack_data(data, folder, config, only_present=only_present, names=names)
    for problem in packed.pack.problems.values():
        click.echo(f"error: {problem}", err=True)
    if packed.repaired:
        click.echo(f"{packed.repaired:,} images had changed in the pack, and were packed anew", err=True)
    count = len(packed.pack)
    click.echo(
        f"{count:,} images at {packed.pack.size} pixels in {folder}, {packed.kept:,} of them from before"
    )
    if packed.pack.problems:
        click.echo(f"{len(packed.pack.problems):,} images could not be read", err=True)
        sys.exit(SOME_LEFT_OUT if count else NOTHING_DONE)


def _verify(folder: Path) -> None:
    pack = open_pack(folder)
    damaged = pack.damaged()
    if damaged:
        raise click.ClickException(
            f"{folder}: {len(damaged):,} of {len(pack):,} images are not as they were packed, the first "
            f'{damaged[0]}; mend them with "chexnet pack DATA {folder}"'
        )
    click.echo(f"{folder}: {len(pack):,} images at {pack.size} pixels, all as they were packed")
