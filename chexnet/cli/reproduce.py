"""`chexnet reproduce`."""

import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from chexnet._options import Progress
from chexnet.cli.shared import FOLDER, build, errors, extra, options_from
from chexnet.radiograph import UnreadableImage
from chexnet.reproduction import Outcome, Reproduction, Stage, Steps, TrainingFailed, Watcher, reproduce
from chexnet.training import Hardware


@click.command(name="reproduce")
@click.argument("root", type=FOLDER)
@click.option(
    "--output",
    type=FOLDER,
    default=Path("reproduction"),
    show_default=True,
    help="Folder that receives one folder per stage, and the report.",
)
@options_from(Steps)
@options_from(Reproduction)
@options_from(Hardware)
def command(root: Path, output: Path, **options: Any) -> None:
    """Reproduce the paper from ROOT, a ChestX-ray14 folder as NIH ships it, and end in one report.

    Stages: the data set is checked, divided by patient, audited and packed; CheXNet, the systems of Wang et
    al. and Yao et al., and CheXNet for pneumonia are trained, measured beside the published columns of
    Table 2 and against radiologists' readings and boxes. Run the same command again to resume
    after an interruption.

    \b
    Examples:
      chexnet reproduce ChestX-ray14 --devices 8 --precision bf16-mixed --workers 12
      chexnet reproduce ChestX-ray14 --quick --output rehearsal
      chexnet reproduce ChestX-ray14 --download
      chexnet reproduce ChestX-ray14 --network chexnet --from evaluate-chexnet
    """
    # A stage that trains would find out only after hours.
    with extra("a reproduction", "train"):
        import_module("torch")
        import_module("lightning")
    with errors(ValueError, OSError, TrainingFailed, UnreadableImage, resumable=True):
        outcomes = reproduce(
            root,
            output,
            build(Reproduction, options),
            build(Hardware, options),
            steps=build(Steps, options),
            watcher=_watcher(),
            command=shlex.join(["chexnet", *sys.argv[1:]]),
        )
    if outcomes[-1].state != "left out":
        click.echo(output / "report" / "report.html")


def _watcher() -> Watcher:
    bars: list[tqdm] = []

    def begin(number: int, count: int, stage: Stage, why: str) -> None:
        click.echo(f"[{number}/{count}] {stage.name}: {stage.about} ({why})", err=True)

    def progress(stage: Stage) -> Progress:
        def advance(done: int, total: int) -> None:
            # Its remaining time is that of the stage, from the pieces that are done.
            if not bars:
                bars.append(tqdm(total=total, desc=stage.name, disable=None, leave=False, smoothing=0))
            bars[0].total, bars[0].n = total, done
            bars[0].refresh()

        return advance

    def end(number: int, count: int, outcome: Outcome) -> None:
        while bars:
            bars.pop().close()
        took = f" in {tqdm.format_interval(outcome.seconds)}" if outcome.state == "done" else ""
        reason = f": {outcome.reason}" if outcome.state != "done" and outcome.reason else ""
        click.echo(f"[{number}/{count}] {outcome.stage}: {outcome.state}{took}{reason}", err=True)

    def wait(process: str) -> None:
        click.echo(
            f"process {process}, or a training that it started, still works in this folder; waiting for "
            "its end",
            err=True,
        )

    return Watcher(begin, progress, end, wait)
