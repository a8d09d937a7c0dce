"""`train`: from a table of images to one model file, resumable at every epoch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from chexnet.datasets import ChestXray14, Manifest, Split, hash_image_ids, read_manifest, split_of
from chexnet.models import DenseNet121, imagenet_state, load_state, read_state
from chexnet.training.config import Hardware, TrainConfig, TrainedModel
from chexnet.training.images import loader
from chexnet.training.losses import pneumonia_weights
from chexnet.training.module import CheXNetModule
from chexnet.training.record import Progress, Record
from chexnet.training.release import release, sha256_of
from chexnet.training.schedule import is_finished

_PROVENANCE = "chexnet_provenance"


@dataclass(frozen=True)
class TrainingData:
    """The images of a run, divided by patient.

    Attributes:
        manifest: all images, with the label columns of the task.
        split: rows for training, validation and test.
    """

    manifest: Manifest
    split: Split

    def provenance(self) -> dict[str, Any]:
        """What the model file says of the data."""
        training = self.part("train")
        return {
            "data": self.manifest.name,
            "images": {name: len(self.part(name)) for name in ("train", "validation", "test")},
            "patients": {
                name: len(set(self.part(name).patients)) for name in ("train", "validation", "test")
            },
            "train_ids_sha256": hash_image_ids(training.image_ids),
        }

    def part(self, name: str) -> Manifest:
        """The images of train, validation or test."""
        return self.manifest.select(getattr(self.split, name))


def read_training_data(data: Path, config: TrainConfig, *, only_present: bool = False) -> TrainingData:
    """Images and labels from a CSV manifest or a ChestX-ray14 folder, with no patient on two sides.

    Raises:
        ValueError: the table is damaged, lacks a label column of the task, or its split shares a patient.
    """
    is_folder = data.is_dir()
    manifest = ChestXray14(data).manifest(only_present=only_present) if is_folder else read_manifest(data)
    missing = [image for image in manifest.images if not image.is_file()]
    if missing:
        raise ValueError(
            f"{data}: {len(missing):,} of {len(manifest):,} images are missing, the first {missing[0]}"
        )
    manifest = manifest.with_findings(config.findings)
    return TrainingData(manifest, split_of(manifest, seed=config.seed))


def train(
    data: Path,
    folder: Path,
    config: TrainConfig = TrainConfig(),
    hardware: Hardware = Hardware(),
    *,
    only_present: bool = False,
) -> TrainedModel:
    """Train as in sections 2.2 and 5 and export the model of lowest validation loss.

    A run that was interrupted goes on at the epoch it had reached, when called with the same
    arguments. `folder` receives `recipe.json`, `metrics.csv`, `losses.png`, `last.ckpt`, `best.ckpt`,
    the names of the training images, predictions for validation and test images, and `<name>.onnx`.

    Raises:
        ValueError: the data cannot be used, or `folder` holds a run of another recipe.
    """
    training_data = read_training_data(data, config, only_present=only_present)
    initial = initial_weights(config.weights)
    provenance = training_data.provenance() | {
        "recipe": config.to_dict() | {"weights": initial.description["source"]},
        "initial_weights": initial.description,
    }
    folder.mkdir(parents=True, exist_ok=True)
    _claim(folder, provenance)
    (folder / "training_ids.txt").write_text("\n".join(training_data.part("train").image_ids) + "\n")

    module = CheXNetModule(_network(config, initial), config, _loss_weights(training_data, config))
    trainer = _trainer(folder, config, hardware, provenance)
    last = folder / "last.ckpt"
    if not _was_finished(last, config):
        trainer.fit(
            module, _Films(training_data, config, hardware), ckpt_path=last if last.is_file() else None
        )
    if trainer.global_rank == 0:
        _export(folder, training_data, config, provenance)
    trainer.strategy.barrier()
    losses = _losses(last)
    return TrainedModel(folder / f"{config.name}.onnx", folder, len(losses), min(losses))


@dataclass(frozen=True)
class InitialWeights:
    """Where a network starts: its weights, if any, and what the model file says of them."""

    state: dict[str, torch.Tensor] | None
    description: dict[str, Any]

    @property
    def task(self) -> str | None:
        """The task that a checkpoint of ours was trained for; None where nobody says so."""
        return self.description.get("trained_on", {}).get("recipe", {}).get("task")


def initial_weights(weights: str) -> InitialWeights:
    """ImageNet's, none, or those of a checkpoint, whose own provenance is handed down."""
    if weights == "none":
        return InitialWeights(None, {"source": "none"})
    if weights == "imagenet":
        return InitialWeights(imagenet_state(), {"source": "imagenet"})
    path = Path(weights)
    if not path.is_file():
        raise ValueError(
            f"weights are {weights!r}; expected imagenet, none, or a checkpoint file that exists"
        )
    description: dict[str, Any] = {"source": path.name, "sha256": sha256_of(path)}
    checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    if isinstance(checkpoint, dict) and _PROVENANCE in checkpoint:
        description["trained_on"] = json.loads(checkpoint[_PROVENANCE])
    return InitialWeights(read_state(path), description)


def _network(config: TrainConfig, initial: InitialWeights) -> DenseNet121:
    generator = torch.Generator().manual_seed(config.seed)
    network = DenseNet121(len(config.findings), generator=generator)
    if initial.state is not None:
        # A classifier is worth keeping only where its outputs are known to mean the same, in the same order.
        load_state(network, initial.state, trunk_only=initial.task != config.task)
    return network


def _loss_weights(data: TrainingData, config: TrainConfig) -> tuple[float, float] | None:
    if config.task != "pneumonia":
        return None
    labels = data.part("train").labels
    return pneumonia_weights(float((labels == 1).sum()), float((labels == 0).sum()))


class _Films(lightning.LightningDataModule):
    """Loaders that know their process, once Lightning has started it."""

    def __init__(self, data: TrainingData, config: TrainConfig, hardware: Hardware) -> None:
        super().__init__()
        self._data, self._config, self._hardware = data, config, hardware

    def _loader(self, part: str) -> Any:
        assert self.trainer is not None
        return loader(
            self._data.part(part),
            self._config,
            train=part == "train",
            workers=self._hardware.workers,
            rank=self.trainer.global_rank,
            processes=self.trainer.world_size,
        )

    def train_dataloader(self) -> Any:
        """Shuffled and flipped."""
        return self._loader("train")

    def val_dataloader(self) -> Any:
        """In order, never augmented."""
        return self._loader("validation")


class _Provenance(lightning.Callback):
    """Writes the provenance into every checkpoint, so that later runs can hand it down."""

    def __init__(self, provenance: dict[str, Any]) -> None:
        self._text = json.dumps(provenance)

    def on_save_checkpoint(self, _trainer: Any, _module: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint[_PROVENANCE] = self._text


def _trainer(
    folder: Path, config: TrainConfig, hardware: Hardware, provenance: dict[str, Any]
) -> lightning.Trainer:
    checkpoint = ModelCheckpoint(
        folder,
        filename="best",
        monitor="val_loss",
        save_last=True,
        save_on_train_epoch_end=True,
        enable_version_counter=False,
    )
    return lightning.Trainer(
        accelerator=hardware.accelerator,
        devices=int(hardware.devices) if hardware.devices.isdigit() else hardware.devices,
        num_nodes=hardware.num_nodes,
        strategy=hardware.strategy,
        precision=hardware.precision,  # type: ignore[arg-type]
        max_epochs=config.max_epochs,
        callbacks=[_Provenance(provenance), Record(folder), Progress(), checkpoint],
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
        use_distributed_sampler=False,
        default_root_dir=folder,
    )


def _claim(folder: Path, provenance: dict[str, Any]) -> None:
    """Take `folder` for this recipe; refuse one that holds another, whose results would be mixed in."""
    path = folder / "recipe.json"
    if path.is_file():
        held = json.loads(path.read_text())
        different = sorted(key for key in provenance if held.get(key) != provenance[key])
        if different:
            raise ValueError(
                f"{folder} holds a run that differs in {', '.join(different)}; choose another folder, "
                "or delete this one if its run is not wanted"
            )
        return
    partial = folder / "recipe.json.partial"
    partial.write_text(json.dumps(provenance, indent=2))
    partial.replace(path)


def _losses(checkpoint: Path) -> list[float]:
    content = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return list(content["validation_losses"])


def _was_finished(last: Path, config: TrainConfig) -> bool:
    return last.is_file() and is_finished(_losses(last), config)


def _export(folder: Path, data: TrainingData, config: TrainConfig, provenance: dict[str, Any]) -> None:
    state = read_state(folder / "best.ckpt")
    network = DenseNet121(len(config.findings))
    load_state(network, state)
    losses = _losses(folder / "last.ckpt")
    history = {"epochs": len(losses), "validation_loss": min(losses), "task": config.task}
    release(network, data.part("validation"), data.part("test"), folder, config, provenance | history)
