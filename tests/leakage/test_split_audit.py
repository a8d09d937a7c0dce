from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chexnet.datasets import SplitLists, split_patients
from chexnet.leakage import audit_splits
from chexnet.tables import Labels, hash_image_ids


def table(patients, **columns):
    images = [f"{row:03}.png" for row in range(len(patients))]
    values = np.array([[float(row % 3 == 0)] for row in range(len(patients))])
    return Labels(images=images, findings=("Mass",), values=values, patients=list(patients), **columns)


def lists(name, **parts):
    return SplitLists(
        name, {part: tuple(f"{row:03}.png" for row in rows) for part, rows in parts.items()}, {}
    )


@given(st.lists(st.integers(2, 5), min_size=12, max_size=30), st.integers(0, 99), st.data())
@settings(max_examples=40)
def test_a_split_by_patient_has_no_leak_and_one_image_in_the_wrong_part_is_one(images, seed, data):
    patients = [f"p{number}" for number, count in enumerate(images) for _ in range(count)]
    labels = table(patients)
    # Parts so large that the fewest patients fill each of them, whatever the draw.
    shares = {"train": 0.4, "validation": 0.3, "test": 0.3}
    split = split_patients(patients, shares, seed=seed)
    rows = {part: found.tolist() for part, found in split.parts().items()}
    assert audit_splits(labels, [lists("split", **rows)]).overlaps == ()
    moved = data.draw(st.sampled_from(rows["test"]))
    rows["test"].remove(moved)
    rows["train"].append(moved)
    (leak,) = audit_splits(labels, [lists("split", **rows)]).leaks
    assert (leak.first, leak.second) == ("split: train", "split: test")
    assert (leak.patients, leak.images) == (1, 0)


def test_a_leak_by_the_patients_of_the_table_is_one_whatever_the_split_says():
    split = lists("split", train=[0, 1], test=[2, 3])
    split = replace(split, patients={f"{row:03}.png": f"own {row}" for row in range(4)})
    assert audit_splits(table("abcd"), [split]).leaks == ()
    (leak,) = audit_splits(table("abad"), [split]).leaks
    assert (leak.patients, leak.images) == (1, 0)


def test_of_two_splits_only_what_is_learned_from_in_one_and_tested_in_the_other_is_a_leak():
    labels = table("abcdef")
    one = lists("one", train=[0, 1, 2], validation=[3], test=[4, 5])
    other = lists("other", train=[0, 4], validation=[1], test=[2, 5])
    found = {
        (overlap.first, overlap.second): overlap for overlap in audit_splits(labels, [one, other]).overlaps
    }
    assert {pair for pair, overlap in found.items() if overlap.leak} == {
        ("one: train", "other: test"),
        ("one: test", "other: train"),
    }
    assert ("one: train", "other: train") in found
    assert ("one: test", "other: test") in found
    assert found["one: train", "other: test"].example == "002.png"


def test_patients_are_compared_where_no_image_is_common():
    (leak,) = audit_splits(table("aab"), [lists("s", train=[0, 2], test=[1])]).leaks
    assert (leak.images, leak.patients, leak.example) == (0, 1, "001.png")


def test_a_split_that_names_patients_is_believed_where_the_table_knows_none():
    labels = table("ab")
    split = SplitLists(
        "s", {"train": ("x.png",), "test": ("y.png", "000.png")}, {"x.png": "p", "y.png": "p", "000.png": "a"}
    )
    found = audit_splits(labels, [split])
    assert [part.unknown for part in found.parts] == [1, 1]
    assert [overlap.patients for overlap in found.leaks] == [1]


def test_shares_means_and_their_standardised_differences_are_what_they_are_by_definition():
    labels = table(
        "aabbccdd",
        view=["PA", "PA", "PA", "AP", "AP", "AP", "AP", ""],
        sex=["F"] * 4 + ["M"] * 4,
        age=np.array([10.0, 20, 30, 40, 50, 60, 70, np.nan]),
    )
    found = audit_splits(labels, [lists("s", train=range(4), test=range(4, 8))])
    train, test = ({one.name: one for one in part.characteristics} for part in found.parts)
    assert (train["view PA"].value, test["view AP"].value, test["view AP"].known) == (0.75, 1.0, 3)
    assert (train["age in years"].value, test["age in years"].value) == (25, 60)
    assert test["age in years"].known == 3
    assert train["images per patient"].value == 2
    shift = {one.characteristic: one for one in found.shifts}
    spread = np.sqrt((np.var([10, 20, 30, 40]) + np.var([50, 60, 70])) / 2)
    assert shift["age in years"].difference == pytest.approx(35 / spread)
    # Mass: 2 of 4 against 1 of 4.
    assert shift["Mass"].difference == pytest.approx(-0.25 / np.sqrt((0.25 + 0.1875) / 2))
    # All women in one part, all men in the other: no spread within either.
    assert shift["sex F"].difference == -np.inf
    assert shift["images per patient"].difference == 0
    assert shift["sex F"].notable
    assert not shift["images per patient"].notable


def test_reserved_images_are_counted_where_they_are_learned_from():
    found = audit_splits(
        table("abcd"),
        [lists("s", train=[0, 1], validation=[2], test=[3])],
        reserved={"boxes": {"001.png", "002.png", "003.png"}},
    )
    assert [(one.part, one.found.images, one.found.test_images) for one in found.reserved] == [
        ("s: train", 1, 3),
        ("s: validation", 1, 3),
    ]


def test_a_model_known_by_its_hash_alone_is_recognised():
    split = lists("s", train=[0, 1], test=[2])
    train, test = (hash_image_ids(split.images[part]) for part in ("train", "test"))
    found = audit_splits(
        table("abc"), [split], hashes={"good.onnx": train, "bad.onnx": test, "other.onnx": "0" * 64}
    )
    assert [one.parts for one in found.hashes] == [("s: train",), ("s: test",), ()]
    assert [one.model for one in found.leaks] == ["bad.onnx"]
