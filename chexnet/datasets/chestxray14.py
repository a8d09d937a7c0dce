"""ChestX-ray14 (Wang et al. 2017) as NIH ships it: 112,120 images of 30,805 patients."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chexnet.datasets.manifest import Manifest
from chexnet.datasets.selection import EVERY_IMAGE, Selection
from chexnet.paper import PATHOLOGIES
from chexnet.tables import (
    USUAL_COLUMNS,
    BadTable,
    Boxes,
    ColumnNames,
    Labels,
    is_nih,
    labels_of,
    read_boxes,
    read_image_list,
    read_table,
)

TABLES = ("Data_Entry_2017_v2020.csv", "Data_Entry_2017.csv")
BOXES = "BBox_List_2017.csv"
OFFICIAL_LISTS = {"train_val": "train_val_list.txt", "test": "test_list.txt"}

_FIRST_IN_ARCHIVE = (
    "00000001_000.png",
    "00001336_000.png",
    "00003923_014.png",
    "00006585_007.png",
    "00009232_004.png",
    "00011558_008.png",
    "00013774_026.png",
    "00016051_010.png",
    "00018387_035.png",
    "00020945_050.png",
    "00024718_000.png",
    "00028173_003.png",
)
"""The first image of each of images_001 … images_012: they hold 4,999, ten times 10,000 and 7,121 images."""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"
"""First and last bytes of every PNG; a download that broke off lacks the last."""


@dataclass(frozen=True)
class Inventory:
    """What of ChestX-ray14 is in a folder.

    Attributes:
        expected: images that the table names.
        missing: those whose files are not there.
        damaged: those whose files are there but are not a whole PNG, with the reason.
        repeated: those whose files lie in more than one place.
        strangers: PNG files that the table does not name.
        absent: tables and lists that are not there.
        contradictions: how tables and lists disagree.
    """

    table: str
    expected: int
    missing: tuple[str, ...]
    damaged: Mapping[str, str]
    repeated: tuple[str, ...]
    strangers: tuple[str, ...]
    absent: tuple[str, ...]
    contradictions: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether every image and every table is there, and whole."""
        return not (self.missing or self.damaged or self.absent or self.contradictions)

    @property
    def message(self) -> str:
        """Everything, one line each."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        there = self.expected - len(self.missing)
        yield f"{there:,} of the {self.expected:,} images of {self.table} are there"
        if self.missing:
            yield f"missing: {len(self.missing):,}, {count_by_archive(self.missing)}"
        for name, reason in self.damaged.items():
            yield f"damaged: {name}: {reason}"
        for what, names in (("in two places", self.repeated), ("not in the table", self.strangers)):
            if names:
                yield f"{what}: {len(names):,}, the first {names[0]}"
        for name in self.absent:
            yield f"missing: {name}"
        yield from self.contradictions


@dataclass(frozen=True)
class ChestXray14:
    """A folder that holds the table and the images, in twelve archives' folders or in one.

    Attributes:
        root: holds `Data_Entry_2017_v2020.csv` (or the older `Data_Entry_2017.csv`) and the images, in
            `images_001/images` … `images_012/images`, in `images`, or beside the table; for boxes and the
            official split also `BBox_List_2017.csv`, `train_val_list.txt` and `test_list.txt`.
        own_table: a part of the table to use instead, such as ``sample_labels.csv`` of the NIH sample.
        names: how it names its columns.
    """

    root: Path
    own_table: Path | None = None
    names: ColumnNames = USUAL_COLUMNS

    @property
    def table(self) -> Path:
        """The table of labels; the 2020 version where both are there."""
        if self.own_table is not None:
            return self.own_table
        for name in TABLES:
            if (self.root / name).is_file():
                return self.root / name
        raise ValueError(f"{self.root}: no {TABLES[0]}; expected a ChestX-ray14 folder as NIH ships it")

    def image_files(self) -> dict[str, Path]:
        """Each image that is there, by its name."""
        return {file.name: file for file in self._files()}

    def labels(self) -> Labels:
        """The 14 labels, patient, sex, age and view of every image of the table.

        Raises:
            BadTable: the table is none of NIH's, or says what it cannot mean.
        """
        table = read_table(self.table, short_rows=self.own_table is not None)
        if not is_nih(table):
            raise BadTable(f"{table.path}: no column 'Finding Labels'; is this the table as NIH ships it?")
        labels = labels_of(table, PATHOLOGIES, self.names)
        if labels.patients is None:
            raise BadTable(
                f"{table.path}: no column 'Patient ID'; is this the table as NIH ships it? Without patients "
                "nothing can be split by patient"
            )
        return labels

    def boxes(self) -> list[Boxes]:
        """The 984 boxes that radiologists drew on 880 images, by image and finding."""
        return read_boxes(self.root / BOXES)

    def official_lists(self) -> dict[str, tuple[str, ...]]:
        """The images of NIH's own split, `train_val` and `test`.

        Raises:
            ValueError: a list is missing, or an image stands in both.
        """
        lists = {part: read_image_list(self.root / name) for part, name in OFFICIAL_LISTS.items()}
        both = sorted(set(lists["train_val"]) & set(lists["test"]))
        if both:
            raise ValueError(
                f"{self.root}: {len(both):,} images are in both official lists, the first {both[0]}"
            )
        return lists

    def manifest(
        self,
        selection: Selection = EVERY_IMAGE,
        *,
        only_present: bool = False,
        present: Iterable[str] | None = None,
    ) -> Manifest:
        """The images of the table with their 14 labels; all of them unless a selection is asked for.

        Args:
            selection: what to keep; `selection.apply(labels)` counts what it leaves out.
            only_present: leave out the images whose files are not there. Off by default, so that an
                incomplete copy is an error and not a smaller data set.
            present: names of the images that are there, as of a pack; None looks for their files.

        Raises:
            ValueError: files are missing, or the table says what it cannot mean.
        """
        labels = self.labels()
        labels = labels.take(selection.apply(labels).rows)
        files = self.image_files() if present is None else {name: self.root / name for name in present}
        missing = [name for name in labels.images if name not in files]
        if missing and not only_present:
            raise ValueError(
                f"{self.root}: {len(missing):,} of {len(labels.images):,} images are missing, the first "
                f"{missing[0]} ({count_by_archive(missing)}); "
                "complete the download, or ask for the images that are there with `only_present`"
            )
        if len(missing) == len(labels.images):
            raise ValueError(f"{self.root}: holds none of the images of {self.table.name}")
        labels = labels.take(np.flatnonzero([name in files for name in labels.images]))
        assert labels.patients is not None
        return Manifest(
            name="ChestX-ray14",
            images=tuple(files[name] for name in labels.images),
            patients=tuple(labels.patients),
            findings=PATHOLOGIES,
            labels=labels.values.astype(np.float32),
            names=tuple(labels.images),
        )

    def inventory(self) -> Inventory:
        """Compare the folder with its table. Looks at the two ends of every file, not at its pixels.

        Raises:
            ValueError: the table is missing or damaged.
        """
        named = self.labels().images
        files = list(self._files())
        found = Counter(file.name for file in files)
        known = set(named)
        return Inventory(
            table=self.table.name,
            expected=len(named),
            missing=tuple(sorted(known - found.keys())),
            damaged={file.name: reason for file in files if file.name in known and (reason := _damage(file))},
            repeated=tuple(sorted(name for name, count in found.items() if count > 1)),
            strangers=tuple(sorted(found.keys() - known)),
            absent=tuple(
                name for name in (*OFFICIAL_LISTS.values(), BOXES) if not (self.root / name).is_file()
            ),
            contradictions=tuple(self._contradictions(known)),
        )

    def _files(self) -> Iterator[Path]:
        folders = [*sorted(self.root.glob("images_*/images")), self.root / "images", self.root]
        for folder in folders:
            if folder.is_dir():
                yield from sorted(folder.glob("*.png"))

    def _contradictions(self, known: set[str]) -> Iterator[str]:
        if all((self.root / name).is_file() for name in OFFICIAL_LISTS.values()):
            try:
                lists = self.official_lists()
            except ValueError as error:
                yield str(error)
                return
            listed = set(lists["train_val"]) | set(lists["test"])
            for what, names in (
                ("images of the official lists are not in the table", listed - known),
                ("images of the table are in neither official list", known - listed),
            ):
                if names:
                    yield f"{len(names):,} {what}, the first {min(names)}"
        if (self.root / BOXES).is_file():
            strangers = {one.image for one in self.boxes()} - known
            if strangers:
                yield f"{len(strangers):,} images of {BOXES} are not in the table, the first {min(strangers)}"


def count_by_archive(images: Iterator[str] | tuple[str, ...] | list[str]) -> str:
    """How many of these images each of NIH's archives holds, for a message: ``images_002: 31``."""
    counts = Counter(max(1, bisect_right(_FIRST_IN_ARCHIVE, name)) for name in images)
    return ", ".join(f"images_{archive:03}: {count:,}" for archive, count in sorted(counts.items()))


def _damage(file: Path) -> str | None:
    """Why a file is not a whole PNG, as far as its two ends tell."""
    with file.open("rb") as stream:
        if not (head := stream.read(len(_SIGNATURE))):
            return "empty"
        if head != _SIGNATURE:
            return "no PNG"
        size = file.stat().st_size
        stream.seek(max(0, size - len(_END)))
        return None if stream.read() == _END else f"breaks off after {size:,} bytes"
