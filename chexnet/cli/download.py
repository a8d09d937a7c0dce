"""`chexnet download`."""

import sys
from pathlib import Path
from typing import Any

import click

from chexnet.cli.options import build, options_from
from chexnet.cli.predict import SOME_LEFT_OUT
from chexnet.datasets import DownloadConfig, download


@click.command(name="download")
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@options_from(DownloadConfig)
def command(folder: Path, **options: Any) -> None:
    """Fetch ChestX-ray14 (45 GB) into FOLDER, unpacked as chexnet train reads it.

    The same command again goes on where it was interrupted. NIH gives no direct address for its tables: save
    them in FOLDER by hand from https://nihcc.app.box.com/v/ChestXray-NIHCC, or use a mirror that has them.

    Exit status: 0 everything is there, 2 a file could not be had, 1 nothing could be done.

    \b
    Examples:
      chexnet download ChestX-ray14
      chexnet download ChestX-ray14 --archive 1 --archive 2
      chexnet download ChestX-ray14 --mirror https://mirror.example/chestxray14
    """
    try:
        downloaded = download(folder, build(DownloadConfig, options))
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        click.echo("interrupted; give the same command to go on", err=True)
        sys.exit(130)
    if downloaded.inventory is not None:
        click.echo(downloaded.inventory.message)
    for name, problem in downloaded.problems.items():
        click.echo(f"{name}: {problem}", err=True)
    if downloaded.problems:
        sys.exit(SOME_LEFT_OUT)
