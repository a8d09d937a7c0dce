"""Cold start: from the start of the process to the printed probabilities of one film.

``python benchmarks/cold_start.py [ROUNDS]`` runs `chexnet predict` and a plain torch script that does
the same work (PIL, DenseNet-121 from a state_dict, 14 sigmoids) in turns, both with their bytecode compiled
before, as an installation has it.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from timing import interleaved, report

ROOT = Path(__file__).resolve().parents[1]
FILM = ROOT / "chexnet" / "examples" / "synthetic_thorax_opacity.png"

TORCH_SCRIPT = f"""
import sys
import numpy as np
import torch
from PIL import Image
# The file alone: the package beside it would import ONNX, which this script has no use for.
from importlib.util import module_from_spec, spec_from_file_location
spec = spec_from_file_location("densenet", {str(ROOT / "chexnet" / "models" / "densenet.py")!r})
densenet = module_from_spec(spec)
spec.loader.exec_module(densenet)
network = densenet.DenseNet121(14)
network.load_state_dict(torch.load(sys.argv[1]))
network.eval()
image = Image.open(sys.argv[2]).convert("RGB").resize((224, 224), Image.BILINEAR)
pixels = np.asarray(image, dtype=np.float32) / 255
pixels = (pixels - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
with torch.no_grad():
    logits = network(torch.tensor(pixels.transpose(2, 0, 1)[None], dtype=torch.float32)).logits
print(torch.sigmoid(logits)[0].tolist())
"""


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    import torch

    from chexnet.models import DenseNet121

    with tempfile.TemporaryDirectory() as folder:
        weights, script = Path(folder, "weights.pth"), Path(folder, "predict.py")
        torch.save(DenseNet121(14).state_dict(), weights)
        script.write_text(TORCH_SCRIPT)
        commands = {
            "torch script": [sys.executable, str(script), str(weights), str(FILM)],
            "chexnet predict": [
                str(Path(sys.executable).with_name("chexnet")),
                "predict",
                "--json",
                str(FILM),
            ],
        }
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder, "bytecode"))}
        # With it every start would compile this package anew, while torch's bytecode lies in its wheel.
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        seconds = interleaved(
            {
                name: lambda command=command: subprocess.run(
                    command, check=True, capture_output=True, env=environment
                )
                for name, command in commands.items()
            },
            rounds,
        )
    report(seconds, "torch script")


if __name__ == "__main__":
    main()
