"""What every stage of one reproduction knows: the data set, the settings, and where folders are."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from chexnet.datasets import BOXES, OFFICIAL_LISTS, TABLES, ChestXray14, read_split
from chexnet.evaluation import Resampling
from chexnet.report import TITLES
from chexnet.reproduction.config import RECIPES, Reproduction
from chexnet.training import Hardware

PACK = "pack"
SPLIT = "split.csv"


@dataclass(frozen=True)
class Data:
    """The data set of a reproduction.

    Attributes:
        root: a ChestX-ray14 folder.
        boxes: a table of radiologists' boxes.
    """

    root: Path
    boxes: Path
    boxes_finding: str | None
    readings: Path | None

    def __post_init__(self) -> None:
        # The data set's own table of boxes may be missing; one that was asked for may not.
        for what, path in (("boxes", self.boxes), ("readings", self.readings)):
            if path is not None and path != self.root / BOXES and not path.is_file():
                raise ValueError(f"{what} are {path}; expected a file that exists")

    def sources(self) -> dict[str, Path]:
        """The tables that decide what is read."""
        return self.table() | self._there(*OFFICIAL_LISTS.values(), BOXES)

    def table(self) -> dict[str, Path]:
        """The table of the images, which says whose they are and what is on them."""
        return self._there(*TABLES)

    def _there(self, *names: str) -> dict[str, Path]:
        return {name: self.root / name for name in names if (self.root / name).is_file()}


@dataclass(frozen=True)
class Trained:
    """A trained network and its split.

    Attributes:
        network: its name among the recipes.
        folder: of its training.
        split: the file of its split.
        resampling: of every interval.
    """

    network: str
    folder: Path
    split: Path
    resampling: Resampling

    @property
    def title(self) -> str:
        """What tables call it."""
        return TITLES[self.network]

    @property
    def model(self) -> Path:
        """The model file."""
        return self.folder / f"{self.network}.onnx"

    def predictions(self, part: str) -> Path:
        """Its probabilities for the images of validation or test."""
        return self.folder / f"{part}_predictions.csv"

    def test_images(self) -> set[str]:
        """Names of the images of its test part."""
        return set(read_split(self.split).images.get("test", ()))


@dataclass(frozen=True)
class Experiment:
    """One reproduction: `config` on `data` with `hardware`, into folders of `output`."""

    data: Data
    output: Path
    config: Reproduction
    hardware: Hardware

    @property
    def tasks(self) -> list[str]:
        """Those of the networks, each once."""
        return list(dict.fromkeys(RECIPES[network].task for network in self.config.networks))

    def split_file(self, task: str) -> Path:
        """The split that the networks of a task share."""
        return self.output / f"split-{task}" / SPLIT

    def trained(self, network: str) -> Trained:
        """Where a network is once it is trained."""
        config = self.config
        resampling = Resampling(samples=config.evaluation("").samples, seed=config.seed)
        split = self.split_file(RECIPES[network].task)
        return Trained(network, self.output / f"train-{network}", split, resampling)

    @cached_property
    def listing(self) -> str:
        """SHA-256 of the names and sizes of the table's images that are there, in any order."""
        return self.digest(sorted(ChestXray14(self.data.root).labels().images)) if self.data.table() else ""

    def digest(self, images: Iterable[str]) -> str:
        """SHA-256 of the names and sizes of those of `images` that are there, in the order given."""
        files = ChestXray14(self.data.root).image_files()
        lines = [f"{name} {files[name].stat().st_size}\n" for name in images if name in files]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def existing(**files: Path | None) -> dict[str, Path]:
    """Those of the files that are named and exist."""
    return {name: path for name, path in files.items() if path is not None and path.is_file()}
