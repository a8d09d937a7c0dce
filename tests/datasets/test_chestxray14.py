import csv
from collections import Counter

import numpy as np
import pytest

from chexnet.datasets import ChestXray14, split_of
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


def test_the_data_set_is_as_large_as_published(whole):
    assert len(whole) == 112_120
    assert len(set(whole.patients)) == 30_805
    assert whole.findings == PATHOLOGIES


def test_each_pathology_is_as_frequent_as_published(whole, rows):
    counted = Counter(name for row in rows for name in row[1].split("|"))
    found = dict(zip(PATHOLOGIES, whole.labels.sum(axis=0).astype(int).tolist(), strict=True))
    assert found == {name: counted[name] for name in PATHOLOGIES}
    # Wang et al. 2017 as corrected on the data set's page.
    published = {"Pneumonia": 1_431, "Hernia": 227, "Infiltration": 19_894, "Effusion": 13_317}
    assert {name: found[name] for name in published} == published
    assert int((whole.labels.sum(axis=1) == 0).sum()) == counted["No Finding"]


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
    with pytest.raises(ValueError, match=r"110,790 of 112,120 images are missing.*--only-present"):
        ChestXray14(nih).manifest()


def test_the_images_that_are_there_can_be_asked_for(nih):
    manifest = ChestXray14(nih).manifest(only_present=True)
    assert len(manifest) == 1_330
    assert int(manifest.labels[:, PATHOLOGIES.index("Pneumonia")].sum()) == 320
    assert int((manifest.labels.sum(axis=1) == 0).sum()) == 575
    assert all(image.is_file() for image in manifest.images)


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
        ("", "no rows"),
        (HEADER, "no rows"),
        ("image,labels\na.png,Mass\n", "no column 'Image Index'; is this the table as NIH ships it"),
        (HEADER + "00000001_000.png,Cancer,0,1,PA\n", "line 2: 00000001_000.png has the labels 'Cancer'"),
        (HEADER + "00000001_000.png,Mass|No Finding,0,1,PA\n", "'No Finding' alone"),
        (HEADER + "00000001_000.png,,0,1,PA\n", "has the labels ''"),
        (HEADER + "00000001_000.png\n", "line 2: no image or no patient"),
        (HEADER + "00000001_000.png,Mass,0,,PA\n", "line 2: no image or no patient"),
        (HEADER + 2 * "00000001_000.png,Mass,0,1,PA\n", "line 3: 00000001_000.png stands in an earlier row"),
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
