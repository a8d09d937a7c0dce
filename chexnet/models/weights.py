"""Weights from elsewhere: ImageNet's, and published CheXNet checkpoints, matched key by key or refused."""

import re
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from chexnet.models.densenet import DenseNet121

IMAGENET_URL = "https://download.pytorch.org/models/densenet121-a639ec97.pth"
"""torchvision's DenseNet121_Weights.IMAGENET1K_V1; the name carries the head of its SHA-256."""

_PREFIXES = re.compile(r"^(module\.|model\.|network\.|densenet121\.)+")
_OLD_LAYER_KEY = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


class WeightsMismatch(ValueError):
    """Weights that do not fit the network, naming the keys that are missing, unexpected or misshapen."""


def modern_key(key: str) -> str:
    """The key as torchvision names it today.

    Undoes `DataParallel` (``module.``), the wrappers of the known CheXNet checkpoints
    (``densenet121.``, ``classifier.0``) and the names before torchvision 0.3 (``norm.1``).
    """
    key = _PREFIXES.sub("", key)
    key = _OLD_LAYER_KEY.sub(r"\1\2.", key)
    return re.sub(r"^classifier\.0\.", "classifier.", key)


def read_state(path: str | PathLike[str]) -> dict[str, Tensor]:
    """State of a checkpoint file under today's key names; nothing in the file is executed.

    Raises:
        ValueError: the file holds no weights, or needs pickled code to be read.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, EOFError, RuntimeError) as error:
        raise ValueError(
            f"{path}: not a readable checkpoint of plain tensors ({str(error).splitlines()[0]}); "
            "save its state_dict with torch.save and pass that file"
        ) from error
    if isinstance(content, Mapping):
        content = content.get("state_dict", content)
    if not isinstance(content, Mapping) or not any(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"{path}: expected a state_dict of tensors, found {type(content).__name__}")
    return {modern_key(key): value for key, value in content.items() if isinstance(value, Tensor)}


def imagenet_state() -> dict[str, Tensor]:
    """ImageNet weights (section 2.2) by torchvision's URL, its hash checked; kept in torch's cache.

    Raises:
        ConnectionError: neither in the cache nor reachable.
    """
    try:
        state = torch.hub.load_state_dict_from_url(IMAGENET_URL, map_location="cpu", check_hash=True)
    except OSError as error:
        cache = Path(torch.hub.get_dir()) / "checkpoints"
        raise ConnectionError(
            f"ImageNet weights: {IMAGENET_URL} cannot be reached ({error}); download it elsewhere and put it "
            f"into {cache}, pass the file as --weights, or train from scratch with --weights none"
        ) from error
    return {modern_key(key): value for key, value in state.items()}


def load_state(network: DenseNet121, state: Mapping[str, Tensor], *, trunk_only: bool = False) -> None:
    """Copy `state` into `network`; every key must match.

    Args:
        network: receives the weights.
        state: keys as torchvision names them; a linear classifier becomes the 1×1 convolution.
        trunk_only: leave the network's own classifier, for weights trained on other labels.

    Raises:
        WeightsMismatch: keys are missing, unexpected or of another shape. Nothing is loaded then.
    """
    wanted = network.state_dict()
    given = {key: _as_convolution(key, value) for key, value in state.items()}
    if trunk_only:
        wanted = {key: value for key, value in wanted.items() if key.startswith("features.")}
        given = {key: value for key, value in given.items() if key.startswith("features.")}
    # Counters of training steps, which checkpoints before torch 0.4 lack and evaluation never reads.
    counters = {key for key in wanted if key.endswith("num_batches_tracked")}
    problems = {
        "missing": sorted(wanted.keys() - given.keys() - counters),
        "unexpected": sorted(given.keys() - wanted.keys()),
        "of another shape": [
            f"{key} {tuple(given[key].shape)}, expected {tuple(wanted[key].shape)}"
            for key in sorted(wanted.keys() & given.keys())
            if given[key].shape != wanted[key].shape
        ],
    }
    if any(problems.values()):
        raise WeightsMismatch(_describe(problems))
    network.load_state_dict(given, strict=False)


def _as_convolution(key: str, value: Tensor) -> Tensor:
    is_linear = key == "classifier.weight" and value.ndim == 2
    return value[:, :, None, None] if is_linear else value


def _describe(problems: Mapping[str, list[str]]) -> str:
    parts = []
    for kind, keys in problems.items():
        if keys:
            more = f" and {len(keys) - 8} more" if len(keys) > 8 else ""
            parts.append(f"{len(keys)} {kind}: {', '.join(keys[:8])}{more}")
    return f"the weights do not fit DenseNet-121; {'; '.join(parts)}"
