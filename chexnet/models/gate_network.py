"""The gate's network, and how it becomes one more output of a model file."""

import hashlib
import importlib.resources
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from chexnet.arrays import Float, Float32
from chexnet.radiograph import Preprocessing, resized

GATE_SIZE = 32
"""Side of the square that the gate looks at: ribs are gone, lungs, heart and arms are there."""

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
        self.norm = nn.BatchNorm2d(after)

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
    graph = _Graph("gate")
    axes = graph.constant("axes", np.array([1, 2]))
    mean = graph.node("ReduceMean", ["grey", axes], keepdims=1)
    centred = graph.node("Sub", ["grey", mean])
    squares = graph.node("ReduceMean", [graph.node("Mul", [centred, centred]), axes], keepdims=1)
    deviation = graph.node("Sqrt", [squares])
    least = graph.constant("least_deviation", np.float32(LEAST_DEVIATION))
    maps = graph.node("Div", [centred, graph.node("Add", [deviation, least])])
    maps = graph.node("Unsqueeze", [maps, graph.constant("channel", np.array([1]))])
    for number, layer in enumerate(network.eval().layers):
        assert isinstance(layer, GateLayer)
        weights = graph.weights(f"layer{number}", fuse_conv_bn_eval(layer.convolution, layer.norm))
        edge = layer.convolution.padding[0]
        maps = graph.node("Relu", [graph.node("Conv", [maps, *weights], pads=[edge] * 4, strides=[2, 2])])
    flat = graph.node("Flatten", [maps])
    hidden = graph.node("Gemm", [flat, *graph.weights("hidden", network.hidden)], transB=1)
    last = [graph.node("Relu", [hidden]), *graph.weights("classifier", network.classifier)]
    graph.node("Gemm", last, output="gate", transB=1)
    classes = network.classifier.out_features
    return graph.model(("grey", ["batch", GATE_SIZE, GATE_SIZE]), ("gate", ["batch", classes]))


def add_gate_graph(model: onnx.ModelProto, gate: onnx.ModelProto, preprocessing: Preprocessing) -> None:
    """Let `model` compute the output `gate` as well, from its input `image`, as `gate_input` does."""
    size = model.graph.input[0].type.tensor_type.shape.dim[-1].dim_value
    graph = _Graph("gate.input")
    first = graph.node("Gather", ["image", graph.constant("first", np.array(0))], axis=1)
    scaled = graph.node("Mul", [first, graph.constant("std", np.float32(preprocessing.std[0]))])
    grey = graph.node("Add", [scaled, graph.constant("mean", np.float32(preprocessing.mean[0]))])
    rows = graph.constant("rows", shrinking(size))
    columns = graph.node("Transpose", [rows], perm=[1, 0])
    graph.node("MatMul", [graph.node("MatMul", [rows, grey]), columns], output="grey")
    model.graph.initializer.extend([*graph.constants, *gate.graph.initializer])
    model.graph.node.extend([*graph.nodes, *gate.graph.node])
    model.graph.output.extend(gate.graph.output)
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_param
    model.graph.output[-1].type.tensor_type.shape.dim[0].dim_param = batch


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


class _Graph:
    """Nodes and constants, named so that they collide with nobody's."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, kind: str, inputs: Sequence[str], *, output: str | None = None, **attributes: Any) -> str:
        name = output or f"{self.prefix}.{len(self.nodes)}"
        node = helper.make_node(
            kind, list(inputs), [name], f"{self.prefix}.{kind}.{len(self.nodes)}", **attributes
        )
        self.nodes.append(node)
        return name

    def constant(self, name: str, value: np.ndarray | np.generic) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), f"{self.prefix}.{name}"))
        return f"{self.prefix}.{name}"

    def weights(self, name: str, layer: nn.Conv2d | nn.Linear) -> list[str]:
        """Weight and bias; the weight is stored in two bytes and cast before its use."""
        assert layer.bias is not None
        stored = self.constant(f"{name}.half", layer.weight.detach().numpy().astype(np.float16))
        weight = self.node("Cast", [stored], output=f"{self.prefix}.{name}.weight", to=TensorProto.FLOAT)
        return [weight, self.constant(f"{name}.bias", layer.bias.detach().numpy())]

    def model(
        self, given: tuple[str, Sequence[str | int]], found: tuple[str, Sequence[str | int]]
    ) -> onnx.ModelProto:
        given_info, found_info = (
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (given, found)
        )
        graph = helper.make_graph(self.nodes, "gate", [given_info], [found_info], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
        model.ir_version = 10
        onnx.checker.check_model(model)
        return model
