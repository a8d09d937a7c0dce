"""The split of the pneumonia task (section 3.1): its numbers of patients and of images, exactly.

28,744 + 1,672 + 389 patients are all 30,805, but 98,637 + 6,351 + 420 images are 6,712 fewer than 112,120.
The paper does not say which are left out. Here it is the other images of the 389 test patients: they are
the only images that have to go, since their patients may be nowhere else, and 420 images drawn at random
belong to patients with 6,956 images on average, which is near the 7,132 that this reading asks for.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from chexnet.arrays import Int
from chexnet.datasets.manifest import SPLITS
from chexnet.datasets.splits.by_patient import Split
from chexnet.paper import PNEUMONIA_SPLIT

_DRAWS = 100
_EXCHANGES = 10_000


def split_pneumonia(
    images: Sequence[str],
    patients: Sequence[str],
    sizes: Mapping[str, tuple[int, int]] = PNEUMONIA_SPLIT,
    *,
    seed: int = 0,
) -> Split:
    """Draw parts of exactly these numbers of patients and of images.

    Test images are drawn at random until they are of the wanted number of patients, whose other images
    are in no part; validation patients are drawn from the rest. Where a part's images are too many or too
    few, random patients are exchanged until they are right.

    Args:
        images: their names; the draw depends on them and the seed, not on the order of the rows.
        patients: the patient of each image.
        sizes: patients and images of each part. All patients are used, and all images but test patients'.

    Raises:
        ValueError: the sizes do not fit these patients, or no draw that fits was found.
    """
    names, owner, count = np.unique(np.asarray(patients), return_inverse=True, return_counts=True)
    wanted = {name: sizes[name] for name in SPLITS}
    of_tested = len(images) - wanted["train"][1] - wanted["validation"][1]
    if (
        sum(people for people, _ in wanted.values()) != len(names)
        or not wanted["test"][0] <= wanted["test"][1] <= of_tested
    ):
        people, films = (" / ".join(f"{size[kind]:,}" for size in wanted.values()) for kind in (0, 1))
        raise ValueError(
            f"the draw makes parts of {people} patients with {films} images; here are {len(images):,} images "
            f"of {len(names):,} patients. Draw shares of them instead"
        )
    generator = np.random.default_rng(seed)
    by_name = np.argsort(np.asarray(images), kind="stable")
    for _ in range(_DRAWS):
        order = by_name[generator.permutation(len(images))]
        drawn = owner[order[_first_of_each(owner[order])]]
        tested, others = drawn[: wanted["test"][0]], drawn[wanted["test"][0] :]
        if not _exchange(tested, others, count, of_tested, generator):
            continue
        generator.shuffle(others)
        validated, trained = others[: wanted["validation"][0]], others[wanted["validation"][0] :]
        if not _exchange(validated, trained, count, wanted["validation"][1], generator):
            continue
        shown = order[np.isin(owner[order], tested)]
        return Split(
            np.flatnonzero(np.isin(owner, trained)),
            np.flatnonzero(np.isin(owner, validated)),
            np.sort(_with_everyone(shown, owner, wanted["test"][1])),
        )
    raise ValueError(f"no draw with exactly {dict(sizes)} patients and images was found in {_DRAWS} attempts")


def _first_of_each(owner: Int[np.ndarray, " images"]) -> Int[np.ndarray, " patients"]:
    """Where each patient comes first, in that order."""
    _, first = np.unique(owner, return_index=True)
    return np.sort(first)


def _with_everyone(
    rows: Int[np.ndarray, " shown"], owner: Int[np.ndarray, " images"], wanted: int
) -> Int[np.ndarray, " wanted"]:
    """The first image of each patient, and of the other images as many as are wanted, in the drawn order."""
    first = _first_of_each(owner[rows])
    return np.concatenate([rows[first], np.delete(rows, first)])[:wanted]


def _exchange(
    inside: Int[np.ndarray, " inside"],
    outside: Int[np.ndarray, " outside"],
    count: Int[np.ndarray, " patients"],
    wanted: int,
    generator: np.random.Generator,
) -> bool:
    """Exchange patients, in place, until those inside have the wanted number of images."""
    missing = wanted - int(count[inside].sum())
    if not missing or not len(inside) or not len(outside):
        return not missing
    tries = min(_EXCHANGES, 20 * len(inside) * len(outside))
    pairs = generator.integers((len(inside), len(outside)), size=(tries, 2))
    for one, other in pairs.tolist():
        gained = int(count[outside[other]] - count[inside[one]])
        if abs(missing - gained) < abs(missing):
            inside[one], outside[other] = outside[other], inside[one]
            missing -= gained
            if not missing:
                return True
    return False
