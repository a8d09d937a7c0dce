import csv
import re

import pytest

from chexnet.paper import PATHOLOGIES
from chexnet.tables import BadTable, read_boxes


def write(path, *rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def test_nihs_torn_header_is_read(tmp_path):
    path = tmp_path / "BBox_List_2017.csv"
    path.write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n"
        "a.png,Infiltrate,512,256,256,128,,,\na.png,Infiltrate,0,0,1024,1024,,,\nb.png,Mass,1,2,3,4,,,\n"
    )
    first, second = read_boxes(path)
    assert (first.image, first.finding) == ("a.png", "Infiltration")
    assert first.boxes.tolist() == [[0.5, 0.25, 0.25, 0.125], [0, 0, 1, 1]]
    assert second.boxes.shape == (1, 4)


def test_a_table_without_findings_needs_one_named(tmp_path):
    path = write(tmp_path / "b.csv", ["image", "x", "y", "width", "height"], ["a.png", 0, 0, 512, 512])
    assert read_boxes(path, "Pneumonia")[0].finding == "Pneumonia"
    with pytest.raises(BadTable, match="with `finding`"):
        read_boxes(path)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["image", "x", "y", "width"], ["a", 1, 2, 3]], "no column 'height'"),
        ([["image", "x", "y", "width", "height"], ["a", 1, 2, 3, ""]], "line 2: height is blank"),
        ([["image", "x", "y", "width", "height"]], "has no rows"),
    ],
)
def test_bad_boxes_are_refused(tmp_path, rows, reason):
    with pytest.raises(BadTable, match=reason):
        read_boxes(write(tmp_path / "b.csv", *rows), "Mass")


@pytest.fixture(scope="module")
def official(data_dir):
    return data_dir / "chestxray14" / "BBox_List_2017.csv"


def test_all_984_boxes_of_nih_are_read_with_their_fractions(official):
    boxes = read_boxes(official)
    assert sum(len(one.boxes) for one in boxes) == 984
    assert len({one.image for one in boxes}) == 880
    assert {one.finding for one in boxes} == set(PATHOLOGIES[:8])
    read = sorted(
        (one.image, tuple(side * 1024 for side in box)) for one in boxes for box in one.boxes.tolist()
    )
    # Read once more by a pattern that knows nothing of columns.
    line = re.compile(r"^(\w+\.png),\w+,([\d.]+),([\d.]+),([\d.]+),([\d.]+)", re.MULTILINE)
    printed = sorted(
        (image, tuple(map(float, sides))) for image, *sides in line.findall(official.read_text())
    )
    assert [image for image, _ in read] == [image for image, _ in printed]
    assert any(side % 1 for _, sides in printed for side in sides)
    # 1024 is a power of two: dividing by it and multiplying again loses nothing.
    assert [sides for _, sides in read] == [sides for _, sides in printed]


def test_every_box_lies_on_its_film(official):
    for one in read_boxes(official):
        assert (one.boxes >= 0).all()
        assert (one.boxes[:, 2:] > 0).all()
        assert (one.boxes[:, :2] + one.boxes[:, 2:] <= 1).all()
