"""The gate's network, and how it becomes one more output of a model file."""

import copy
import hashlib
import importlib.resources
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnx.compose
import torch
from onnx import helper
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from chexnet.arrays import Float, Float32
from chexnet.models.onnx_export import store_float16, trace_onnx
from chexnet.radiograph import Preprocessing, resized

GATE_SIZE = 32
"""Side of the square that the gate looks at, in pixels: too coarse for ribs, enough for lungs and heart."""

GATE_KEY = "chexnet-gate"
"""The ONNX metadata property of the gate's own file, as JSON."""

LEAST_DEVIATION = 0.02
"""Grey values that vary less are not stretched any further."""

_CHANNELS = (24, 48, 64)
_KERNELS = (5, 3, 3)
_HIDDEN = 96
_LAST_MAPS = GATE_SIZE // 2 ** len(_CHANNELS)


class GateLayer(nn.Module):
    """A convolution that halves rows and columns, norm, ReLU."""

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(before, after, kernel, stride=2, padding=kernel // 2, bias=False)
        self.norm: nn.Module = nn.BatchNorm2d(after)

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d i j"]:
        """Half as many rows and columns."""
        return functional.relu(self.norm(self.convolution(maps)))


class GateNetwork(nn.Module):
    """What kind of picture this is, from its coarse structure alone; brightness and contrast are taken out.

    Args:
        classes: number of kinds.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        widths = (1, *_CHANNELS)
        self.layers = nn.Sequential(
            *(GateLayer(*shape) for shape in zip(widths[:-1], widths[1:], _KERNELS, strict=True))
        )
        self.dropout = nn.Dropout(0.15)
        self.hidden = nn.Linear(_CHANNELS[-1] * _LAST_MAPS**2, _HIDDEN)
        self.classifier = nn.Linear(_HIDDEN, classes)

    def forward(self, grey: Float[Tensor, "batch 32 32"]) -> Float[Tensor, "batch classes"]:
        """Log odds, up to a constant, of each kind."""
        maps = self.layers(standardised(grey)[:, None])
        hidden = functional.relu(self.hidden(self.dropout(maps.flatten(1))))
        logits: Tensor = self.classifier(self.dropout(hidden))
        return logits


def standardised(grey: Float[Tensor, "batch rows columns"]) -> Float[Tensor, "batch rows columns"]:
    """Each picture with mean 0 and deviation 1."""
    centred = grey - grey.mean(dim=(1, 2), keepdim=True)
    return centred / (centred.square().mean(dim=(1, 2), keepdim=True).sqrt() + LEAST_DEVIATION)


def shrinking(size: int) -> Float32[np.ndarray, "32 size"]:
    """The matrix R that takes a picture to the gate's size as ``R @ picture @ R.T``."""
    return resized(np.eye(size, dtype=np.float32), GATE_SIZE, axes=(0,))


@dataclass(frozen=True, eq=False)
class GateFile:
    """The gate that comes with this version.

    Attributes:
        model: its graph, from `grey` to `gate`.
        metadata: what the file says of it, as JSON.
        sha256: of the file.
    """

    model: onnx.ModelProto
    metadata: str
    sha256: str


def shipped_gate() -> GateFile:
    """The gate in this package, as `recipes/gate/_2_network.py` wrote it."""
    content = importlib.resources.files("chexnet.models").joinpath("gate.onnx").read_bytes()
    model = onnx.load_from_string(content)
    (metadata,) = (entry.value for entry in model.metadata_props if entry.key == GATE_KEY)
    return GateFile(model, metadata, hashlib.sha256(content).hexdigest())


def write_gate(gate: onnx.ModelProto, path: Path, metadata: str) -> None:
    """Write the gate's own file, with what is known of it as JSON."""
    helper.set_model_props(gate, {GATE_KEY: metadata})
    path.write_bytes(gate.SerializeToString())


def gate_graph(network: GateNetwork) -> onnx.ModelProto:
    """The graph from `grey` (batch, 32, 32) to `gate` (batch, classes); weights are rounded to float16."""
    released = copy.deepcopy(network).eval()
    for layer in released.layers:
        assert isinstance(layer, GateLayer) and isinstance(layer.norm, nn.BatchNorm2d)
        layer.convolution, layer.norm = fuse_conv_bn_eval(layer.convolution, layer.norm), nn.Identity()
    for part in released.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.weight.data = part.weight.data.half().float()
    example = torch.zeros(2, GATE_SIZE, GATE_SIZE)
    return _prefixed(store_float16(trace_onnx(released, example, "grey", ["gate"])), "gate.")


class _GateInput(nn.Module):
    """From a model's input to what the gate looks at, as `gate_input` does."""

    def __init__(self, size: int, preprocessing: Preprocessing) -> None:
        super().__init__()
        self._mean, self._std = preprocessing.mean[0], preprocessing.std[0]
        self._shrink = torch.from_numpy(shrinking(size).copy())

    def forward(self, images: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch 32 32"]:
        grey = images[:, 0] * self._std + self._mean
        shrunk: Tensor = self._shrink @ grey @ self._shrink.T
        return shrunk


def add_gate_graph(model: onnx.ModelProto, gate: onnx.ModelProto, preprocessing: Preprocessing) -> None:
    """Let `model` compute the output `gate` as well, from its input `image`, as `gate_input` does."""
    size = model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    # Two images: an example of one would make the number of images a constant of the graph.
    traced = trace_onnx(_GateInput(size, preprocessing), torch.zeros(2, 3, size, size), "image", ["grey"])
    seen = _prefixed(traced, "gate.input.")
    seen.ir_version = gate.ir_version
    whole = onnx.compose.merge_models(seen, gate, io_map=[("grey", "grey")]).graph
    model.graph.initializer.extend(whole.initializer)
    model.graph.node.extend(whole.node)
    model.graph.output.extend(whole.output)
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    model.graph.output[-1].type.tensor_type.shape.dim[0].dim_param = batch


def _prefixed(model: onnx.ModelProto, prefix: str) -> onnx.ModelProto:
    """With names that collide with no other graph's; inputs and outputs keep theirs."""
    return onnx.compose.add_prefix(model, prefix, rename_inputs=False, rename_outputs=False)


def remove_gate_graph(model: onnx.ModelProto) -> None:
    """Undo `add_gate_graph`; a model without a gate stays as it is."""
    for items in (model.graph.node, model.graph.initializer, model.graph.output):
        kept = [item for item in items if not (item.name == "gate" or item.name.startswith("gate."))]
        del items[:]
        items.extend(kept)


def gate_input(
    images: Float32[np.ndarray, "images 3 size size"], preprocessing: Preprocessing
) -> Float32[np.ndarray, "images 32 32"]:
    """What the gate sees of a model's input."""
    # All channels show the same grey.
    grey = images[:, 0] * np.float32(preprocessing.std[0]) + np.float32(preprocessing.mean[0])
    shrink = shrinking(images.shape[-1])
    return np.asarray(shrink @ grey @ shrink.T)
