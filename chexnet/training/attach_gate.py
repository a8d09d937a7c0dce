"""The gate becomes a part of a model file."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx

from chexnet._files import write_whole
from chexnet._onnx import open_session
from chexnet.arrays import Float32
from chexnet.classifier import KEY, GateMetadata, ModelMetadata, reference_input
from chexnet.models import GateFile, add_gate_graph, gate_input, remove_gate_graph, shipped_gate

TOLERANCE = 1e-3
"""Largest difference of the gate's outputs inside of the model file from those of its own file."""


def add_gate(path: Path, output: Path | None = None) -> Path:
    """Write the model file again with this version's gate, in place of any that it has.

    Its logits and maps stay what they are, and so does everything else that it says.

    Args:
        path: a model file.
        output: where to write; None is the same file.

    Raises:
        ValueError: the gate does not compute in the model what it computes alone; nothing is written.
    """
    gate, model = shipped_gate(), onnx.load(path)
    stored = {entry.key: entry.value for entry in model.metadata_props}
    metadata = ModelMetadata.from_json(stored[KEY])
    remove_gate_graph(model)
    add_gate_graph(model, gate.model, metadata.preprocessing)
    image = reference_input(metadata.preprocessing.size)
    inside = _run(model, {"image": image})
    alone = _run(gate.model, {"grey": gate_input(image, metadata.preprocessing)})
    if not np.abs(inside - alone).max() <= TOLERANCE:
        raise ValueError(f"{path}: its gate gives {inside.round(3)}, the gate alone {alone.round(3)}")
    card = replace(metadata, gate=gate_metadata(gate, alone[0]))
    onnx.helper.set_model_props(model, {**stored, KEY: card.to_json()})
    onnx.checker.check_model(model)
    output = output or path
    write_whole(output, model.SerializeToString())
    return output


def gate_metadata(gate: GateFile, reference: Float32[np.ndarray, " classes"]) -> GateMetadata:
    """What the gate's own file says of it, with what it gives on the reference input."""
    logits = [float(logit) for logit in reference]
    return GateMetadata.from_dict(
        {**json.loads(gate.metadata), "sha256": gate.sha256, "reference_logits": logits}
    )


def _run(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> np.ndarray:
    (logits,) = open_session(model.SerializeToString(), threads=1).run(["gate"], inputs)
    return np.asarray(logits)
