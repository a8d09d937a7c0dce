import numpy as np
import pytest

from chexnet.datasets import Manifest, known_labels, read_manifest
from chexnet.paper import PATHOLOGIES

TABLE = """image,patient,split,Pneumonia,Effusion
a.png,1,train,1,0
films/b.png,2,validation,,0.25
c.png,3,test,0,1
"""


def write(tmp_path, text, *, encoding="utf-8"):
    path = tmp_path / "films.csv"
    path.write_bytes(text.encode(encoding))
    return path


def refusal(tmp_path, text):
    with pytest.raises(ValueError) as error:
        read_manifest(write(tmp_path, text))
    assert "films.csv" in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def same(one, other):
    np.testing.assert_array_equal(one.labels, other.labels)
    return (one.images, one.patients, one.findings, one.splits) == (
        other.images,
        other.patients,
        other.findings,
        other.splits,
    )


def test_a_table_is_read_as_it_stands(tmp_path):
    manifest = read_manifest(write(tmp_path, TABLE))
    assert manifest.name == "films"
    assert manifest.images == (tmp_path / "a.png", tmp_path / "films/b.png", tmp_path / "c.png")
    assert manifest.image_ids == ("a.png", "films/b.png", "c.png")
    assert manifest.patients == ("1", "2", "3")
    assert manifest.findings == ("Effusion", "Pneumonia")
    np.testing.assert_array_equal(manifest.labels, np.float32([[0, 1], [0.25, np.nan], [1, 0]]))
    assert manifest.splits == ("train", "validation", "test")


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace(",", " , "),
        lambda text: text.replace("a.png", '"a.png"'),
        lambda text: text.replace("\n", ",remark\n"),
        lambda text: text.rstrip("\n"),
    ],
    ids=["byte order mark", "Windows", "blank lines", "blanks", "quotes", "extra column", "no last newline"],
)
def test_what_spreadsheets_do_to_a_table_changes_nothing(tmp_path, changed):
    plain = read_manifest(write(tmp_path, TABLE))
    assert same(read_manifest(write(tmp_path, changed(TABLE))), plain)


def test_a_row_that_ends_early_has_unknown_labels(tmp_path):
    manifest = read_manifest(write(tmp_path, "image,patient,Pneumonia,Hernia\na.png,1\nb.png,2,1\n"))
    np.testing.assert_array_equal(manifest.labels, np.float32([[np.nan, np.nan], [1, np.nan]]))
    assert manifest.splits is None


def test_nih_column_names_are_understood(tmp_path):
    manifest = read_manifest(write(tmp_path, "Image Index,Patient ID,Hernia\na.png,7,1\n"))
    assert (manifest.images, manifest.patients) == ((tmp_path / "a.png",), ("7",))


def test_an_absolute_path_stays_what_it_is(tmp_path):
    manifest = read_manifest(write(tmp_path, "image,patient,Hernia\n/films/a.png,7,1\n"))
    assert str(manifest.images[0]) == "/films/a.png"


@pytest.mark.parametrize("label", ["yes", "-1", "2", "1.01", "nan", "NaN", "inf", "-0.1", "0,5", "None"])
def test_a_bad_label_is_refused_with_its_line_and_its_finding(tmp_path, label):
    text = f'image,patient,Pneumonia\na.png,1,1\n\nb.png,2,"{label}"\n'
    assert f"line 4: Pneumonia is {label!r}; expected 0, 1, a probability, or blank" in refusal(
        tmp_path, text
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the file is empty"),
        ("image,patient,Pneumonia\n", "no rows"),
        ("shot,patient,Pneumonia\na.png,1,1\n", "no column 'image': expected one of 'image', 'Image Index'"),
        ("image,Pneumonia\na.png,1\n", "no column 'patient'"),
        (
            "image|patient|Pneumonia\na.png|1|1\n",
            "found 'image|patient|Pneumonia'; name it with `image_column`",
        ),
        ("Image ID,image_id,patient,Mass\na,a,1,1\n", "'Image ID' and 'image_id' may both be the image"),
        ("image,patient,pneumona\na.png,1,1\n", "no label column; expected some of Atelectasis"),
        ("image,patient,Pneumonia\n,1,1\n", "line 2: image is blank"),
        ("image,patient,Pneumonia\na.png,  ,1\n", "line 2: patient is blank"),
        ("image,patient,Pneumonia\na.png,1,1\n./a.png,1,1\n", "line 3: "),
        ("image,patient,Pneumonia\na.png,1,1,0\n", "row 2 has 4 cells, the header 3"),
        ("image,patient,Pneumonia,Pneumonia\na.png,1,1,0\n", "column 'Pneumonia' is there twice"),
        ("image,patient,split,Hernia\na.png,1,val,1\n", "line 2: split is 'val'; expected train, valid"),
        ("image,patient,split,Hernia\na.png,1,,1\n", "line 2: split is ''"),
        ("image,patient,Hernia,split\na.png,1,1\n", "line 2: split is ''"),
        (f"image,patient,Hernia\na.png,1,{'9' * 200_000}\n", "not a CSV in UTF-8"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_reason(tmp_path, text, said):
    assert said in refusal(tmp_path, text)


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\xff\xfe\x00", bytes(range(256)), b"\xff\xfei\x00m"])
def test_a_binary_file_is_refused(tmp_path, content):
    (tmp_path / "films.csv").write_bytes(content)
    with pytest.raises(ValueError, match=r"films\.csv: not a CSV in UTF-8"):
        read_manifest(tmp_path / "films.csv")


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"none\.csv: no such file; expected a CSV or Parquet table"):
        read_manifest(tmp_path / "none.csv")


def test_rows_and_findings_can_be_chosen(tmp_path):
    manifest = read_manifest(write(tmp_path, TABLE))
    chosen = manifest.select(np.array([2, 0])).with_findings(("Pneumonia",))
    assert (chosen.image_ids, chosen.patients, chosen.splits) == (
        ("c.png", "a.png"),
        ("3", "1"),
        ("test", "train"),
    )
    np.testing.assert_array_equal(chosen.labels, np.float32([[0], [1]]))
    assert len(manifest.select(np.array([], dtype=int))) == 0


def test_a_finding_that_is_not_labelled_is_named(tmp_path):
    manifest = read_manifest(write(tmp_path, TABLE))
    with pytest.raises(ValueError, match=r"no label column for Atelectasis, .*; it has Effusion, Pneumonia"):
        manifest.with_findings(PATHOLOGIES)


@pytest.mark.parametrize(
    "changed",
    [
        {"patients": ("1",)},
        {"labels": np.zeros((3, 1), np.float32)},
        {"labels": np.zeros((2, 2), np.float32)},
        {"labels": np.float32([[0], [1.5]])},
        {"splits": ("train",)},
    ],
)
def test_a_manifest_that_contradicts_itself_does_not_exist(tmp_path, changed):
    whole = {
        "name": "films",
        "images": (tmp_path / "a.png", tmp_path / "b.png"),
        "patients": ("1", "2"),
        "findings": ("Hernia",),
        "labels": np.zeros((2, 1), np.float32),
        "splits": ("train", "test"),
    }
    Manifest(**whole)
    with pytest.raises(ValueError, match="films: "):
        Manifest(**whole | changed)


def test_a_soft_label_is_present_from_one_half_on():
    known, present = known_labels(np.float32([0, 0.49, 0.5, 1, np.nan]))
    assert known.tolist() == [True, True, True, True, False]
    assert present.tolist() == [False, False, True, True]
