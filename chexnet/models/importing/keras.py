"""DenseNet-121 of keras.applications, from an HDF5 file of weights or of a whole model."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

KERAS_EPSILON, TORCH_EPSILON = 1.001e-5, 1e-5
"""Added to a variance before its root is taken, by keras.applications and by torch."""

_BLOCK = re.compile(r"conv(\d)_block(\d+)_(0_bn|1_conv|1_bn|2_conv)$")
_LAYERS = {"0_bn": "norm1", "1_conv": "conv1", "1_bn": "norm2", "2_conv": "conv2"}
_FIXED = {
    "conv1/conv": "conv0",
    "conv1/bn": "norm0",
    "conv1_conv": "conv0",
    "conv1_bn": "norm0",
    "bn": "norm5",
}
_POOL = re.compile(r"pool(\d)_(bn|conv)$")
_PARAMETERS = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
    "kernel": "weight",
    "bias": "bias",
}


def read_keras(path: Path) -> dict[str, Tensor]:
    """The weights under torchvision's names: ``features.…`` and ``classifier.weight``, ``classifier.bias``.

    Convolution kernels change from (rows, columns, in, out) to (out, in, rows, columns). Each variance grows
    by 1e-8, because Keras adds 1.001e-5 to it where torch adds 1e-5.

    Raises:
        ValueError: not the weights of a DenseNet-121, or the package h5py is missing.
    """
    try:
        import h5py
    except ModuleNotFoundError as error:
        raise ValueError("Keras files need h5py; install chexnet[import]") from error
    tensors: dict[str, Tensor] = {}
    unknown: list[str] = []
    try:
        with h5py.File(path, "r") as file:
            for layer, parameter, values in _weights(file.get("model_weights", file)):
                name = _torch_name(layer)
                if name is None:
                    unknown.append(layer)
                else:
                    tensors[f"{name}.{_PARAMETERS[parameter]}"] = _as_torch(parameter, values)
    except (OSError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: not a readable Keras file ({error})") from error
    if unknown or "features.conv0.weight" not in tensors:
        found = ", ".join(dict.fromkeys(unknown)) or "no layer conv1/conv"
        raise ValueError(f"{path}: expected DenseNet121 of keras.applications with one Dense layer; {found}")
    return tensors


def _weights(group: Any) -> Iterator[tuple[str, str, np.ndarray]]:
    """Layer, parameter and values of each array in the file."""
    found: list[tuple[str, str, np.ndarray]] = []

    def visit(name: str, item: Any) -> None:
        parts = name.split("/")
        parameter = parts[-1].partition(":")[0]
        if hasattr(item, "shape") and parameter in _PARAMETERS:
            # conv1/bn/gamma:0 is stored below a group of the same name: conv1/bn/conv1/bn/gamma:0.
            layer = parts[:-1]
            half = len(layer) // 2
            found.append(
                ("/".join(layer[half:] if layer[:half] == layer[half:] else layer), parameter, item[()])
            )

    group.visititems(visit)
    yield from found


def _torch_name(layer: str) -> str | None:
    # Files of a model inside a model put its name in front; a Dense layer may have any name.
    short = layer.rsplit("densenet121/", maxsplit=1)[-1]
    if short in _FIXED:
        return f"features.{_FIXED[short]}"
    if block := _BLOCK.search(short):
        return f"features.denseblock{int(block[1]) - 1}.denselayer{block[2]}.{_LAYERS[block[3]]}"
    if pool := _POOL.search(short):
        return f"features.transition{int(pool[1]) - 1}.{'norm' if pool[2] == 'bn' else 'conv'}"
    return "classifier" if re.fullmatch(r"(predictions|dense(_\d+)?|fc\w*|output\w*)", short) else None


def _as_torch(parameter: str, values: np.ndarray) -> Tensor:
    if parameter == "moving_variance":
        values = values + np.float32(KERAS_EPSILON - TORCH_EPSILON)
    if parameter == "kernel":
        values = values.transpose(3, 2, 0, 1) if values.ndim == 4 else values.T
    return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))
