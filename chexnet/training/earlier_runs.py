"""Runs that another run starts from, learns from, or is averaged with, and whether it may.

A network that has seen the films that this run is tested by would flatter every number in the model file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from chexnet.leakage import TRAINING_IDS, Side, read_training_list, refuse_shared_patients
from chexnet.models import (
    NETWORKS,
    Checkpoint,
    Network,
    build_network,
    imagenet_state,
    load_state,
    read_checkpoint,
)
from chexnet.tables import hash_image_ids, match_images
from chexnet.training.callbacks import PROVENANCE
from chexnet.training.config import TrainConfig
from chexnet.training.data import TrainingData


@dataclass(frozen=True)
class InitialWeights:
    """Where a network starts: its weights, if any, and what the model file says of them."""

    state: dict[str, torch.Tensor] | None
    description: dict[str, Any]


def weights_file(weights: str) -> Path | None:
    """The checkpoint that is meant by the recipe's weights; None for "imagenet" and "none".

    Raises:
        ValueError: it is not there.
    """
    if weights in ("imagenet", "none"):
        return None
    path = Path(weights)
    if not path.is_file():
        raise ValueError(
            f"weights are {weights!r}; expected imagenet, none, or a checkpoint file that exists"
        )
    return path


def initial_weights(weights: str, network: str = "densenet121") -> InitialWeights:
    """ImageNet's, none, or those of a checkpoint, whose own provenance is handed down.

    Raises:
        ValueError: no such file, or no weights in it.
        ConnectionError: ImageNet's cannot be had.
    """
    path = weights_file(weights)
    if weights == "none":
        return InitialWeights(None, {"source": "none"})
    if path is None:
        url = NETWORKS[network].imagenet_url
        if url is None:
            raise ValueError(
                f"weights are imagenet and the network is {network}, whose weights have no address: pass a "
                "file of weights"
            )
        return InitialWeights(imagenet_state(url), {"source": "imagenet"})
    checkpoint = read_checkpoint(path)
    _refuse_no_numbers(path, checkpoint.state)
    description: dict[str, Any] = {"source": path.name, "sha256": checkpoint.sha256}
    if PROVENANCE in checkpoint.content:
        description["trained_on"] = _provenance(path, checkpoint)
    return InitialWeights(checkpoint.state, description)


def refuse_known_images(path: Path, role: str, trained_on: dict[str, Any], data: TrainingData) -> None:
    """Refuse a run that has learned from what this one is validated or tested by.

    Known are the images of the list that the run left beside its checkpoint, and of this run the patients of
    all images in its table. What a run before that one has learned from is that run's affair: each of them
    was checked against its own split.

    Raises:
        ValueError: an image or a patient is in both, or there is no list, or it is another run's.
    """
    if trained_on.get("train_ids_sha256") == hash_image_ids(data.part("train").image_ids):
        return
    beside = path.with_name(TRAINING_IDS)
    if not beside.is_file():
        raise ValueError(
            f"{path} as {role}: no {TRAINING_IDS} beside it, so nobody can tell whether it has seen the "
            "images that this run is tested by; put the list of its run there"
        )
    listed = read_training_list(beside)
    if listed.sha256 != trained_on.get("train_ids_sha256"):
        raise ValueError(f"{beside} is not the list of the images that {path} was trained on")
    assert listed.images is not None
    # The list of an older run may name images by other folders.
    names, owned = sorted(listed.images), list(data.owners)
    rows = match_images(names, owned).rows
    images = [name if row is None else owned[row] for name, row in zip(names, rows, strict=True)]
    patients = [data.owners.get(image, "") for image in images]
    learned = Side(f"what {path} as {role} has learned from", images, patients)
    for name in ("validation", "test"):
        part = data.part(name)
        refuse_shared_patients(
            learned,
            Side(f"the {name} images of this run", part.image_ids, part.patients),
            "it would flatter this run's numbers; train both on one `split`",
        )


def _provenance(path: Path, checkpoint: Checkpoint) -> dict[str, Any]:
    """What a run of `chexnet train` has written into its checkpoint."""
    try:
        found: dict[str, Any] = json.loads(checkpoint.content[PROVENANCE])
        found["recipe"]["task"], found["recipe"]["network"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: its record of how it was trained cannot be read; expected the best.ckpt of a run of "
            "chexnet train"
        ) from error
    return found


def _refuse_no_numbers(path: Path, state: Mapping[str, torch.Tensor]) -> None:
    """Raise ValueError at weights that are not all finite."""
    damaged = [
        name for name, value in state.items() if value.is_floating_point() and not value.isfinite().all()
    ]
    if damaged:
        raise ValueError(f"{path}: weights that are not finite numbers, such as {damaged[0]}")


@dataclass(frozen=True)
class FinishedRun:
    """A run of `chexnet train` that another learns from or is averaged with.

    Attributes:
        name: of its network, as recipes call it.
        state: of its network.
        description: what the model file says of it.
    """

    name: str
    state: dict[str, torch.Tensor]
    description: dict[str, Any]

    def network(self, config: TrainConfig) -> Network:
        """Its network, trained."""
        network = build_network(self.name, len(config.findings), None)
        load_state(network, self.state)
        return network


def read_run(path: Path, role: str, config: TrainConfig, data: TrainingData) -> FinishedRun:
    """A run, from its `best.ckpt`, as the option `role` names it.

    Raises:
        ValueError: no such file, no checkpoint of a run of `chexnet train`, one for other findings, or one
            that has learned from the validation or test images of `data`.
    """
    if not path.is_file():
        raise ValueError(f"{role} is {str(path)!r}; expected the best.ckpt of a finished run")
    checkpoint = read_checkpoint(path)
    if PROVENANCE not in checkpoint.content:
        raise ValueError(f"{path}: no checkpoint of a run of chexnet train; expected its best.ckpt")
    provenance = _provenance(path, checkpoint)
    recipe = provenance["recipe"]
    if recipe["task"] != config.task:
        raise ValueError(f"{path}: a run of the task {recipe['task']} as {role}; expected {config.task}")
    if recipe["network"] not in NETWORKS:
        raise ValueError(
            f"{path}: a run of the network {recipe['network']!r}, which this version does not know; it knows "
            f"{', '.join(NETWORKS)}"
        )
    _refuse_no_numbers(path, checkpoint.state)
    refuse_known_images(path, role, provenance, data)
    description = {"source": path.name, "sha256": checkpoint.sha256, "trained_on": provenance}
    return FinishedRun(recipe["network"], checkpoint.state, description)
