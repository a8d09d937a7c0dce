"""``python -m chexnet.examples [folder]`` makes the examples anew, by default in the package."""

import sys
from pathlib import Path

from chexnet.examples.making import write_examples

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for path in write_examples(folder):
        print(path, path.stat().st_size, "bytes")
