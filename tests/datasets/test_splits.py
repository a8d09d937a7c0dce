import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chexnet.datasets import SPLITS, Manifest, split_of, split_patients
from chexnet.tables import hash_image_ids

SHARES = {"train": 0.7, "validation": 0.1, "test": 0.2}

# From 40 patients on, none of the parts can stay empty for want of patients, unless one has most images.
patients = st.lists(st.integers(1, 6), min_size=40, max_size=80).flatmap(
    lambda images: st.permutations([f"p{index}" for index, count in enumerate(images) for _ in range(count)])
)
seeds = st.integers(0, 2**32)


def parts(split):
    return {name: getattr(split, name) for name in SPLITS}


@given(patients, seeds)
def test_no_patient_is_in_two_parts_and_every_image_is_in_one(patients, seed):
    split = parts(split_patients(patients, seed=seed))
    assert sorted(np.concatenate(list(split.values())).tolist()) == list(range(len(patients)))
    homes = [{patients[row] for row in rows} for rows in split.values()]
    assert sum(len(home) for home in homes) == len(set(patients))


@given(patients, seeds)
def test_each_part_misses_its_share_by_less_than_a_patient(patients, seed):
    split = parts(split_patients(patients, seed=seed))
    largest = max(patients.count(patient) for patient in set(patients))
    for name, share in SHARES.items():
        # Each of a part's two ends lies within half a patient of its place.
        assert abs(len(split[name]) - share * len(patients)) <= largest


@given(patients, seeds, st.randoms(use_true_random=False))
def test_the_split_follows_from_patients_and_seed_not_from_the_order_of_rows(patients, seed, random):
    shuffled = list(patients)
    random.shuffle(shuffled)
    one, other = (
        {name: sorted(names[row] for row in rows) for name, rows in parts(split).items()}
        for names, split in (
            (patients, split_patients(patients, seed=seed)),
            (shuffled, split_patients(shuffled, seed=seed)),
        )
    )
    assert one == other


def test_another_seed_gives_another_split():
    patients = [f"p{index}" for index in range(100)]
    trains = {tuple(split_patients(patients, seed=seed).train) for seed in range(10)}
    assert len(trains) == 10


@pytest.mark.parametrize(
    "shares",
    [
        {"train": 0.7, "validation": 0.1, "test": 0.1},
        {"train": 1.1, "validation": 0.1, "test": -0.2},
        {"train": 0.7, "validation": 0.3},
        {"train": float("nan"), "validation": 0.1, "test": 0.2},
    ],
)
def test_shares_that_are_none_are_refused(shares):
    with pytest.raises(ValueError, match="expected train, validation, test, not negative, summing to 1"):
        split_patients(["a", "b"], shares)


@pytest.mark.parametrize("patients", [[], ["a"], ["a", "a", "b"]])
def test_too_few_patients_are_refused(patients):
    with pytest.raises(ValueError, match="patients are too few: none is left for"):
        split_patients(patients)


def test_a_part_of_share_zero_stays_empty():
    split = split_patients(["a", "b", "c", "d"], {"train": 0.5, "validation": 0.5, "test": 0.0})
    assert [len(rows) for rows in parts(split).values()] == [2, 2, 0]


def manifest(patients, splits):
    count = len(patients)
    return Manifest(
        "films",
        tuple(Path(f"{index:03}.png") for index in range(count)),
        tuple(patients),
        ("Hernia",),
        np.zeros((count, 1), np.float32),
        None if splits is None else tuple(splits),
    )


def test_the_tables_own_split_is_kept():
    split = split_of(manifest("abcd", ["test", "train", "validation", "train"]))
    assert {name: rows.tolist() for name, rows in parts(split).items()} == {
        "train": [1, 3],
        "validation": [2],
        "test": [0],
    }


def test_without_a_split_patients_are_drawn():
    patients = [f"p{index}" for index in range(50)]
    drawn = split_of(manifest(patients, None), seed=3)
    np.testing.assert_array_equal(drawn.train, split_patients(patients, seed=3).train)


def test_a_patient_in_two_parts_is_refused_with_the_image_and_the_patient():
    shared = manifest(["a", "b", "c", "b"], ["train", "train", "validation", "test"])
    said = r"003\.png: patient b is in both train and test \(1 of 1 images\); put all images"
    with pytest.raises(ValueError, match=said):
        split_of(shared)


@pytest.mark.parametrize(
    ("splits", "empty"), [(["train", "test"], "validation"), (["validation", "test"], "train")]
)
def test_a_split_without_training_or_validation_images_is_refused(splits, empty):
    with pytest.raises(ValueError, match=f"the column split puts no image into {empty}"):
        split_of(manifest("ab", splits))


@given(st.lists(st.text(st.characters(exclude_categories=("Cs", "Cc"))), unique=True), st.randoms())
def test_the_hash_of_image_names_does_not_depend_on_their_order(names, random):
    shuffled = list(names)
    random.shuffle(shuffled)
    assert hash_image_ids(shuffled) == hash_image_ids(names)
    assert hash_image_ids([*names, "one more"]) != hash_image_ids(names)


def test_the_hash_can_be_made_with_sort_and_sha256sum():
    assert hash_image_ids(["b.png", "a.png"]) == hashlib.sha256(b"a.png\nb.png").hexdigest()
