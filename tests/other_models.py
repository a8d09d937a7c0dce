"""The embedded model as a model whose maps are something else to its logits, or that has none."""

import json
from pathlib import Path

import onnx

from chexnet.classifier.classifier import DEFAULT_MODEL
from chexnet.classifier.metadata import KEY


def write_model_with_maps(folder: Path, maps: str) -> Path:
    """A file that says of its maps what it is told to; a graph without that output where there are none."""
    model = onnx.load(DEFAULT_MODEL)
    (stored,) = (entry for entry in model.metadata_props if entry.key == KEY)
    stored.value = json.dumps(json.loads(stored.value) | {"maps": maps})
    if maps == "none":
        (output,) = (entry for entry in model.graph.output if entry.name == "maps")
        model.graph.output.remove(output)
    path = folder / f"{maps}.onnx"
    onnx.save(model, path)
    return path
