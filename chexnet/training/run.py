"""`train`: from a table of images to one model file, resumable at every epoch."""

import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.fabric.utilities.warnings import PossibleUserWarning

from chexnet._files import write_whole
from chexnet.classifier import TrainingSet
from chexnet.leakage import TRAINING_IDS
from chexnet.models import Network, build_network, load_state, mean_state, read_checkpoint
from chexnet.tables import USUAL_COLUMNS, ColumnNames
from chexnet.training.attach_training_set import training_set_of
from chexnet.training.callbacks import Checkpoints, Progress, Record
from chexnet.training.config import Hardware, TrainConfig, TrainedModel
from chexnet.training.data import TrainingData, read_training_data
from chexnet.training.dataset import Batches, loader
from chexnet.training.distributed import told_of_lost_processes
from chexnet.training.earlier_runs import (
    FinishedRun,
    InitialWeights,
    initial_weights,
    read_run,
    refuse_known_images,
)
from chexnet.training.losses import pneumonia_weights
from chexnet.training.module import CheXNetModule
from chexnet.training.release import release
from chexnet.training.schedule import is_finished


def train(
    data: Path,
    folder: Path,
    config: TrainConfig = TrainConfig(),
    hardware: Hardware = Hardware(),
    *,
    only_present: bool = False,
    split: Path | None = None,
    packed: Path | None = None,
    names: ColumnNames = USUAL_COLUMNS,
) -> TrainedModel:
    """Train as in sections 2.2 and 5 and export the model of lowest validation loss.

    A run that was interrupted resumes at the epoch it had reached, when called with the same
    arguments. `folder` receives `recipe.json`, `metrics.csv`, `losses.png`, `last.ckpt`, `best.ckpt`,
    the names of the training images, predictions for validation and test images, and `<name>.onnx`.

    Args:
        split: a file of `chexnet split`; without it, the table's own split, or 70 / 10 / 20 by patient.
        packed: a pack of the images, to read them from instead of their files. The recipe is then
            `eight_bit`, and the model the one that the same recipe makes of the files.
        names: how a table names its columns, and where its images are.

    With workers or several processes, a script must call this under ``if __name__ == "__main__":``.

    Raises:
        ValueError: the data, the weights or the hardware cannot be used, or `folder` holds a run of
            another recipe.
        ConnectionError: ImageNet weights are asked for and cannot be had.
        UnreadableImage: an image is damaged. After it is mended, the run resumes at its last epoch.
        FloatingPointError: the validation loss is no number any more.
        ConnectionAbortedError: another process of a distributed run has died; the run can go on.
        KeyboardInterrupt: the run was interrupted; nothing is exported.
    """
    if packed is not None:
        config = replace(config, eight_bit=True)
    training_data = read_training_data(
        data, config, only_present=only_present, split=split, packed=packed, names=names
    )
    initial = initial_weights(config.weights, config.network)
    if "trained_on" in initial.description:
        refuse_known_images(Path(config.weights), "weights", initial.description["trained_on"], training_data)
    provenance = training_data.provenance() | {
        "recipe": config.to_dict() | {"weights": initial.description["source"]},
        "initial_weights": initial.description,
    }
    teacher = None
    if config.teacher is not None:
        taught = read_run(Path(config.teacher), "teacher", config, training_data)
        teacher = taught.network(config)
        provenance["recipe"]["teacher"] = taught.description["source"]
        provenance["teacher"] = taught.description
    other = None
    if config.average is not None:
        other = read_run(Path(config.average), "average", config, training_data)
        if other.name != config.network:
            raise ValueError(f"{config.average}: a {other.name}; expected a {config.network} to average with")
        # Found out before hours of training are spent: whether its weights fit.
        other.network(config)
        provenance["recipe"]["average"] = other.description["source"]
        provenance["average"] = other.description
    with _without_chatter():
        trainer = _trainer(folder, config, hardware, provenance)
        _claim(folder, provenance, training_data, writer=trainer.global_rank == 0)
        last = folder / "last.ckpt"
        if not _was_finished(last, config):
            network = _network(config, initial)
            module = CheXNetModule(network, config, _loss_weights(training_data, config), teacher)
            _fit(trainer, module, _Films(training_data, config, hardware), last)
        if trainer.global_rank == 0:
            device = trainer.strategy.root_device
            earlier = [Path(name) for name in (config.weights, config.teacher, config.average) if name]
            learned_from = training_set_of(folder, training_data, earlier)
            _export(folder, training_data, config, provenance, other, learned_from, device, hardware.workers)
    losses = _losses(last)
    return TrainedModel(folder / f"{config.name}.onnx", folder, len(losses), min(losses), trainer.global_rank)


def _network(config: TrainConfig, initial: InitialWeights) -> Network:
    generator = torch.Generator().manual_seed(config.seed)
    network = build_network(config.network, len(config.findings), generator)
    if initial.state is not None:
        load_state(network, initial.state, trunk_only=True)
    return network


def _loss_weights(data: TrainingData, config: TrainConfig) -> tuple[float, float] | None:
    """|P| and |N| of section 2.1; a soft label counts for both, in its parts."""
    if config.task != "pneumonia":
        return None
    labels = data.part("train").labels
    return pneumonia_weights(float(np.nansum(labels)), float(np.nansum(1 - labels)))


class _Films(lightning.LightningDataModule):
    """Loaders that know their process, once Lightning has started it."""

    def __init__(self, data: TrainingData, config: TrainConfig, hardware: Hardware) -> None:
        super().__init__()
        self._data, self._config, self._hardware = data, config, hardware

    def _loader(self, part: str) -> Batches:
        assert self.trainer is not None
        return loader(
            self._data.part(part),
            self._config,
            train=part == "train",
            workers=self._hardware.workers,
            rank=self.trainer.global_rank,
            processes=self.trainer.world_size,
        )

    def train_dataloader(self) -> Batches:
        """Shuffled and flipped."""
        return self._loader("train")

    def val_dataloader(self) -> Batches:
        """In order, never augmented."""
        return self._loader("validation")


def _trainer(
    folder: Path, config: TrainConfig, hardware: Hardware, provenance: dict[str, Any]
) -> lightning.Trainer:
    try:
        return lightning.Trainer(
            accelerator=hardware.accelerator,
            devices=int(hardware.devices) if hardware.devices.isdigit() else hardware.devices,
            num_nodes=hardware.num_nodes,
            strategy=hardware.strategy,
            precision=hardware.precision,  # type: ignore[arg-type]
            # Batch normalisation sees the whole batch, not each GPU's share; there is none for CPUs.
            sync_batchnorm=torch.cuda.is_available() and hardware.accelerator in ("auto", "gpu", "cuda"),
            max_epochs=config.max_epochs,
            callbacks=[Record(folder), Progress(), Checkpoints(folder, provenance)],
            logger=False,
            enable_checkpointing=True,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            use_distributed_sampler=False,
            default_root_dir=folder,
        )
    except (MisconfigurationException, ImportError, TypeError, ValueError) as error:
        raise ValueError(
            f"this machine cannot train on {hardware}: {' '.join(str(error).split())}"
        ) from error


def _fit(trainer: lightning.Trainer, module: CheXNetModule, films: _Films, last: Path) -> None:
    try:
        with told_of_lost_processes():
            trainer.fit(module, films, ckpt_path=last if last.is_file() else None)
    except SystemExit:
        # How Lightning ends an interrupted run; for a library to exit is to surprise its caller.
        if trainer.interrupted:
            raise KeyboardInterrupt from None
        raise


@contextmanager
def _without_chatter() -> Iterator[None]:
    """Silence for Lightning's notes and for its advice on what is meant so; its other warnings stay."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=PossibleUserWarning)
            warnings.filterwarnings("ignore", message=".*LeafSpec")
            yield
    finally:
        logger.setLevel(level)


def _claim(folder: Path, provenance: dict[str, Any], data: TrainingData, *, writer: bool) -> None:
    """Take `folder` for this recipe; refuse one that holds another, whose results would be mixed in."""
    path = folder / "recipe.json"
    if path.is_file():
        different = _differences(_recorded(path), provenance)
        if different:
            # Nothing was learned yet, so there is nothing that could be mixed in.
            if any((folder / name).exists() for name in ("last.ckpt", "best.ckpt")):
                raise ValueError(
                    f"{folder} holds another run: {'; '.join(different)}. Choose another folder, or delete "
                    "this one if its run is not wanted"
                )
            if writer:
                path.unlink()
    if writer and not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / TRAINING_IDS, "\n".join(data.part("train").image_ids) + "\n")
        write_whole(path, json.dumps(provenance, indent=2))


def _recorded(path: Path) -> dict[str, Any]:
    """The record of a run that is already in the folder."""
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        held = error
    if not isinstance(held, dict):
        raise ValueError(
            f"{path}: damaged ({held}); delete the folder, if its run is not wanted, or choose another"
        )
    return held


def _differences(held: dict[str, Any], wanted: dict[str, Any], prefix: str = "") -> list[str]:
    different = []
    for key in sorted(held.keys() | wanted.keys()):
        one, other = held.get(key), wanted.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            different += _differences(one, other, f"{prefix}{key}.")
        elif one != other:
            # A whole record on one side only would fill the screen.
            values = ["a record" if isinstance(value, dict) else repr(value) for value in (one, other)]
            different.append(f"{prefix}{key} is {values[0]} there and {values[1]} here")
    return different


def _losses(checkpoint: Path) -> list[float]:
    content = read_checkpoint(checkpoint).content
    if "validation_losses" not in content:
        raise ValueError(f"{checkpoint}: not the checkpoint of a run of chexnet train")
    return list(content["validation_losses"])


def _was_finished(last: Path, config: TrainConfig) -> bool:
    return last.is_file() and is_finished(_losses(last), config)


def _export(
    folder: Path,
    data: TrainingData,
    config: TrainConfig,
    provenance: dict[str, Any],
    other: FinishedRun | None,
    learned_from: TrainingSet,
    device: torch.device,
    workers: int,
) -> None:
    network = build_network(config.network, len(config.findings), None)
    best = folder / "best.ckpt"
    if not best.is_file():
        raise ValueError(
            f"{best} is no longer there, and the run has ended; delete its folder to train again"
        )
    load_state(network, read_checkpoint(best).state)
    if other is not None:
        load_state(network, mean_state(network.state_dict(), other.network(config).state_dict()))
    losses = _losses(folder / "last.ckpt")
    history: dict[str, Any] = {"epochs": len(losses), "task": config.task}
    if other is None:
        # That of an average is nobody's yet.
        history["validation_loss"] = min(losses)
    release(
        network,
        data.part("validation"),
        data.part("test"),
        folder,
        config,
        provenance | history,
        learned_from,
        device=device,
        workers=workers,
    )
