"""Packing films, and reading them back for training, against a plain Dataset that reads PNGs with Pillow.

``python benchmarks/packing.py [ROUNDS]`` takes the 1024 px films of ChestX-ray14 under CHEXNET_DATA. One
process reads, in each variant, so that the ratios do not depend on the number of cores. First from film to
packed array, against from film to tensor; then batches of 16 as training sees them, flipped: from a pack,
from the films, and from the plain Dataset; last from a pack by two processes, with their talk. Reports films
per second as well: so many images a second can a GPU be fed.
"""

import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from preprocessing import films_at_hand, usual
from timing import interleaved, report
from torch.utils.data import DataLoader, Dataset

from chexnet.datasets import Manifest, PackConfig, pack_films
from chexnet.training import TrainConfig
from chexnet.training.dataset import loader

CONFIG = TrainConfig(eight_bit=True)


class PlainFilms(Dataset):
    """What most repositories write."""

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, row):
        image = torch.from_numpy(usual(self.paths[row]))
        return (image.flip(-1) if torch.rand(()) < 0.5 else image), torch.zeros(14)


def read_through(batches):
    return sum(len(images) for images, _ in batches)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    films = [path for paths in films_at_hand().values() for path in paths]
    films = films[: len(films) // 16 * 16]
    count = len(films)
    manifest = Manifest(
        "films",
        tuple(films),
        tuple(map(str, range(count))),
        CONFIG.findings,
        np.zeros((count, 14), np.float32),
    )
    plain = PlainFilms(films)
    with tempfile.TemporaryDirectory() as folder:
        numbers = iter(range(10**6))
        one = PackConfig(workers=1)
        print(f"{count} films of 1024 px to 224 px, {rounds} rounds")
        seconds = interleaved(
            {
                "plain Dataset": lambda: [plain[row] for row in range(count)],
                "chexnet pack": lambda: pack_films(films, Path(folder, str(next(numbers))), one),
            },
            rounds,
        )
        report(seconds, "plain Dataset")
        per_second(seconds, count)
        pack = pack_films(films, Path(folder, "pack"), one).pack
        variants = {
            "plain DataLoader": DataLoader(plain, 16, shuffle=True, drop_last=True),
            "from films": loader(manifest, CONFIG, train=True, workers=0),
            "from a pack": loader(manifest.read_from(pack), CONFIG, train=True, workers=0),
        }
        print("batches of 16")
        seconds = interleaved(
            {name: lambda batches=batches: read_through(batches) for name, batches in variants.items()},
            rounds,
        )
        report(seconds, "plain DataLoader")
        per_second(seconds, count)
        # Enough batches that the processes do not wait for an end.
        many = manifest.read_from(pack).select(np.tile(np.arange(count), 40))
        variants = {
            f"{workers or 1} processes": loader(many, CONFIG, train=True, workers=workers)
            for workers in (0, 2)
        }
        print(f"{len(many)} films from a pack")
        seconds = interleaved(
            {name: lambda batches=batches: read_through(batches) for name, batches in variants.items()},
            rounds,
        )
        report(seconds, "1 processes")
        per_second(seconds, len(many))


def per_second(seconds, count):
    for name, times in seconds.items():
        print(f"{name:<32}{count / np.median(times):>9.0f} films per second")


if __name__ == "__main__":
    main()
