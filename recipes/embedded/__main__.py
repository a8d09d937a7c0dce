"""All stages of the embedded model, from the open images to its file.

``pip install '.[train,recipes]' && python -m recipes.embedded``. About two hours and a quarter on one
core of a processor with AMX. Each stage is one run of `chexnet train`: run the same command again to resume
after an interruption. A finished stage takes a minute, to write its model file again. The last line names
the model file; ``python -m recipes.card.measure`` measures it once it is in the package.
"""

import subprocess
import sys
from pathlib import Path

STAGES = tuple(path.stem for path in sorted(Path(__file__).parent.glob("_[0-9]_*.py")))
"""The modules of this folder in the order of their numbers."""

if __name__ == "__main__":
    for stage in STAGES:
        print(f"recipes.embedded.{stage}", flush=True)
        subprocess.run([sys.executable, "-m", f"recipes.embedded.{stage}"], check=True)
