"""`chexnet queue`: look at the node's queue, and mend it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from chexnet.cli.node import settings_from
from chexnet.cli.shared import FILE
from chexnet.pacs.node import WorkQueue, work_queue

_config = click.option(
    "--config",
    type=FILE,
    envvar="CHEXNET_NODE_CONFIG",
    help="The node's TOML file; environment variables CHEXNET_NODE_... go before it.",
)


@click.group(name="queue")
def command() -> None:
    """Show and mend the queue of `chexnet node`. It may be running."""


@contextmanager
def _opened(config: Path | None) -> Iterator[WorkQueue]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        queue = work_queue(settings_from(config).database_url)
        yield queue
        queue.close()
    except SQLAlchemyError as error:
        raise click.ClickException(f"the queue cannot be reached: {str(error).splitlines()[0]}") from error


@command.command(name="list")
@_config
@click.option(
    "--state", help="Only these: received, predicted, built, waiting, sent, confirmed, dead, dropped."
)
@click.option("--limit", default=50, show_default=True, type=click.IntRange(min=1))
def listed(config: Path | None, state: str | None, limit: int) -> None:
    """List images and deliveries, newest first, one JSON object per line."""
    with _opened(config) as queue:
        for row in queue.listed(state, limit):
            click.echo(json.dumps(row, ensure_ascii=False))


@command.command(name="show")
@_config
@click.argument("image", type=int)
def shown(config: Path | None, image: int) -> None:
    """Show one image with its deliveries."""
    with _opened(config) as queue:
        row = queue.shown(image)
    if row is None:
        raise click.ClickException(f"no image {image}; `chexnet queue list` shows those there are")
    click.echo(json.dumps(row, ensure_ascii=False, indent=1))


@command.command(name="retry")
@_config
@click.option("--image", type=int, help="Only of this image.")
@click.option("--destination", help="Only to this destination.")
def retried(config: Path | None, image: int | None, destination: str | None) -> None:
    """Try dead letters and everything that waits again, now."""
    with _opened(config) as queue:
        click.echo(f"{queue.retry(image, destination)} tasks are due now")


@command.command(name="drop")
@_config
@click.argument("image", type=int)
def dropped(config: Path | None, image: int) -> None:
    """Give an image and what remains to be sent of it up."""
    with _opened(config) as queue:
        count = queue.drop(image)
    if not count:
        raise click.ClickException(f"nothing of image {image} is left to do")
    click.echo(f"{count} tasks dropped")
