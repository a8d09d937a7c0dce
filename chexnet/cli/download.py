"""`chexnet download`."""

import sys
from pathlib import Path
from typing import Any

import click

from chexnet.cli.shared import FOLDER, SOME_LEFT_OUT, build, errors, options_from, with_flags
from chexnet.datasets import DownloadConfig, download


@click.command(name="download")
@click.argument("folder", type=FOLDER)
@options_from(DownloadConfig)
def command(folder: Path, **options: Any) -> None:
    """Fetch ChestX-ray14 (45 GB) into FOLDER, unpacked as chexnet train reads it.

    Run the same command again to resume after an interruption. NIH gives no direct address for its tables:
    save them in FOLDER by hand from https://nihcc.app.box.com/v/ChestXray-NIHCC, or use a mirror that has
    them.

    Exit status: 0 everything is there, 2 a file could not be had, 1 nothing could be done.

    \b
    Examples:
      chexnet download ChestX-ray14
      chexnet download ChestX-ray14 --archive 1 --archive 2
      chexnet download ChestX-ray14 --mirror https://mirror.example/chestxray14
    """
    with errors(resumable=True):
        downloaded = download(folder, build(DownloadConfig, options))
    if downloaded.inventory is not None:
        click.echo(downloaded.inventory.message)
    for name, problem in downloaded.problems.items():
        click.echo(f"{name}: {with_flags(problem)}", err=True)
    if downloaded.problems:
        sys.exit(SOME_LEFT_OUT)
