"""What a run writes while it trains: progress, checkpoints, `metrics.csv`, a plot of the losses."""

import csv
import json
import sys
import time
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Checkpoint
from tqdm import tqdm

from chexnet._files import whole_file
from chexnet.training.module import CheXNetModule
from chexnet.training.schedule import epochs_since_best

PROVENANCE = "chexnet_provenance"
"""The key of a checkpoint under which its provenance stands, as JSON."""

COLUMNS = ("epoch", "train_loss", "val_loss", "val_auroc", "learning_rate", "seconds")


class Progress(lightning.Callback):
    """One bar over all epochs, so that its remaining time is that of the run and not of the epoch.

    The estimate is for all of `max_epochs`; a run that stops early ends before it.
    """

    def __init__(self) -> None:
        self._bar: Any = None

    def on_train_start(self, trainer: lightning.Trainer, _module: lightning.LightningModule) -> None:
        """Starts the bar where a resumed run starts."""
        steps = int(trainer.num_training_batches)
        epochs = trainer.max_epochs or 1
        self._bar = tqdm(
            total=steps * epochs,
            initial=trainer.current_epoch * steps,
            unit="step",
            disable=not trainer.is_global_zero,
            dynamic_ncols=True,
            # The mean over the whole run counts the pauses for validation in.
            smoothing=0,
            # A log file needs no line every tenth of a second.
            mininterval=0.1 if sys.stderr.isatty() else 60,
        )

    def on_train_epoch_start(self, trainer: lightning.Trainer, _module: lightning.LightningModule) -> None:
        """Names the epoch, counted from 1."""
        self._bar.set_description(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs}")

    def on_train_batch_end(self, *_: Any) -> None:
        """One step further."""
        self._bar.update(1)

    def on_train_epoch_end(self, trainer: lightning.Trainer, _module: lightning.LightningModule) -> None:
        """Shows the epoch's metrics."""
        metrics = trainer.callback_metrics
        self._bar.set_postfix(
            {name: f"{float(metrics[name]):.4f}" for name in ("train_loss", "val_loss", "val_auroc")}
        )

    def on_fit_end(self, _trainer: lightning.Trainer, _module: lightning.LightningModule) -> None:
        """Leaves the bar as it stands."""
        self._bar.close()

    def on_exception(self, *_: Any) -> None:
        """Leaves the line to the error."""
        if self._bar is not None:
            self._bar.close()


class Checkpoints(Checkpoint):
    """After each epoch `last.ckpt`, to go on from, and `best.ckpt` where its validation loss is the lowest.

    The losses in the module decide, so a run whose folder was moved still knows its best epoch.
    """

    def __init__(self, folder: Path, provenance: dict[str, Any]) -> None:
        self._folder = folder
        self._provenance = json.dumps(provenance)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Writes each file whole or not at all; `best.ckpt` first, since `last.ckpt` ends the epoch."""
        assert isinstance(module, CheXNetModule)
        if epochs_since_best(module.validation_losses) == 0:
            trainer.save_checkpoint(self._folder / "best.ckpt")
        trainer.save_checkpoint(self._folder / "last.ckpt")

    def on_save_checkpoint(self, _trainer: Any, _module: Any, checkpoint: dict[str, Any]) -> None:
        """Adds the provenance, so that a run which starts from this checkpoint can hand it down."""
        checkpoint[PROVENANCE] = self._provenance


class Record(lightning.Callback):
    """Writes `metrics.csv` and `losses.png` after each epoch, whole or not at all."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started = 0.0

    def on_train_epoch_start(self, _trainer: lightning.Trainer, _module: lightning.LightningModule) -> None:
        """Starts the clock."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: lightning.Trainer, _module: lightning.LightningModule) -> None:
        """Adds the epoch's row."""
        if not trainer.is_global_zero:
            return
        row: dict[str, str] = {name: f"{float(trainer.callback_metrics[name]):.6g}" for name in COLUMNS[1:-1]}
        row |= {"epoch": str(trainer.current_epoch), "seconds": f"{time.monotonic() - self._started:.1f}"}
        # A run killed between an epoch's row and its checkpoint repeats the epoch; its first row goes.
        rows = [old for old in read_metrics(self._folder) if int(old["epoch"]) < trainer.current_epoch]
        rows.append(row)
        write_metrics(self._folder, rows)
        plot_losses(self._folder, rows)


def read_metrics(folder: Path) -> list[dict[str, str]]:
    """Rows of `metrics.csv`, one an epoch; none where there is no file yet."""
    path = folder / "metrics.csv"
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_metrics(folder: Path, rows: list[dict[str, str]]) -> None:
    """Write `metrics.csv`."""
    with (
        whole_file(folder / "metrics.csv") as partial,
        partial.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def plot_losses(folder: Path, rows: list[dict[str, str]]) -> None:
    """Draw `losses.png`: training and validation loss by epoch, the lowest marked."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = [int(row["epoch"]) + 1 for row in rows]
    validation = [float(row["val_loss"]) for row in rows]
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(epochs, [float(row["train_loss"]) for row in rows], "o-", label="training", color="#0072B2")
    axes.plot(epochs, validation, "s-", label="validation", color="#D55E00")
    best = validation.index(min(validation))
    axes.annotate(
        f"lowest: {validation[best]:.4f}",
        (epochs[best], validation[best]),
        textcoords="offset points",
        xytext=(0, -16),
        ha="center",
    )
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend()
    axes.grid(alpha=0.3)
    with whole_file(folder / "losses.png") as partial:
        figure.savefig(partial, dpi=120, format="png")
