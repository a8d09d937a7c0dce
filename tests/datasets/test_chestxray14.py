import csv
from collections import Counter

import numpy as np
import pytest

from chexnet.datasets import ChestXray14, Selection, split_of
from chexnet.datasets.chestxray14 import count_by_archive
from chexnet.paper import PATHOLOGIES

HEADER = "Image Index,Finding Labels,Follow-up #,Patient ID,View Position\n"


@pytest.fixture(scope="module")
def nih(data_dir):
    return data_dir / "chestxray14"


@pytest.fixture(scope="module")
def rows(nih):
    with (nih / "Data_Entry_2017_v2020.csv").open(newline="") as file:
        return list(csv.reader(file))[1:]


class Complete(ChestXray14):
    """Spares the test 112,120 empty files."""

    def image_files(self):
        with self.table.open(newline="") as file:
            return {row[0]: self.root / row[0] for row in csv.reader(file)}


@pytest.fixture(scope="module")
def whole(nih):
    return Complete(nih).manifest()


@pytest.fixture(scope="module")
def labels(nih):
    return ChestXray14(nih).labels()


def test_the_data_set_is_as_large_as_published(whole):
    assert len(whole) == 112_120
    assert len(set(whole.patients)) == 30_805
    assert whole.findings == PATHOLOGIES


def test_each_pathology_is_as_frequent_as_published(whole, rows):
    counted = Counter(name for row in rows for name in row[1].split("|"))
    found = dict(zip(PATHOLOGIES, whole.labels.sum(axis=0).astype(int).tolist(), strict=True))
    assert found == {name: counted[name] for name in PATHOLOGIES}
    # The counts that go with the table of 2020.
    published = (
        11_559,
        2_776,
        13_317,
        19_894,
        5_782,
        6_331,
        1_431,
        5_302,
        4_667,
        2_303,
        2_516,
        1_686,
        3_385,
        227,
    )
    assert found == dict(zip(PATHOLOGIES, published, strict=True))
    assert int((whole.labels.sum(axis=1) == 0).sum()) == counted["No Finding"] == 60_361


def test_labels_stay_with_their_image_and_patient(whole, rows):
    for row in (0, 1, 50_000, 112_119):
        present = {name for name, label in zip(PATHOLOGIES, whole.labels[row], strict=True) if label}
        assert whole.image_ids[row] == rows[row][0]
        assert whole.patients[row] == rows[row][3]
        assert present == set(rows[row][1].split("|")) - {"No Finding"}


def test_the_random_split_of_section_5_holds_its_shares_on_the_real_patients(whole):
    split = split_of(whole)
    shares = [len(part) / len(whole) for part in (split.train, split.validation, split.test)]
    # A patient has at most 184 images, 0.2 % of all.
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=0.002)
    patients = [{whole.patients[row] for row in part} for part in (split.train, split.validation, split.test)]
    assert sum(len(part) for part in patients) == 30_805


def test_an_incomplete_copy_is_an_error_that_counts_what_is_missing(nih):
    with pytest.raises(ValueError, match=r"110,790 of 112,120 images are missing.*`only_present`"):
        ChestXray14(nih).manifest()


def test_the_images_that_are_there_can_be_asked_for(nih):
    manifest = ChestXray14(nih).manifest(only_present=True)
    assert len(manifest) == 1_330
    assert int(manifest.labels[:, PATHOLOGIES.index("Pneumonia")].sum()) == 320
    assert int((manifest.labels.sum(axis=1) == 0).sum()) == 575
    assert all(image.is_file() for image in manifest.images)


def test_sex_age_and_view_are_read(labels):
    assert Counter(labels.sex) == {"M": 63_340, "F": 48_780}
    assert Counter(labels.view) == {"PA": 67_310, "AP": 44_810}
    assert (np.isnan(labels.age).sum(), labels.age.max()) == (0, 95)


def test_the_official_lists_divide_the_table_by_patient(nih, labels):
    lists = ChestXray14(nih).official_lists()
    assert {part: len(names) for part, names in lists.items()} == {"train_val": 86_524, "test": 25_596}
    patient = dict(zip(labels.images, labels.patients, strict=True))
    patients = {part: {patient[name] for name in names} for part, names in lists.items()}
    assert len(patients["test"]) == 2_797
    assert not patients["train_val"] & patients["test"]
    boxed = {one.image for one in ChestXray14(nih).boxes()}
    assert len(boxed) == 880
    assert boxed <= set(lists["test"])


def test_nihs_archives_hold_4_999_ten_times_10_000_and_7_121_images(labels):
    counts = [f"images_{archive:03}: 10,000" for archive in range(2, 12)]
    assert count_by_archive(labels.images) == ", ".join(["images_001: 4,999", *counts, "images_012: 7,121"])


def test_nothing_is_left_out_unless_asked_for(labels):
    selected = Selection().apply(labels)
    assert selected.rows.tolist() == list(range(112_120))
    assert selected.steps == ()


def test_each_filter_counts_what_it_leaves_out(labels):
    # What torchxrayvision's NIH_Dataset does by default and says nothing of: PA, one image a patient.
    selected = Selection(view="PA", one_per_patient=True).apply(labels)
    assert len(selected.rows) == 28_868
    assert [step.message for step in selected.steps] == [
        "view PA: 44,810 images left out",
        "one image a patient: 38,442 images left out",
    ]
    women = Selection(sex="F", min_age=18, max_age=40).apply(labels)
    chosen = labels.take(women.rows)
    assert set(chosen.sex) == {"F"}
    assert (chosen.age.min(), chosen.age.max()) == (18, 40)
    assert len(women.rows) + sum(step.images for step in women.steps) == 112_120


def test_the_real_folder_is_described(nih):
    inventory = ChestXray14(nih).inventory()
    assert not inventory.complete
    assert len(inventory.missing) == 110_790
    assert (inventory.damaged, inventory.repeated, inventory.strangers) == ({}, (), ())
    assert (inventory.absent, inventory.contradictions) == ((), ())
    assert inventory.message.startswith(
        "1,330 of the 112,120 images of Data_Entry_2017_v2020.csv are there\n"
    )


def small(tmp_path, text, *, table="Data_Entry_2017_v2020.csv", images=("00000001_000.png",)):
    (tmp_path / table).write_text(text)
    (tmp_path / "images").mkdir(exist_ok=True)
    for image in images:
        (tmp_path / "images" / image).touch()
    return ChestXray14(tmp_path)


def test_the_older_table_is_read_too(tmp_path):
    # Its rows end in a comma, and its ages in a unit.
    text = (
        "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
        "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y],\n"
        "00000001_000.png,Cardiomegaly|Mass,000,00001,058Y,M,PA,2682,2749,0.143,0.143,\n"
    )
    manifest = small(tmp_path, text, table="Data_Entry_2017.csv").manifest()
    assert manifest.patients == ("00001",)
    assert [name for name, label in zip(PATHOLOGIES, manifest.labels[0], strict=True) if label] == [
        "Cardiomegaly",
        "Mass",
    ]


def test_the_newer_table_wins(tmp_path):
    small(tmp_path, HEADER + "00000001_000.png,Mass,0,1,PA\n", table="Data_Entry_2017.csv")
    newer = small(tmp_path, HEADER + "00000001_000.png,Nodule,0,1,PA\n")
    assert newer.manifest().labels[0, PATHOLOGIES.index("Nodule")] == 1


@pytest.mark.parametrize("folder", ["images_007/images", "images", "."])
def test_images_are_found_wherever_nih_or_its_users_put_them(tmp_path, folder):
    (tmp_path / "Data_Entry_2017_v2020.csv").write_text(HEADER + "00000001_000.png,Mass,0,1,PA\n")
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / folder / "00000001_000.png").touch()
    assert ChestXray14(tmp_path).manifest().images == (tmp_path / folder / "00000001_000.png",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        (HEADER, "no rows"),
        ("image,labels\na.png,Mass\n", "no column 'Finding Labels'; is this the table as NIH ships it"),
        (HEADER + "00000001_000.png,Cancer,0,1,PA\n", "line 2: 00000001_000.png has the labels 'Cancer'"),
        (HEADER + "00000001_000.png,Mass|No Finding,0,1,PA\n", "'No Finding' alone"),
        (HEADER + "00000001_000.png,,0,1,PA\n", "line 2: findings is blank"),
        (HEADER + "00000001_000.png\n", "row 2 has 1 cells, the header 5"),
        (HEADER + "00000001_000.png,Mass,0,,PA\n", "1 images have no patient, the first is 00000001_000.png"),
        ("Image Index,Finding Labels\n00000001_000.png,Mass\n", "no column 'Patient ID'"),
        (HEADER + 2 * "00000001_000.png,Mass,0,1,PA\n", "image 00000001_000.png is in rows 2 and 3"),
        (HEADER + "00000009_000.png,Mass,0,1,PA\n", "1 of 1 images are missing, the first 00000009_000.png"),
    ],
)
def test_a_damaged_table_is_refused_with_the_reason(tmp_path, text, said):
    with pytest.raises(ValueError) as error:
        small(tmp_path, text).manifest()
    assert said in str(error.value)


def test_a_folder_without_the_table_or_without_images_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"no Data_Entry_2017_v2020\.csv; expected a ChestX-ray14 folder"):
        ChestXray14(tmp_path).manifest()
    with pytest.raises(ValueError, match="holds none of the images"):
        small(tmp_path, HEADER + "00000009_000.png,Mass,0,1,PA\n").manifest(only_present=True)


FOUR = HEADER + "".join(
    f"{patient:08}_{image:03}.png,Mass,{image},{patient},PA\n" for patient in (1, 2000) for image in (0, 1)
)


def png(path, content=b"\x89PNG\r\n\x1a\n...\0\0\0\0IEND\xaeB`\x82"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def whole_folder(root):
    (root / "Data_Entry_2017_v2020.csv").write_text(FOUR)
    (root / "BBox_List_2017.csv").write_text(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\n00002000_000.png,Mass,1,2,3,4,,,\n"
    )
    (root / "train_val_list.txt").write_text("00000001_000.png\n00000001_001.png\n")
    (root / "test_list.txt").write_text("00002000_000.png\n00002000_001.png\n")
    for name in ("00000001_000.png", "00000001_001.png"):
        png(root / "images_001" / "images" / name)
    for name in ("00002000_000.png", "00002000_001.png"):
        png(root / "images_002" / "images" / name)
    return ChestXray14(root)


def test_a_whole_folder_is_complete(tmp_path):
    inventory = whole_folder(tmp_path).inventory()
    assert inventory.complete
    assert inventory.message == "4 of the 4 images of Data_Entry_2017_v2020.csv are there"


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda root: (root / "images_002/images/00002000_001.png").unlink(), "missing: 1, images_002: 1"),
        (lambda root: png(root / "images_001/images/00000001_000.png", b""), "00000001_000.png: empty"),
        (
            lambda root: png(root / "images_001/images/00000001_000.png", b"<html>"),
            "00000001_000.png: no PNG",
        ),
        (
            lambda root: png(root / "images_001/images/00000001_000.png", b"\x89PNG\r\n\x1a\n half"),
            "00000001_000.png: breaks off after 13 bytes",
        ),
        (lambda root: (root / "test_list.txt").unlink(), "missing: test_list.txt"),
        (lambda root: (root / "BBox_List_2017.csv").unlink(), "missing: BBox_List_2017.csv"),
        (
            lambda root: (root / "test_list.txt").write_text("00000001_001.png\n"),
            "1 images are in both official lists, the first 00000001_001.png",
        ),
        (
            lambda root: (root / "test_list.txt").write_text("00002000_001.png\n"),
            "1 images of the table are in neither official list, the first 00002000_000.png",
        ),
        (
            lambda root: (root / "test_list.txt").write_text(
                "00002000_000.png\n00002000_001.png\n00000009_000.png\n"
            ),
            "1 images of the official lists are not in the table, the first 00000009_000.png",
        ),
    ],
)
def test_what_is_missing_or_damaged_is_named(tmp_path, break_it, said):
    data = whole_folder(tmp_path)
    break_it(tmp_path)
    inventory = data.inventory()
    assert not inventory.complete
    assert said in inventory.message


def test_what_is_there_too_much_is_named_and_does_no_harm(tmp_path):
    data = whole_folder(tmp_path)
    png(tmp_path / "images" / "00002000_001.png")
    png(tmp_path / "images" / "scan.png")
    inventory = data.inventory()
    assert inventory.complete
    assert inventory.message.splitlines()[1:] == [
        "in two places: 1, the first 00002000_001.png",
        "not in the table: 1, the first scan.png",
    ]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"min_age": -1}, "min_age is -1; expected years"),
        ({"min_age": 50, "max_age": 40}, "min_age 50 is above max_age 40"),
        ({"view": "LL"}, "no image has view 'LL'; the table has PA"),
        ({"sex": "F"}, "cannot keep sex F alone: the table has no column of it"),
        ({"max_age": 40}, "cannot keep an age of at most 40: the table has no column of it"),
    ],
)
def test_a_filter_that_cannot_be_is_refused(tmp_path, options, said):
    data = whole_folder(tmp_path)
    with pytest.raises(ValueError) as error:
        data.manifest(Selection(**options))
    assert said in str(error.value)


def test_an_unknown_age_is_left_out_and_counted_as_such(tmp_path):
    header = HEADER.replace("View Position", "Patient Age")
    text = (
        header + "00000001_000.png,Mass,0,1,414\n00000002_000.png,Mass,0,2,50\n00000003_000.png,Mass,0,3,9\n"
    )
    data = small(tmp_path, text, images=[f"0000000{patient}_000.png" for patient in (1, 2, 3)])
    (step,) = Selection(min_age=18).apply(data.labels()).steps
    assert step.message == "age of at least 18: 2 images left out, 1 of them since the table does not say"
    assert data.manifest(Selection(min_age=18)).patients == ("2",)
    with pytest.raises(ValueError, match="no image is left: age of at least 60: 3 images left out"):
        data.manifest(Selection(min_age=60))
