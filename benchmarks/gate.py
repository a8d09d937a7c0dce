"""What the gate costs: one film through a model file with it and without it, and the gate alone.

``python benchmarks/gate.py [ROUNDS]`` runs one film on one thread, in turns.
"""

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from timing import interleaved, report

import chexnet
from chexnet._onnx import open_session
from chexnet.classifier.classifier import DEFAULT_MODEL
from chexnet.classifier.metadata import KEY, ModelMetadata
from chexnet.models.gate_network import gate_input, remove_gate_graph, shipped_gate
from chexnet.radiograph import read_radiograph
from chexnet.training.attach_gate import add_gate

FILM = Path(chexnet.__file__).parent / "examples" / "synthetic_thorax.png"


def without_gate(path: Path) -> Path:
    model = onnx.load(DEFAULT_MODEL)
    remove_gate_graph(model)
    (stored,) = (entry for entry in model.metadata_props if entry.key == KEY)
    stored.value = replace(ModelMetadata.from_json(stored.value), gate=None).to_json()
    onnx.save(model, path)
    return path


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    with tempfile.TemporaryDirectory() as folder:
        bare_file = without_gate(Path(folder, "bare.onnx"))
        bare = chexnet.load(bare_file, threads=1)
        gated = chexnet.load(add_gate(bare_file, Path(folder, "gated.onnx")), threads=1)
    radiograph = read_radiograph(FILM)
    image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    alone = open_session(shipped_gate().model.SerializeToString(), threads=1)
    grey = gate_input(image, gated.metadata.preprocessing)
    variants = {
        "without the gate": lambda: bare.predict_inputs(image, [radiograph], gate=False),
        "with the gate": lambda: gated.predict_inputs(image, [radiograph]),
        "the gate's network alone": lambda: alone.run(["gate"], {"grey": grey}),
    }
    report(interleaved(variants, rounds), "without the gate")


if __name__ == "__main__":
    main()
