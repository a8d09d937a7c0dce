"""`chexnet node`: run it, or look whether it can run."""

import signal
import sys
import threading
from pathlib import Path

import click

from chexnet.cli.shared import FILE, NOTHING_DONE

try:
    from chexnet.pacs import log_as_json
    from chexnet.pacs.node import InvalidSettings, Node, NodeSettings, examine, node_settings
except ModuleNotFoundError as error:
    raise click.ClickException(
        f"the node needs {error.name}, which the light install leaves out; install the extra pacs"
    ) from error

_config = click.option(
    "--config",
    type=FILE,
    envvar="CHEXNET_NODE_CONFIG",
    help="TOML file with the settings; environment variables CHEXNET_NODE_... go before it.",
)


@click.group(name="node", invoke_without_command=True)
@_config
@click.pass_context
def command(context: click.Context, config: Path | None) -> None:
    """Receive radiographs by DICOM, and send results to the archive.

    What was acknowledged is not lost: it is on the disk and in the queue, and is taken up after a restart.

    \b
    Examples:
      chexnet node --config node.toml
      chexnet node doctor --config node.toml
    """
    if context.invoked_subcommand is None:
        _run(settings_from(config))


@command.command(name="doctor")
@_config
def doctor(config: Path | None) -> None:
    """Check disk, queue, model, TLS and every destination; nothing is sent but echoes."""
    failed = False
    for one in examine(settings_from(config)):
        click.echo(f"{'ok' if one.holds else 'FAILED':<7} {one.what}: {one.seen}")
        failed |= not one.holds
    if failed:
        sys.exit(NOTHING_DONE)


def settings_from(config: Path | None) -> NodeSettings:
    """The settings, or a message on what is wrong with them."""
    try:
        return node_settings(config)
    except InvalidSettings as error:
        raise click.ClickException(str(error)) from error


def _run(settings: NodeSettings) -> None:
    from sqlalchemy.exc import SQLAlchemyError

    log_as_json()
    try:
        node = Node(settings)
    except (ValueError, OSError, SQLAlchemyError) as error:
        raise click.ClickException(str(error)) from error
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    node.start()
    click.echo(f"listening on {settings.host}:{node.port} as {settings.ae_title}", err=True)
    if node.monitor is not None:
        click.echo(f"metrics at http://{settings.monitor_host}:{node.monitor.port}/metrics", err=True)
    while not ended.wait(1):
        pass
    node.stop()
