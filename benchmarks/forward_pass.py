"""Forward pass of DenseNet-121 with 14 logits and their maps: the embedded model against torch eager.

``python benchmarks/forward_pass.py [ROUNDS]`` runs one film on one thread, in turns.
"""

import sys

import numpy as np
import torch
from timing import interleaved, report

import chexnet
from chexnet.models import DenseNet121


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 25
    torch.set_num_threads(1)
    classifier = chexnet.load(threads=1)
    network = DenseNet121(14).eval()
    image = np.random.default_rng(0).normal(size=(1, 3, 224, 224)).astype(np.float32)
    tensor = torch.from_numpy(image)

    def eager() -> None:
        with torch.inference_mode():
            network(tensor)

    report(
        interleaved({"torch eager": eager, "chexnet classifier": lambda: classifier.run(image)}, rounds),
        "torch eager",
    )


if __name__ == "__main__":
    main()
