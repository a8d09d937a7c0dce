"""One command per verb, no logic of its own: parse, build a dataclass, call one library function, print."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from chexnet._version import __version__
from chexnet.cli.terminal import show_what_can_be_shown

_COMMANDS = {
    "audit": "Look for patients on two sides of a split, and for duplicates.",
    "download": "Fetch ChestX-ray14 from NIH or a mirror.",
    "evaluate": "Measure predictions against labels: AUROC with intervals, Table 2.",
    "localise": "Compare activation maps with radiologists' boxes.",
    "node": "Receive radiographs by DICOM, and send results to the archive.",
    "pack": "Pack images at the network's size, for training that does not wait.",
    "plan": "Say how many images, patients or readers a study needs.",
    "predict": "Read radiographs: probability of each finding, with class activation maps.",
    "model": "Inspect and verify a model file.",
    "queue": "Show and mend the queue of chexnet node.",
    "readers": "Compare a model with radiologists, as in Table 1.",
    "reproduce": "Reproduce the paper: data, splits, networks, tables, figures, one report.",
    "serve": "Serve the web page and the REST API.",
    "report": "Gather an evaluation into one HTML page.",
    "split": "Divide a data set by patient into lists with hashes.",
    "train": "Train a CheXNet and export it as one file.",
}
"""Each command is ``chexnet.cli.<name>.command``, imported when it runs, to keep the cold start short."""

_ALIASES = {"localize": "localise"}
"""Other spellings; the help does not list them."""


class _Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        name = _ALIASES.get(name, name)
        if name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"chexnet.cli.{name}").command
        return command

    def main(self, *args: Any, standalone_mode: bool = True, **options: Any) -> Any:
        """Run a command line. Status 2 means "some inputs could not be read", so a wrong call ends with 1."""
        show_what_can_be_shown()
        if not standalone_mode:
            return self._run(*args, **options)
        try:
            sys.exit(self._run(*args, **options) or 0)
        except click.ClickException as error:
            error.show()
            sys.exit(1)
        except click.Abort:
            click.echo("interrupted", err=True)
            sys.exit(130)

    def _run(self, args: Sequence[str] | None = None, prog_name: str | None = None, **options: Any) -> Any:
        return super().main(args, prog_name, standalone_mode=False, **options)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="chexnet")
def main() -> None:
    """Read chest radiographs with CheXNet (Rajpurkar et al. 2017).

    Research software, not a medical device: not for diagnosis.
    """
