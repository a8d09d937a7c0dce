"""Is a split sound? Patients and images on two sides, and how its parts differ from each other."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from chexnet.arrays import Bool, Float
from chexnet.leakage.duplicates import Twins
from chexnet.leakage.training_images import Contamination, TrainingImages, find_contamination
from chexnet.tables import Labels, SplitLists, hash_image_ids

NOTABLE = 0.1
"""Standardised difference from which a characteristic is said to differ (Austin 2009)."""

_TEST = "test"


@dataclass(frozen=True)
class Characteristic:
    """One property of a part: a share of its images, or the mean of a number.

    Attributes:
        known: images (patients, for images per patient) that the table knows it of.
        deviation: standard deviation; None for a share, where it follows.
    """

    name: str
    value: float
    known: int
    deviation: float | None = None

    @property
    def variance(self) -> float:
        """Of the property among images."""
        return self.value * (1 - self.value) if self.deviation is None else self.deviation**2


@dataclass(frozen=True)
class Part:
    """One part of a split.

    Attributes:
        split, part: names; "chestxray14", "test".
        unknown: images that the table does not know.
        sha256: of the image names.
    """

    split: str
    part: str
    images: int
    patients: int
    unknown: int
    sha256: str
    characteristics: tuple[Characteristic, ...]

    @property
    def name(self) -> str:
        """Split and part."""
        return f"{self.split}: {self.part}"


@dataclass(frozen=True)
class Shift:
    """A characteristic of a part beside the same of the part that is learned from.

    Attributes:
        difference: standardised, (value - reference) / sqrt(mean of both variances).
    """

    part: str
    reference: str
    characteristic: str
    value: float
    reference_value: float
    difference: float

    @property
    def notable(self) -> bool:
        """Whether it exceeds `NOTABLE`."""
        return abs(self.difference) > NOTABLE


@dataclass(frozen=True)
class Overlap:
    """What two parts have in common.

    Attributes:
        leak: whether these parts must not share a patient: two parts of one split, or, of two splits, one
            that is learned from and one that is tested.
        example: an image of a shared patient, or a shared image.
    """

    first: str
    second: str
    images: int
    patients: int
    leak: bool
    example: str


@dataclass(frozen=True)
class Reserved:
    """How many of the images that are kept for testing, or that have boxes, a part holds."""

    part: str
    what: str
    found: Contamination


@dataclass(frozen=True)
class SameHash:
    """A model of which only the hash of its training images is known, beside the parts that have it.

    Attributes:
        leak: whether one of them is a test part.
    """

    model: str
    sha256: str
    parts: tuple[str, ...]
    leak: bool


@dataclass(frozen=True)
class Audit:
    """All findings.

    Attributes:
        overlaps: pairs of parts that share anything.
        compared: pairs of parts that were looked at.
        twins: images with the same picture, with the parts of each, where images were compared.
        films: images that were compared; None where none were.
    """

    parts: tuple[Part, ...]
    overlaps: tuple[Overlap, ...]
    compared: int
    shifts: tuple[Shift, ...]
    reserved: tuple[Reserved, ...]
    hashes: tuple[SameHash, ...]
    twins: tuple[tuple[Twins, tuple[str, ...], tuple[str, ...]], ...] = ()
    films: int | None = None

    @property
    def leaks(self) -> tuple[Overlap | SameHash, ...]:
        """What makes a test worthless."""
        return (*(one for one in self.overlaps if one.leak), *(one for one in self.hashes if one.leak))


def audit_splits(
    labels: Labels,
    splits: Sequence[SplitLists],
    *,
    reserved: Mapping[str, Collection[str]] | None = None,
    hashes: Mapping[str, str] | None = None,
    twins: Sequence[Twins] = (),
    films: int | None = None,
) -> Audit:
    """Compare the parts of one or more splits.

    Args:
        labels: what is known of the images, above all their patients.
        reserved: images that nothing may be learned from, by what they are called, such as the official test
            list or the boxed images.
        hashes: of the training images of models, by the model's name.
        twins: pairs of images with the same picture.
        films: how many images were compared for that.
    """
    known = _Known(labels)
    parts = {(split.name, part): names for split in splits for part, names in split.images.items()}
    # What the table says of a patient counts, whatever a split was once drawn by.
    owners = {image: owner for split in splits for image, owner in split.patients.items()} | known.owners
    profiles = {key: _part(key, names, known, owners) for key, names in parts.items()}
    members = {profiles[key].name: frozenset(names) for key, names in parts.items()}
    pairs = [
        _overlap(profiles[one].name, profiles[other].name, members, owners, _is_leak(one, other))
        for one, other in combinations(parts, 2)
    ]
    return Audit(
        parts=tuple(profiles.values()),
        overlaps=tuple(pair for pair in pairs if pair.images or pair.patients),
        compared=len(pairs),
        shifts=tuple(_shifts(list(profiles.values()))),
        reserved=tuple(
            Reserved(
                profiles[key].name,
                what,
                find_contamination(
                    known.take(images), TrainingImages(profiles[key].name, frozenset(names), None, owners)
                ),
            )
            for key, names in parts.items()
            if key[1] != _TEST
            for what, images in (reserved or {}).items()
        ),
        hashes=tuple(
            _same_hash(model, sha256, [part for part in profiles.values() if part.sha256 == sha256])
            for model, sha256 in (hashes or {}).items()
        ),
        twins=tuple((pair, _homes(pair.first, members), _homes(pair.second, members)) for pair in twins),
        films=films,
    )


class _Known:
    """Labels by image name."""

    def __init__(self, labels: Labels) -> None:
        self.labels = labels
        self.row = {image: row for row, image in enumerate(labels.images)}
        self.owners = dict(zip(labels.images, labels.patients or (), strict=False))

    def take(self, images: Collection[str]) -> Labels:
        return self.labels.take(
            np.array([self.row[image] for image in images if image in self.row], dtype=np.int64)
        )


def _part(key: tuple[str, str], names: Collection[str], known: _Known, owners: Mapping[str, str]) -> Part:
    labels = known.take(names)
    return Part(
        split=key[0],
        part=key[1],
        images=len(names),
        patients=len({owners[name] for name in names if name in owners}),
        unknown=len(names) - len(labels.images),
        sha256=hash_image_ids(names),
        characteristics=tuple(_characteristics(labels, known.labels)),
    )


def _characteristics(labels: Labels, everything: Labels) -> Iterator[Characteristic]:
    """Those of some images; a view or sex that only other images of the table have has a share of 0."""
    with np.errstate(invalid="ignore"):
        known, present = ~np.isnan(labels.values), labels.values >= 0.5
    for column, finding in enumerate(labels.findings):
        yield from _share(finding, present[:, column], known[:, column])
    yield from _share("no finding", ~np.any(present, axis=1), np.all(known, axis=1))
    for name in ("view", "sex"):
        cells = getattr(labels, name) or ()
        for value in sorted(set(getattr(everything, name) or ()) - {""}):
            has = np.array([cell == value for cell in cells], dtype=bool)
            yield from _share(f"{name} {value}", has, np.array([bool(cell) for cell in cells], dtype=bool))
    if labels.age is not None:
        yield from _mean("age in years", labels.age[~np.isnan(labels.age)])
    if labels.patients is not None:
        _, images = np.unique(np.array(labels.patients), return_counts=True)
        yield from _mean("images per patient", images.astype(np.float64))


def _share(
    name: str, has: Bool[np.ndarray, " images"], known: Bool[np.ndarray, " images"]
) -> Iterator[Characteristic]:
    if known.any():
        yield Characteristic(name, float(has[known].mean()), int(known.sum()))


def _mean(name: str, values: Float[np.ndarray, " values"]) -> Iterator[Characteristic]:
    if len(values):
        yield Characteristic(name, float(values.mean()), len(values), float(values.std()))


def _overlap(
    first: str, second: str, members: Mapping[str, frozenset[str]], owners: Mapping[str, str], leak: bool
) -> Overlap:
    one, other = members[first], members[second]
    shared = one & other
    patients = {owners[name] for name in one if name in owners} & {
        owners[name] for name in other if name in owners
    }
    examples = sorted(shared) or sorted(name for name in other if owners.get(name) in patients)
    return Overlap(first, second, len(shared), len(patients), leak, examples[0] if examples else "")


def _is_leak(one: tuple[str, str], other: tuple[str, str]) -> bool:
    same_split = one[0] == other[0]
    return same_split or (one[1] == _TEST) != (other[1] == _TEST)


def _same_hash(model: str, sha256: str, parts: Sequence[Part]) -> SameHash:
    return SameHash(
        model, sha256, tuple(part.name for part in parts), any(part.part == _TEST for part in parts)
    )


def _shifts(parts: Sequence[Part]) -> Iterator[Shift]:
    """Each part beside the first of its split, which is the one that is learned from."""
    first: dict[str, Part] = {}
    for part in parts:
        reference = first.setdefault(part.split, part)
        if part is reference:
            continue
        before = {one.name: one for one in reference.characteristics}
        for one in part.characteristics:
            if one.name not in before:
                continue
            spread = np.sqrt((one.variance + before[one.name].variance) / 2)
            gap = one.value - before[one.name].value
            yield Shift(
                part.name,
                reference.name,
                one.name,
                one.value,
                before[one.name].value,
                float(gap / spread) if spread else 0.0 if not gap else float(np.copysign(np.inf, gap)),
            )


def _homes(image: str, members: Mapping[str, Collection[str]]) -> tuple[str, ...]:
    return tuple(part for part, names in members.items() if image in names)
