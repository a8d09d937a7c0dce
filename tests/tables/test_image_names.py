"""Names of images, and which image of one list is which of another."""

from pathlib import Path

import pytest

from chexnet.tables import image_name, match_images

CHEXPERT = (
    "train/p1/study1/view1_frontal.jpg",
    "train/p2/study1/view1_frontal.jpg",
    "train/p2/study2/view1_frontal.jpg",
)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a.png", "a.png"),
        ("./a.png", "a.png"),
        (r"scans\\p1\\a.png", "scans/p1/a.png"),
        (r"C:\\scans\\a.png", "C:/scans/a.png"),
        ("scans//a.png", "scans/a.png"),
        ("/data/scans/a.png", "scans/a.png"),
        ("/elsewhere/a.png", "/elsewhere/a.png"),
    ],
)
def test_a_name_is_relative_to_the_root_with_forward_slashes(text, name):
    assert image_name(text, Path("/data")) == name


def test_names_are_compared_as_they_stand_where_any_is_common():
    found = match_images(["b.png", "other/a.png"], ["a.png", "b.png"])
    assert (found.rows, found.by) == ([1, None], "name")


def test_other_folders_before_the_names_do_not_matter():
    found = match_images([r"C:\\scans\\a.png", r"C:\\scans\\b.png"], ["b.png", "c.png", "a.png"])
    assert (found.rows, found.by) == ([2, 0], "file name")


def test_images_of_one_file_name_are_told_by_the_rest_of_their_paths():
    relative = [name.removeprefix("train/") for name in CHEXPERT]
    found = match_images([*reversed(relative), "p3/study1/view1_frontal.jpg"], CHEXPERT)
    assert (found.rows, found.by) == ([2, 1, 0, None], "end of the path")
    moved = match_images([f"/mnt/chexpert/{name}" for name in CHEXPERT], relative)
    assert moved.rows == [0, 1, 2]


def test_another_patients_image_of_the_same_file_name_is_not_the_same():
    assert match_images(["p5/view1.jpg", "p6/view1.jpg"], ["p1/view1.jpg", "p2/view1.jpg"]).rows == [
        None,
        None,
    ]


def test_an_ambiguous_end_matches_nothing():
    assert match_images(["view1.jpg", "view2.jpg"], ["p1/view1.jpg", "p2/view1.jpg"]).rows == [None, None]


def test_an_extension_counts_unless_it_is_left_out():
    assert match_images(["a.dcm"], ["a.png"]).rows == [None]
    assert match_images(["a.dcm"], ["a.png"], without_extension=True).rows == [0]


def test_nothing_is_found_among_nothing():
    assert match_images([], ["a.png"]).rows == []
    assert match_images(["a.png"], []).rows == [None]
