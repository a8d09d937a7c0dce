"""The one refusal of patients and images on two sides."""

import pytest

from chexnet.leakage import Side, find_shared, refuse_shared_patients

TRAIN = Side("train", ["a1", "a2", "b1"], ["a", "a", "b"])


def test_what_two_sides_share_is_counted():
    shared = find_shared(TRAIN, Side("test", ["a3", "b1", "c1"], ["a", "b", "c"]))
    assert shared.images == ["b1"]
    assert shared.patients == ["a", "b"]
    assert shared.affected == ["a3", "b1"]


@pytest.mark.parametrize(
    ("images", "patients", "said"),
    [
        (["c1", "a3"], ["c", "a"], r"a3: patient a is in both train and test \(1 of 2 images\); draw again"),
        (["b1"], None, r"b1 is in both train and test \(1 of 1 images\); draw again"),
        (["b1"], ["nobody"], r"b1 is in both train and test"),
    ],
)
def test_a_shared_patient_or_image_is_refused_with_the_remedy(images, patients, said):
    with pytest.raises(ValueError, match=said):
        refuse_shared_patients(TRAIN, Side("test", images, patients), "draw again")


def test_sides_with_nothing_in_common_pass():
    refuse_shared_patients(TRAIN, Side("test", ["c1", "d1"], ["c", "d"]), "draw again")
    refuse_shared_patients(TRAIN, Side("test", ["c1"]), "draw again")
