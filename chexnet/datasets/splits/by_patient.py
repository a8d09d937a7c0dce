"""Splits by patient: no patient is on two sides (sections 3.1 and 5)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from chexnet.arrays import Float, Int, Shaped
from chexnet.datasets.manifest import SPLITS, Manifest
from chexnet.leakage import Side, refuse_shared_patients
from chexnet.paper import PATHOLOGY_SPLIT


@dataclass(frozen=True)
class Split:
    """Rows of a manifest for training, validation and test; no patient is in two of them."""

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"]
    test: Int[np.ndarray, " test"]

    def parts(self) -> dict[str, Int[np.ndarray, " rows"]]:
        """The rows by the name of the part."""
        return {name: getattr(self, name) for name in SPLITS}


def split_patients(
    patients: Sequence[str],
    shares: Mapping[str, float] = PATHOLOGY_SPLIT,
    *,
    seed: int = 0,
    strata: Sequence[str] | None = None,
) -> Split:
    """Draw patients at random until each part holds its share of the images.

    The draw depends on the set of patients and the seed alone, not on the order of the rows.

    Args:
        patients: the patient of each image.
        shares: of the images in train, validation and test; they sum to one.
        seed: another seed, another split.
        strata: of each image, the same for all of a patient (see `label_strata`). Each stratum is then spread
            over the parts by their shares, as nearly as whole patients allow.

    Raises:
        ValueError: shares that are none, or a part that no patient is left for.
    """
    if set(shares) != set(SPLITS) or min(shares.values()) < 0 or not np.isclose(sum(shares.values()), 1):
        raise ValueError(
            f"shares are {dict(shares)}; expected {', '.join(SPLITS)}, not negative, summing to 1"
        )
    drawn = _draw(patients, seed, strata)
    bounds = np.cumsum([shares[name] for name in SPLITS])[:-1]
    part = np.searchsorted(bounds, drawn.reached, side="right")
    rows = [np.flatnonzero(part[drawn.owner] == index) for index in range(len(SPLITS))]
    for name, found in zip(SPLITS, rows, strict=True):
        if shares[name] > 0 and not len(found):
            raise ValueError(f"{len(drawn.reached)} patients are too few: none is left for {name}")
    return Split(*rows)


def split_folds(
    patients: Sequence[str], folds: int, *, seed: int = 0, strata: Sequence[str] | None = None
) -> list[Split]:
    """Cross-validation: fold i is tested in split i, validates split i − 1, and is trained on in all others.

    Every image is tested once. Arguments as for `split_patients`.

    Raises:
        ValueError: fewer than three folds, which leaves nothing to train on, or a fold without patients.
    """
    if folds < 3:
        raise ValueError(
            f"folds are {folds}; expected at least 3: one to test, one to validate, one to train on"
        )
    drawn = _draw(patients, seed, strata)
    fold = np.minimum((drawn.reached * folds).astype(np.int64), folds - 1)[drawn.owner]
    if len(np.unique(fold)) < folds:
        raise ValueError(f"{len(drawn.reached)} patients are too few for {folds} folds")
    return [
        Split(
            train=np.flatnonzero((fold != test) & (fold != (test + 1) % folds)),
            validation=np.flatnonzero(fold == (test + 1) % folds),
            test=np.flatnonzero(fold == test),
        )
        for test in range(folds)
    ]


def split_by_lists(
    images: Sequence[str],
    patients: Sequence[str],
    test: Collection[str],
    *,
    validation: float = 0.1,
    seed: int = 0,
    strata: Sequence[str] | None = None,
) -> Split:
    """A given test list, such as NIH's, and a validation part drawn by patient from all other images.

    Args:
        test: names of the test images; those that are not among `images` do not matter.
        validation: its share of the images that are not tested.

    Raises:
        ValueError: a test patient has images that are not tested, or the share leaves a part empty.
    """
    tested = np.isin(np.asarray(images), np.asarray(sorted(test)))
    owners, others = np.asarray(patients), np.flatnonzero(~tested)
    refuse_shared_patients(
        _side("the test list", np.flatnonzero(tested), images, patients),
        _side("the other images", others, images, patients),
        "expected all images of a patient on one side",
    )
    inner = split_patients(
        owners[others].tolist(),
        {"train": 1 - validation, "validation": validation, "test": 0.0},
        seed=seed,
        strata=None if strata is None else [strata[row] for row in others.tolist()],
    )
    return Split(others[inner.train], others[inner.validation], np.flatnonzero(tested))


def label_strata(
    patients: Sequence[str], labels: Float[np.ndarray, "images findings"], findings: Sequence[str]
) -> list[str]:
    """For each image the rarest finding that any image of its patient has, or "none".

    Rarest first, so that a stratum of Hernia is spread evenly even where every such patient has an
    Effusion too. A soft label counts from one half on.
    """
    _, owner = np.unique(np.asarray(patients), return_inverse=True)
    has = np.zeros((int(owner.max(initial=-1)) + 1, len(findings)), dtype=bool)
    with np.errstate(invalid="ignore"):
        np.logical_or.at(has, owner, labels >= 0.5)
    rarest_first = np.argsort(has.sum(axis=0), kind="stable")
    ordered = has[:, rarest_first]
    names = np.array([*(findings[index] for index in rarest_first), "none"])
    stratum = np.where(ordered.any(axis=1), ordered.argmax(axis=1), len(findings))
    return names[stratum[owner]].tolist()


def split_of(manifest: Manifest, *, seed: int = 0) -> Split:
    """The manifest's own split, checked; where it has none, 70 / 10 / 20 by patient (section 5).

    Raises:
        ValueError: a patient is in two parts, or a part is empty.
    """
    if manifest.splits is None:
        return split_patients(manifest.patients, seed=seed)
    given = np.asarray(manifest.splits)
    split = Split(*(np.flatnonzero(given == name) for name in SPLITS))
    sides = [_side(name, rows, manifest.image_ids, manifest.patients) for name, rows in split.parts().items()]
    for first, second in combinations(sides, 2):
        refuse_shared_patients(
            first,
            second,
            "put all images of a patient into one part, or leave out the column split to have it drawn",
        )
    for name in ("train", "validation"):
        if not len(getattr(split, name)):
            raise ValueError(f"{manifest.name}: the column split puts no image into {name}")
    return split


def _side(name: str, rows: Int[np.ndarray, " rows"], images: Sequence[str], patients: Sequence[str]) -> Side:
    return Side(name, [images[row] for row in rows], [patients[row] for row in rows])


@dataclass(frozen=True)
class _Drawn:
    """Patients in a random order.

    Attributes:
        owner: the number of each image's patient.
        reached: for each patient, the share of all images that the order has reached at the middle of theirs.
            A patient goes where that falls, so that no part drifts from its share.
    """

    owner: Int[np.ndarray, " images"]
    reached: Float[np.ndarray, " patients"]


def _draw(patients: Sequence[str], seed: int, strata: Sequence[str] | None) -> _Drawn:
    names, first, owner, images = np.unique(
        np.asarray(patients), return_index=True, return_inverse=True, return_counts=True
    )
    generator = np.random.default_rng(seed)
    if strata is None:
        order = generator.permutation(len(names))
    else:
        order = _spread(np.asarray(strata)[first], generator)
    reached = np.empty(len(names))
    reached[order] = (np.cumsum(images[order]) - images[order] / 2) / max(1, len(patients))
    return _Drawn(owner, reached)


def _spread(
    strata: Shaped[np.ndarray, " patients"], generator: np.random.Generator
) -> Int[np.ndarray, " patients"]:
    """A random order in which the members of every stratum stand evenly apart, from a random start."""
    place = np.empty(len(strata))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        place[members] = (generator.permutation(len(members)) + generator.random()) / len(members)
    return np.argsort(place, kind="stable")
