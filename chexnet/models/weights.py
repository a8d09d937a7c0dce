"""Weights from elsewhere: ImageNet's, and published CheXNet checkpoints, matched key by key or refused."""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from os import PathLike
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from chexnet._files import file_sha256
from chexnet.models.network import Network

_PREFIXES = re.compile(r"^(module\.|model\.|network\.|densenet121\.)+")
_OLD_LAYER_KEY = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")

# What torch.load raises on damaged files, found by damaging files.
UNREADABLE = (
    UnpicklingError,
    EOFError,
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    OverflowError,
    struct.error,
)


class WeightsMismatch(ValueError):
    """Weights that do not fit the network, naming the keys that are missing, unexpected or misshapen."""


def modern_key(key: str) -> str:
    """The key as torchvision names it today.

    Undoes `DataParallel` (``module.``), the wrappers of the known CheXNet checkpoints
    (``densenet121.``, ``classifier.0``), the names before torchvision 0.3 (``norm.1``), the classifier
    of a ResNet (``fc``), and the underscores and the ``_fc`` of the published EfficientNet-Lite weights.
    """
    key = _PREFIXES.sub("", key)
    key = re.sub(r"^_?fc\.", "classifier.", key)
    key = re.sub(r"(^|\.)_", r"\1", key)
    key = _OLD_LAYER_KEY.sub(r"\1\2.", key)
    return re.sub(r"^classifier\.0\.", "classifier.", key)


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds.

    Attributes:
        state: its weights under today's key names.
        content: all of it, for those who know what else is in it.
        sha256: of the file.
    """

    state: dict[str, Tensor]
    content: Mapping[Any, Any]
    sha256: str


def read_checkpoint(path: str | PathLike[str]) -> Checkpoint:
    """Read a checkpoint: a state, or a mapping with a `state_dict`. Nothing in the file is executed.

    Raises:
        ValueError: the file holds no weights, is damaged, or needs pickled code to be read.
        OSError: the file is missing or may not be read.
    """
    try:
        with Path(path).open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        # Of a file that was cut short torch may say "invalid argument" and no more; opening names the file.
        if error.filename is not None:
            raise
        raise ValueError(f"{path}: not a readable checkpoint; the file is cut short or damaged") from error
    except UNREADABLE as error:
        # What torch goes on to say is how to load it all the same, with any code that is in it.
        reason = re.split(r"[.\n]\s", f"{str(error) or type(error).__name__}\n ")[0]
        raise ValueError(
            f"{path}: not a readable checkpoint of plain tensors ({reason}); "
            "save its state_dict with torch.save and pass that file"
        ) from error
    state = content.get("state_dict", content) if isinstance(content, Mapping) else content
    if not isinstance(state, Mapping) or not any(isinstance(value, Tensor) for value in state.values()):
        raise ValueError(f"{path}: expected a state_dict of tensors, found {type(state).__name__}")
    return Checkpoint(_modern_state(state, path), content, file_sha256(Path(path)))


def read_state(path: str | PathLike[str]) -> dict[str, Tensor]:
    """The weights of a checkpoint file, see `read_checkpoint`."""
    return read_checkpoint(path).state


def imagenet_state(url: str) -> dict[str, Tensor]:
    """ImageNet weights (section 2.2) from torchvision's URL, kept in torch's cache, their hash checked.

    Args:
        url: of a network's `imagenet_url`; its name carries the head of the file's SHA-256.

    Raises:
        ConnectionError: neither in the cache nor reachable.
        ValueError: what is in the cache, or arrived, is not the file that the URL promises.
    """
    name = url.rsplit("/", 1)[-1]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / name
    promised = name.rpartition("-")[2].partition(".")[0]
    try:
        if not cached.is_file():
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(cached))
    except (OSError, HTTPException) as error:
        raise ConnectionError(
            f"ImageNet weights: {url} cannot be reached ({error}); download it elsewhere and put it "
            f"into {cached.parent}, pass the file as `weights`, or train from scratch with `weights` none"
        ) from error
    # Here, not by torch.hub, which looks only at what it has just downloaded.
    arrived = file_sha256(cached)
    if not arrived.startswith(promised):
        cached.unlink()
        raise ValueError(
            f"ImageNet weights: {cached} from {url} has SHA-256 {arrived}; expected {promised}…. "
            "The file was deleted and nothing was loaded; try again, or pass a checkpoint as `weights`"
        )
    return read_state(cached)


def load_state(network: Network, state: Mapping[str, Tensor], *, trunk_only: bool = False) -> None:
    """Copy `state` into `network`; every key must match.

    Args:
        network: receives the weights.
        state: keys as torchvision names them; a linear classifier becomes the 1×1 convolution.
        trunk_only: leave the network's own head, for weights trained on other labels.

    Raises:
        WeightsMismatch: keys are missing, unexpected or of another shape. Nothing is loaded then.
    """
    wanted = network.state_dict()
    given = {key: _as_convolution(key, value) for key, value in state.items()}
    if trunk_only:
        # Whatever head the weights come with, its classifier is for their own labels.
        heads = ("classifier.", *network.head_keys)
        wanted = {key: value for key, value in wanted.items() if not key.startswith(heads)}
        given = {key: value for key, value in given.items() if not key.startswith(heads)}
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
        raise WeightsMismatch(_describe(type(network).__name__, problems))
    network.load_state_dict(given, strict=False)


def mean_state(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The mean of two networks' weights and running statistics, for networks of one descent.

    Raises:
        WeightsMismatch: they are not of one architecture.
    """
    unlike = sorted(
        {*one, *other} - {key for key in one if key in other and one[key].shape == other[key].shape}
    )
    if unlike:
        raise WeightsMismatch(f"networks of two kinds have no mean: {', '.join(unlike[:3])} differ")
    # Counters, of which there is no half, are the first's.
    return {
        key: (value + other[key]) / 2 if value.is_floating_point() else value for key, value in one.items()
    }


def _modern_state(state: Mapping[Any, Any], path: str | PathLike[str]) -> dict[str, Tensor]:
    modern: dict[str, Tensor] = {}
    for key, value in state.items():
        if not isinstance(value, Tensor):
            continue
        name = modern_key(str(key))
        if name in modern:
            raise ValueError(f"{path}: two tensors for {name}; expected the weights of one network")
        modern[name] = value
    return modern


def _as_convolution(key: str, value: Tensor) -> Tensor:
    is_linear = key == "classifier.weight" and value.ndim == 2
    return value[:, :, None, None] if is_linear else value


def _describe(network: str, problems: Mapping[str, list[str]]) -> str:
    parts = []
    for kind, keys in problems.items():
        if keys:
            more = f" and {len(keys) - 8} more" if len(keys) > 8 else ""
            parts.append(f"{len(keys)} {kind}: {', '.join(keys[:8])}{more}")
    return f"the weights do not fit {network}; {'; '.join(parts)}"
