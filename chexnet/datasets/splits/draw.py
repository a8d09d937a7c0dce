"""From a data set to splits on disk: `chexnet split`."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from chexnet._options import option
from chexnet.datasets.selection import EVERY_IMAGE, Selection, Step
from chexnet.datasets.source import Source
from chexnet.datasets.splits.by_patient import (
    Split,
    label_strata,
    split_by_lists,
    split_folds,
    split_patients,
)
from chexnet.datasets.splits.files import WrittenSplit, write_split
from chexnet.datasets.splits.pneumonia import split_pneumonia
from chexnet.tables import USUAL_COLUMNS, ColumnNames, Labels


@dataclass(frozen=True)
class SplitConfig:
    """Which split to draw. The default is that of section 5."""

    kind: Literal["pathologies", "pneumonia", "official", "folds"] = option(
        "pathologies",
        "pathologies: 70 / 10 / 20 by patient (section 5). pneumonia: the numbers of patients and images of "
        "section 3.1. official: NIH's test list, validation drawn from the rest. folds: cross-validation.",
    )
    seed: int = option(0, "Another seed, another split.")
    stratify: bool = option(False, "Spread the patients of each finding evenly, the rarest finding first.")
    validation: float = option(0.1, "Of official: the share of the images outside the test list.")
    folds: int = option(5, "Of folds: how many.")

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; expected at least 0")
        if not 0 < self.validation < 1:
            raise ValueError(f"validation is {self.validation}; expected a share, in (0, 1)")
        if self.folds < 3:
            raise ValueError(f"folds is {self.folds}; expected at least 3")
        if self.stratify and self.kind == "pneumonia":
            raise ValueError("the draw of section 3.1 is not stratified; leave out `stratify`")


@dataclass(frozen=True)
class DrawnSplits:
    """What `draw_splits` wrote.

    Attributes:
        images: of the table.
        steps: what was left out of it, and why.
    """

    images: int
    steps: tuple[Step, ...]
    splits: tuple[WrittenSplit, ...]


def draw_splits(
    data: Path,
    file: Path,
    config: SplitConfig = SplitConfig(),
    selection: Selection = EVERY_IMAGE,
    *,
    only_present: bool = False,
    names: ColumnNames = USUAL_COLUMNS,
) -> DrawnSplits:
    """Draw a split of a data set and write it, each fold to a file of its own.

    Args:
        data: a ChestX-ray14 folder, its table, or a table to train from. Image files need not be there.
        file: the CSV to write; folds are numbered, as in ``folds-1.csv``.
        only_present: leave out images whose files are not there.
        names: how the table names its columns, and where its images are.

    Raises:
        ValueError: the data or the configuration cannot be used; nothing is written.
    """
    if file.suffix != ".csv":
        raise ValueError(f"{file}: expected the name of a CSV, such as split.csv")
    source = Source(data, names)
    everything = source.labels()
    selected = selection.apply(everything)
    rows, steps = selected.rows, selected.steps
    if only_present:
        there = source.files()
        kept = rows[[everything.images[row] in there for row in rows]]
        steps = (*steps, Step("files that are there", len(rows) - len(kept), 0))
        rows = kept
    labels = everything.take(rows)
    assert labels.patients is not None
    splits = list(_draw(source, labels, config))
    origin = {
        "data": data.resolve().name,
        **asdict(config),
        "selection": {step.asked: step.images for step in steps},
    }
    numbers = [""] if len(splits) == 1 else [f"-{fold + 1}" for fold in range(len(splits))]
    written = [
        write_split(file.with_stem(file.stem + number), labels.images, labels.patients, split, origin)
        for number, split in zip(numbers, splits, strict=True)
    ]
    return DrawnSplits(len(everything.images), steps, tuple(written))


def _draw(source: Source, labels: Labels, config: SplitConfig) -> Iterator[Split]:
    assert labels.patients is not None
    strata = label_strata(labels.patients, labels.values, labels.findings) if config.stratify else None
    match config.kind:
        case "pathologies":
            yield split_patients(labels.patients, seed=config.seed, strata=strata)
        case "pneumonia":
            yield split_pneumonia(labels.images, labels.patients, seed=config.seed)
        case "folds":
            yield from split_folds(labels.patients, config.folds, seed=config.seed, strata=strata)
        case "official":
            yield split_by_lists(
                labels.images,
                labels.patients,
                _official_test(source, labels),
                validation=config.validation,
                seed=config.seed,
                strata=strata,
            )


def _official_test(source: Source, labels: Labels) -> tuple[str, ...]:
    lists = source.folder.official_lists()
    unlisted = set(labels.images) - set(lists["train_val"]) - set(lists["test"])
    if unlisted:
        raise ValueError(
            f"{len(unlisted):,} images are in neither official list, the first {min(unlisted)}; "
            "these lists divide ChestX-ray14 alone"
        )
    return lists["test"]
