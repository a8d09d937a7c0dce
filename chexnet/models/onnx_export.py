"""From a trained network to the graph of the one-file model: outputs `logits` and, if it has any, `maps`."""

import copy
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from chexnet._files import write_whole
from chexnet._onnx import open_session
from chexnet.arrays import Float
from chexnet.models.network import Network

TOLERANCE = 1e-4
"""Largest difference in logits between torch and ONNX Runtime that an export may show."""


class ExportMismatch(ValueError):
    """ONNX Runtime and torch disagree on the logits of real images; no file is written."""


def round_to_float16(network: Network) -> Network:
    """A copy for release: norms behind convolutions folded in, convolution weights rounded to float16.

    Computation stays in float32. Folding comes first because a rounded weight that is scaled
    afterwards is no float16 number any more, and the file could not store it in two bytes.
    """
    released = copy.deepcopy(network).cpu().eval()
    for module, convolution, norm in released.folding():
        folded = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
        setattr(module, convolution, folded)
        setattr(module, norm, nn.Identity())
    for weights in (module.weight for module in released.modules() if isinstance(module, nn.Conv2d)):
        weights.data = weights.data.half().float()
    return released


def export_onnx(
    network: Network,
    path: Path,
    *,
    metadata: Mapping[str, str],
    images: Float[np.ndarray, "images 3 size size"],
) -> float:
    """Write `network` as one ONNX file and prove it on `images`.

    Weights that are float16 numbers (see `round_to_float16`) are stored as such and cast when the
    file is loaded, which loses nothing.

    Args:
        network: in any mode, on any device; it is copied.
        path: written whole or not at all.
        metadata: stored as the file's metadata properties.
        images: real, preprocessed images, on which torch and ONNX Runtime must agree.

    Returns:
        The largest difference in logits between torch and ONNX Runtime.

    Raises:
        ExportMismatch: that difference exceeds `TOLERANCE`.
    """
    network = copy.deepcopy(network).cpu().eval()
    model = store_float16(_to_onnx(network, images.shape[-1]))
    helper.set_model_props(model, dict(metadata))
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    difference = _difference(network, content, images)
    if not difference <= TOLERANCE:
        raise ExportMismatch(
            f"{path}: logits of torch and ONNX Runtime differ by {difference:.2e} on {len(images)} images; "
            f"expected at most {TOLERANCE:g}. The file was not written"
        )
    write_whole(path, content)
    return difference


def _to_onnx(network: Network, size: int) -> onnx.ModelProto:
    example = torch.zeros(2, 3, size, size)
    with torch.inference_mode():
        has_maps = network(example).maps is not None
    return trace_onnx(network, example, "image", ["logits", "maps"] if has_maps else ["logits"])


def trace_onnx(
    module: nn.Module, example: Float[Tensor, "batch ..."], given: str, outputs: Sequence[str]
) -> onnx.ModelProto:
    """The graph of a module with one input, for any number of images.

    Args:
        module: in evaluation mode.
        example: an input; its first axis becomes the dimension `batch`.
        given: name of the input.
        outputs: names of the outputs.
    """
    exporter_log = logging.getLogger("torch.onnx")
    level = exporter_log.level
    exporter_log.setLevel(logging.ERROR)  # its notes on operators of other packages say nothing to our users
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                module,
                (example,),
                dynamo=True,
                input_names=[given],
                output_names=list(outputs),
                dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
                verbose=False,
            )
    finally:
        exporter_log.setLevel(level)
    assert program is not None
    model = program.model_proto
    _forget_the_exporters_notes(model)
    return model


def _forget_the_exporters_notes(model: onnx.ModelProto) -> None:
    """The exporter writes stack traces with the paths of the training machine into the graph."""
    for item in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.value_info):
        item.doc_string = ""
        del item.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    del model.functions[:]


def store_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store each float32 tensor that is exact in float16 in two bytes, with a Cast before its use."""
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if values.ndim < 2 or not np.array_equal(halves.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(halves, f"{name}.float16"))
        casts.append(
            helper.make_node("Cast", [tensor.name], [name], name=f"cast_{name}", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return model


def _difference(network: Network, content: bytes, images: Float[np.ndarray, "n 3 s s"]) -> float:
    session = open_session(content, threads=1)  # a few images, beside a torch that has threads of its own
    differences = []
    for image in images:
        (logits,) = session.run(["logits"], {"image": image[None]})
        with torch.inference_mode():
            expected = network(torch.from_numpy(image[None])).logits.numpy()
        differences.append(float(np.abs(logits - expected).max()))
    # max() would let a NaN pass.
    return float(np.max(differences)) if differences else float("nan")
