"""What to reproduce: the networks, on which images, at which size."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from chexnet._options import option
from chexnet.evaluation import EvaluateOptions
from chexnet.training import TrainConfig

RECIPES = {
    "chexnet": TrainConfig(name="chexnet"),
    "wang2017": TrainConfig(name="wang2017", network="wang2017"),
    "yao2017": TrainConfig(name="yao2017", network="yao2017"),
    "pneumonia": TrainConfig(name="pneumonia", task="pneumonia"),
}
"""One recipe for each network; those of the 14 pathologies learn from the same split (section 5)."""

QUICK = {"weights": "none", "image_size": 64, "max_epochs": 1}
QUICK_FILMS, QUICK_SAMPLES = 240, 200
"""Of `--quick`: the same stages in minutes, with numbers that mean nothing."""


@dataclass(frozen=True)
class Reproduction:
    """What `chexnet reproduce` does; each field is one of its flags."""

    quick: bool = option(
        False,
        f"Go through every stage in minutes: {QUICK_FILMS} images, random weights, {QUICK['image_size']} px, "
        f"{QUICK['max_epochs']} epoch, {QUICK_SAMPLES} resamples. Its numbers mean nothing.",
    )
    download: bool = option(
        False, "First fetch what ROOT lacks of the data set (45 GB), as chexnet download does."
    )
    mirror: str | None = option(None, "With `download`: a mirror's address; default: NIH.")
    only_present: bool = option(
        False, "Of an incomplete copy, use the images that are there; `quick` does so always."
    )
    films: int | None = option(None, "Use about this many images, whole patients; default: all.")
    network: tuple[str, ...] = option(
        (), f"Train this network alone; repeatable. One of {', '.join(RECIPES)}; default: all."
    )
    pixels: bool = option(
        False, "In the audit, also compare the pixels of all images, to find images that are stored twice."
    )
    packed: bool = option(
        True,
        "Train from images that are packed once (256 grey levels, 5.6 GB for all images at 224 px); "
        "`no_packed` reads the PNGs in every epoch.",
    )
    weights: str | None = option(None, "Initial weights, as in train; default: imagenet, with `quick` none.")
    image_size: int | None = option(None, "Side of the networks' input; default: the paper's 224.")
    max_epochs: int | None = option(None, "At most so many epochs; default: as in train.")
    batch_size: int | None = option(None, "Images a step, over all devices; default: the paper's 16.")
    seed: int = option(0, "Decides the splits, the weights, and every other draw.")
    samples: int | None = option(None, "Bootstrap resamples; default: the paper's 10,000.")
    readings: Path | None = option(
        None,
        "Radiologists' readings, for Table 1. The radiographs that were read become the test part of the "
        "pneumonia task, as in the paper.",
    )
    boxes: Path | None = option(None, "Radiologists' boxes; default: BBox_List_2017.csv of the data set.")
    boxes_finding: str | None = option(None, "Finding of every box, for a table that names none.")
    launch: str | None = option(
        None,
        "What starts the processes of a training, before its command, such as 'srun --nodes 2 …'. Lightning "
        "starts those of one machine by itself.",
    )

    def __post_init__(self) -> None:
        for name in self.network:
            if name not in RECIPES:
                raise ValueError(f"network is {name!r}; expected {', '.join(RECIPES)}")
        if self.films is not None and self.films < 40:
            raise ValueError(f"films is {self.films}; expected at least 40, to have some in every part")
        if self.mirror is not None and not self.download:
            raise ValueError("mirror is given without download; expected both, to fetch the data set from it")
        for name in self.networks:
            self.recipe(name)
        self.evaluation("")

    @property
    def networks(self) -> tuple[str, ...]:
        """Those to train, in the order of the tables."""
        return tuple(name for name in RECIPES if not self.network or name in self.network)

    @property
    def selects_present(self) -> bool:
        """Whether films that are not there are left out."""
        return self.only_present or self.quick

    @property
    def wanted_films(self) -> int | None:
        """About how many films to use; None for all."""
        return QUICK_FILMS if self.films is None and self.quick else self.films

    def recipe(self, network: str) -> TrainConfig:
        """How a network is trained: the paper's recipe, then `--quick`, then what was asked for."""
        asked = {
            name: getattr(self, name)
            for name in ("weights", "image_size", "max_epochs", "batch_size")
            if getattr(self, name) is not None
        }
        changes: dict[str, Any] = {**(QUICK if self.quick else {}), **asked, "seed": self.seed}
        changes["eight_bit"] = self.packed
        return replace(RECIPES[network], **changes)

    def evaluation(self, split: str) -> EvaluateOptions:
        """How it is measured."""
        default = QUICK_SAMPLES if self.quick else EvaluateOptions().samples
        samples = default if self.samples is None else self.samples
        return EvaluateOptions(samples=samples, seed=self.seed, split=split)
