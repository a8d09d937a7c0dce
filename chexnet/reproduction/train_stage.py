"""The stages that train: each is one run of `chexnet train`, in processes of its own."""

import dataclasses
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chexnet.leakage import TRAINING_IDS
from chexnet.report import TITLES
from chexnet.reproduction.experiment import PACK, Experiment, existing
from chexnet.reproduction.records import Stage
from chexnet.training import Hardware, TrainConfig

_PATIENCE_S = 10.0


class TrainingFailed(RuntimeError):
    """A training ended without a model; it has said why itself."""


@dataclass(frozen=True)
class Training:
    """One run of `chexnet train`.

    Attributes:
        data: what it is given to train from.
        arguments: options besides recipe and hardware.
        launch: what starts its processes, before the command; "" for Lightning.
    """

    data: Path
    recipe: TrainConfig
    hardware: Hardware
    arguments: tuple[str, ...] = ()
    launch: str = ""

    def command(self, folder: Path) -> list[str]:
        """As it is run, with every option that is not the default."""
        options = [*_options(self.recipe, TrainConfig()), *_options(self.hardware, Hardware())]
        start = [*shlex.split(self.launch), sys.executable, "-m", "chexnet"]
        return [*start, "train", str(self.data), str(folder), *self.arguments, *options]

    def shown(self, folder: Path) -> str:
        """The same, as a person would type it."""
        command = self.command(folder)
        place = command.index(sys.executable)
        return shlex.join([*command[:place], "chexnet", *command[place + 3 :]])


def train_stage(experiment: Experiment, network: str) -> Stage:
    """Train a network from its split.

    Raises:
        ValueError: its initial weights are not there. So it is said now, not after hours of packing.
    """
    # Imported here, as torch takes seconds and help needs none.
    from chexnet.training import weights_file

    config, data = experiment.config, experiment.data
    recipe = config.recipe(network)
    arguments = ["--split", str(experiment.split_file(recipe.task))]
    if config.packed:
        arguments += ["--packed", str(experiment.output / PACK)]
    training = Training(data.root, recipe, experiment.hardware, tuple(arguments), config.launch or "")
    return Stage(
        f"train-{network}",
        f"train {TITLES[network]}",
        lambda folder, _: _train(training, folder, experiment.trained(network).folder),
        settings={"recipe": recipe.to_dict(), "films": {"there": experiment.listing}},
        sources=data.table() | existing(weights=weights_file(recipe.weights)),
        needs=(f"split-{recipe.task}", *([PACK] if config.packed else [])),
        resumes=True,
        # What later stages read. A lost plot or checkpoint is no reason for days of training.
        products=(
            f"{network}.onnx",
            "validation_predictions.csv",
            "test_predictions.csv",
            TRAINING_IDS,
            "metrics.csv",
        ),
    )


def _train(training: Training, folder: Path, final: Path) -> Mapping[str, Any]:
    """Run a training, or resume it.

    It runs in a process of its own, so that Lightning can start more of its kind for other devices, and so
    that its memory on the device is free for the next.

    Args:
        folder: where it works.
        final: what the folder will be called, for the record.

    Raises:
        TrainingFailed: it ended without a model.
        KeyboardInterrupt: it was interrupted.
    """
    # Descriptors that are marked as inheritable are: with them, the hold on the reproduction's folder.
    process = subprocess.Popen(training.command(folder), close_fds=False, stdout=subprocess.DEVNULL)
    try:
        status = process.wait()
    except KeyboardInterrupt:
        _let_end(process)
        raise
    if status == 130:
        raise KeyboardInterrupt
    if status != 0:
        ended = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise TrainingFailed(
            f"the training of {training.recipe.name} {ended}; see above. Once that is mended, run the same "
            "command again to resume at its last epoch"
        )
    return {"command": training.shown(final)}


def _let_end(process: subprocess.Popen[bytes]) -> None:
    """A terminal interrupts both processes; where this one alone was, pass it on."""
    try:
        process.wait(_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        process.wait()


def _options(chosen: Any, default: Any) -> list[str]:
    options: list[str] = []
    for field in dataclasses.fields(chosen):
        value = getattr(chosen, field.name)
        if value != getattr(default, field.name):
            options += _flag(field.name.replace("_", "-"), value)
    return options


def _flag(name: str, value: Any) -> Sequence[str]:
    if isinstance(value, bool):
        return [f"--{name}" if value else f"--no-{name}"]
    return [f"--{name}", str(value)]
