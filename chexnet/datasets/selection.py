"""Leaving images out of a data set: only where asked for by name, and counted."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chexnet._options import option
from chexnet.arrays import Bool, Int
from chexnet.tables import Labels


@dataclass(frozen=True)
class Step:
    """What one filter left out.

    Attributes:
        asked: the filter, in words.
        images: left out by it, of those that the filters before it had kept.
        unknown: those among them that were left out because the table does not say.
    """

    asked: str
    images: int
    unknown: int

    @property
    def message(self) -> str:
        """One line."""
        unknown = f", {self.unknown:,} of them since the table does not say" if self.unknown else ""
        return f"{self.asked}: {self.images:,} images left out{unknown}"


@dataclass(frozen=True)
class Selected:
    """Rows that a selection keeps, and what each of its filters left out."""

    rows: Int[np.ndarray, " kept"]
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Selection:
    """Which images to keep. As it stands, all."""

    view: str | None = option(None, "Keep this view alone, such as PA.")
    sex: str | None = option(None, "Keep this sex alone, such as F.")
    min_age: int | None = option(None, "Keep patients of at least this age, in years.")
    max_age: int | None = option(None, "Keep patients of at most this age, in years.")
    one_per_patient: bool = option(False, "Keep the first image of each patient alone, by its name.")

    def __post_init__(self) -> None:
        for name in ("min_age", "max_age"):
            age = getattr(self, name)
            if age is not None and not 0 <= age <= 120:
                raise ValueError(f"{name} is {age}; expected years, 0 to 120")
        if self.min_age is not None and self.max_age is not None and self.min_age > self.max_age:
            raise ValueError(f"min_age {self.min_age} is above max_age {self.max_age}")

    def apply(self, labels: Labels) -> Selected:
        """Filter one after another: view, sex, age, one image a patient.

        Raises:
            ValueError: the table lacks a column that a filter needs, or nothing is left.
        """
        kept = np.arange(len(labels.images))
        steps = []
        for asked, known, wanted in self._filters(labels):
            inside = known[kept] & wanted[kept]
            steps.append(Step(asked, int((~inside).sum()), int((~known[kept]).sum())))
            kept = kept[inside]
        if self.one_per_patient:
            first = _first_of_each_patient(labels, kept)
            steps.append(Step("one image a patient", len(kept) - len(first), 0))
            kept = first
        if not len(kept):
            raise ValueError("no image is left: " + "; ".join(step.message for step in steps))
        return Selected(kept, tuple(steps))

    def _filters(
        self, labels: Labels
    ) -> Iterator[tuple[str, Bool[np.ndarray, " images"], Bool[np.ndarray, " images"]]]:
        """Each filter in words, the images of which the table knows what it asks, and those it keeps."""
        for name in ("view", "sex"):
            asked = getattr(self, name)
            if asked is not None:
                column = getattr(labels, name)
                if column is None:
                    raise ValueError(f"cannot keep {name} {asked} alone: the table has no column of it")
                cells = np.array(column)
                if asked not in cells:
                    there = ", ".join(sorted(set(column) - {""}))
                    raise ValueError(f"no image has {name} {asked!r}; the table has {there}")
                yield f"{name} {asked}", cells != "", cells == asked
        for name, words in (("min_age", "at least"), ("max_age", "at most")):
            limit = getattr(self, name)
            if limit is not None:
                if labels.age is None:
                    raise ValueError(f"cannot keep an age of {words} {limit}: the table has no column of it")
                inside = labels.age >= limit if name == "min_age" else labels.age <= limit
                yield f"age of {words} {limit}", ~np.isnan(labels.age), inside


EVERY_IMAGE = Selection()


def _first_of_each_patient(labels: Labels, rows: Int[np.ndarray, " kept"]) -> Int[np.ndarray, " first"]:
    if labels.patients is None:
        raise ValueError("cannot keep one image a patient: the table names no patients")
    in_order = sorted(rows.tolist(), key=lambda row: labels.images[row])
    first: dict[str, int] = {}
    for row in in_order:
        first.setdefault(labels.patients[row], row)
    return np.array(sorted(first.values()), dtype=np.int64)
