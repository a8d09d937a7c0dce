"""What `chexnet reproduce` of all 112,120 films costs: an estimate from parts that are measured here.

``python benchmarks/full_run.py [--rate R] [--price P] [--epochs E] [--gpus N] [--rounds N]``

Measured on one core: how long a film takes to be packed (under CHEXNET_DATA, 1024 px), and, in turns, a
training step of 16 images of 224 px of each network, as a ratio to CheXNet's. Not measured, since it needs a
GPU: how many images a second one trains CheXNet with (`--rate`). Assumed: the epochs until the plateau rule
ends a training (`--epochs`), that the ratios between networks hold on a GPU, that GPUs share the work without
loss, and that measuring an image costs a third of learning from it.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

import torch
from preprocessing import films_at_hand
from timing import interleaved, report
from training_step import BATCH, ours, quietly

from chexnet.datasets import PackConfig, pack_films
from chexnet.paper import IMAGE_SIZE, PNEUMONIA_SPLIT
from chexnet.report.reproduction import TITLES
from chexnet.reproduction.config import RECIPES

FILMS = 112_120
SHARES = (0.7, 0.1, 0.2)
STEPS = 2


def seconds_to_pack() -> float:
    """Of one film by one process."""
    films = [path for paths in films_at_hand().values() for path in paths]
    one = PackConfig(workers=1)
    with tempfile.TemporaryDirectory() as folder:
        spent = interleaved({"pack": lambda: pack_films(films, Path(tempfile.mkdtemp(dir=folder)), one)}, 3)
    return statistics.median(spent["pack"]) / len(films)


def steps(rounds: int) -> dict[str, list[float]]:
    """Seconds that each network spends on `STEPS` steps, in turns."""
    generator = torch.Generator().manual_seed(0)
    images = [torch.randn(BATCH, 3, IMAGE_SIZE, IMAGE_SIZE, generator=generator) for _ in range(STEPS + 1)]
    labels = [torch.randint(0, 2, (BATCH, 14), generator=generator).float() for _ in range(STEPS + 1)]
    networks = [name for name in RECIPES if name != "pneumonia"]
    spent: dict[str, list[float]] = {name: [] for name in networks}
    for number in range(rounds + 1):
        for name in networks:
            seconds = ours(list(zip(images, labels, strict=True)), RECIPES[name])
            if number:
                spent[name].append(seconds)
    return spent


def images_learned(network: str, epochs: int) -> float:
    """By a training of `epochs`; images that are only looked at count as a third."""
    if network == "pneumonia":
        train, validation, test = (images for _, images in PNEUMONIA_SPLIT.values())
    else:
        train, validation, test = (FILMS * share for share in SHARES)
    return epochs * (train + validation / 3) + (validation + test) / 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rate", type=float, default=400, help="images a second that a GPU trains CheXNet with"
    )
    parser.add_argument("--price", type=float, default=2, help="of an hour of a GPU, in any currency")
    parser.add_argument("--epochs", type=int, default=15, help="of each training")
    parser.add_argument("--gpus", type=int, default=1, help="that share each training")
    parser.add_argument("--rounds", type=int, default=3, help="of the measured steps")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    quietly()
    pack, spent = seconds_to_pack(), steps(asked.rounds)
    report(spent, "chexnet")
    here = statistics.median(spent["chexnet"]) / STEPS / BATCH
    print(f"one core here trains CheXNet with {1 / here:.2f} images a second\n")
    total = 0.0
    for network in RECIPES:
        rows = spent.get(network, spent["chexnet"])
        slower = statistics.median([a / b for a, b in zip(rows, spent["chexnet"], strict=True)])
        hours = images_learned(network, asked.epochs) * slower / asked.rate / 3600
        total += hours
        print(f"{TITLES[network]:<24}{hours:>7.1f} GPU hours, of {asked.epochs} epochs")
    print(
        f"{'all trainings':<24}{total:>7.1f} GPU hours, {total / asked.gpus:.1f} by the clock on {asked.gpus}"
    )
    print(f"{'cost':<24}{total * asked.price:>7.0f}, at {asked.price:g} an hour")
    print(f"{'packing':<24}{FILMS * pack / 60:>7.0f} minutes of one core, {1 / pack:.0f} films a second")


if __name__ == "__main__":
    main()
