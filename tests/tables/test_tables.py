import csv
import sys

import numpy as np
import pytest

from chexnet.tables import BadTable, ColumnNames, read_labels, read_predictions, read_readings, read_table


def write(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def labels(tmp_path):
    return write(
        tmp_path / "labels.csv",
        ["image", "patient", "sex", "age", "view", "Mass", "Pleural Thickening"],
        ["a.png", "1", "F", "57", "PA", "1", "0"],
        ["b.png", "1", "M", "058Y", "AP", "0", ""],
        ["c.png", "2", "", "414", "", "1.0", "YES"],
    )


def test_predictions_are_read_with_their_names_and_values(tmp_path):
    path = write(
        tmp_path / "p.csv", ["image", "Mass", "Nodule"], ["a.png", "0.25", "1e-3"], ["b.png", "1", "0"]
    )
    found = read_predictions(path)
    assert found.images == ["a.png", "b.png"]
    assert found.findings == ("Mass", "Nodule")
    assert found.probabilities.tolist() == [[0.25, 0.001], [1, 0]]
    assert found.of("Nodule").tolist() == [0.001, 0]
    assert found.source[0] == "p.csv"


def test_what_predict_writes_is_understood_and_unscored_images_are_counted(tmp_path):
    path = write(
        tmp_path / "p.csv",
        ["image", "status", "reason", "Mass", "score_Mass", "model"],
        ["a.png", "ok", "", "0.25", "-1.1", "chexnet"],
        ["b.png", "refused", "not a chest", "", "", "chexnet"],
        ["c.png", "error", "", "", "", "chexnet"],
        ["d.png", "refused", "not a chest", "", "", "chexnet"],
    )
    found = read_predictions(path, findings=["Mass"])
    assert found.images == ["a.png"]
    assert found.not_scored == {"refused: not a chest": 2, "error": 1}


def test_a_prefix_selects_the_columns_and_names_are_mapped(tmp_path):
    path = write(
        tmp_path / "p.csv", ["film", "logit_Mass", "prob_Mass", "prob_PT"], ["a.png", "-3", "0.05", "0.5"]
    )
    names = ColumnNames(image="film", prefix="prob_", rename={"PT": "Pleural_Thickening"})
    assert read_predictions(path, names).findings == ("Mass", "Pleural_Thickening")


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["image", "Mass"], ["a", "0.1"], ["a", "0.2"]], "image a is in rows 2 and 3"),
        (
            [["image", "Mass"], ["a", "1.5"]],
            r"row 2, image a, Mass: expected a probability in \[0, 1\], got 1.5",
        ),
        ([["image", "Mass"], ["a", "-0.1"]], "got -0.1"),
        ([["image", "Mass"], ["a", "nan"]], "got nan"),
        ([["image", "Mass"], ["a", "inf"]], "got inf"),
        ([["image", "Mass"], ["a", "0.1"], ["b", ""]], "row 3, image b, Mass: no probability"),
        ([["image", "Mass"], ["a", "0.1"], ["b", "high"]], "got 'high'"),
        ([["image", "Mass"], ["", "0.1"]], "line 2: image is blank"),
        ([["image", "Mass"], ["a", "0.1", "0.2"]], "row 2 has 3 cells, the header 2"),
        ([["image", "Mass", "Mass"], ["a", "0.1", "0.2"]], "column 'Mass' is there twice"),
        ([["picture", "Mass"], ["a", "0.1"]], "name it with `image_column`"),
        ([["image", "note"], ["a", "fine"]], "no column holds probabilities"),
        ([["image", "Mass", "Edema"], ["a", "0.1", "0,41"]], "column 'Edema': expected prob.*got '0,41'"),
        ([["image", "Mass", "pleural thickening"], ["a", "0.1", "n/a"]], "'pleural thickening': .*'n/a'"),
        ([["image", "status", "Mass"], ["a", "error", ""]], "no image was scored"),
        ([["image", "Mass"]], "the table has no rows"),
    ],
)
def test_bad_predictions_are_refused_with_the_place(tmp_path, rows, reason):
    with pytest.raises(BadTable, match=reason):
        read_predictions(write(tmp_path / "p.csv", *rows))


def test_labels_are_read_with_what_is_known_of_the_patient(labels):
    found = read_labels(labels, ["Pleural_Thickening", "Mass"])
    assert found.findings == ("Pleural_Thickening", "Mass")
    assert found.of("Mass").tolist() == [1, 0, 1]
    assert found.of("Pleural_Thickening") == pytest.approx([0, np.nan, 1], nan_ok=True)
    assert found.patients == ["1", "1", "2"]
    assert found.sex == ["F", "M", ""]
    # An age of 414 is an error of entry.
    assert found.age == pytest.approx([57, 58, np.nan], nan_ok=True)


def test_the_official_table_is_read_directly(tmp_path):
    path = write(
        tmp_path / "Data_Entry_2017_v2020.csv",
        ["Image Index", "Finding Labels", "Follow-up #", "Patient ID", "Patient Age", "Patient Gender",
         "View Position"],
        ["1.png", "Mass|Pleural_Thickening", "0", "1", "58", "M", "PA"],
        ["2.png", "No Finding", "0", "2", "11", "F", "AP"],
    )  # fmt: skip
    found = read_labels(path, ["Mass", "Edema", "Pleural_Thickening", "No Finding"])
    assert found.values.tolist() == [[1, 0, 1, 0], [0, 0, 0, 1]]
    assert found.patients == ["1", "2"]


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["image", "Mass"], ["a", "2"]], "row 2, image a, Mass: expected 0, 1 or blank, got '2'"),
        ([["image", "Mass"], ["a", "HEDGE"]], "got 'HEDGE'"),
        ([["image", "Mass"], ["a", "-1"]], "got '-1'"),
        ([["image", "Mass"], ["a", "nan"]], "got 'nan'"),
        ([["image", "Mass"], ["a", "1"], ["a", "1"]], "image a is in rows 2 and 3"),
        ([["image", "patient", "Mass"], ["a", "1", "1"], ["b", "", "0"]], "1 images have no patient.* b"),
        ([["image", "Mas"], ["a", "1"]], "did you mean 'Mas'"),
        ([["image", "Edema"], ["a", "1"]], "none of the findings"),
        ([["Image Index", "Finding Labels"], ["a", "Flu"]], "line 2: a has the labels 'Flu'; expected"),
    ],
)
def test_bad_labels_are_refused_with_the_place(tmp_path, rows, reason):
    with pytest.raises(BadTable, match=reason):
        read_labels(write(tmp_path / "l.csv", *rows), ["Mass"])


def test_a_forgotten_prefix_is_suggested(tmp_path):
    path = write(tmp_path / "l.csv", ["image", "Mass"], ["a", "1"])
    with pytest.raises(BadTable, match="try `prefix` prob_"):
        read_labels(path, ["prob_Mass", "prob_Edema"])


def test_readings_become_one_layer_a_reader(tmp_path):
    path = write(
        tmp_path / "r.csv",
        ["Image ID", "Patient ID", "Reader ID", "Mass"],
        ["a", "1", "R1", "YES"],
        ["a", "1", "R2", "NO"],
        ["b", "2", "R2", "1"],
        ["c", "2", "R1", ""],
    )
    found = read_readings(path, ["Mass"])
    assert (found.readers, found.images, found.patients) == (["R1", "R2"], ["a", "b", "c"], ["1", "2", "2"])
    expected = np.array([[1, np.nan, np.nan], [0, 1, np.nan]])
    np.testing.assert_array_equal(found.of("Mass"), expected)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([["image", "Mass"], ["a", "1"]], "no column 'reader': expected one of"),
        ([["image", "reader", "Mass"], ["a", "R", "1"], ["a", "R", "0"]], "reader R read image a twice"),
        ([["image", "reader", "Mass"], ["a", "R", "maybe"]], "reader R, Mass: expected 0, 1 or blank"),
        ([["image", "reader", "Mass"], ["a", "", "1"]], "line 2: reader is blank"),
        (
            [["image", "reader", "patient", "Mass"], ["a", "R", "1", "1"], ["a", "S", "2", "1"]],
            "two patients",
        ),
    ],
)
def test_bad_readings_are_refused_with_the_place(tmp_path, rows, reason):
    with pytest.raises(BadTable, match=reason):
        read_readings(write(tmp_path / "r.csv", *rows), ["Mass"])


def test_parquet_gives_what_csv_gives(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    columns = {"image": ["a", "b"], "Mass": [0.1, 2 / 3], "patient": [1, 2]}
    parquet.write_table(pyarrow.table(columns), tmp_path / "p.parquet")
    write(tmp_path / "p.csv", columns, ["a", repr(0.1), "1"], ["b", repr(2 / 3), "2"])
    read = [read_predictions(tmp_path / name) for name in ("p.parquet", "p.csv")]
    assert read[0].images == read[1].images
    assert (read[0].probabilities == read[1].probabilities).all()
    truth = {"image": ["a", "b", "c"], "Mass": [True, False, None]}
    parquet.write_table(pyarrow.table(truth), tmp_path / "l.parquet")
    assert read_labels(tmp_path / "l.parquet", ["Mass"]).of("Mass") == pytest.approx(
        [1, 0, np.nan], nan_ok=True
    )


def test_parquet_without_its_package_names_the_extra(tmp_path, monkeypatch):
    (tmp_path / "p.parquet").write_bytes(b"PAR1")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(BadTable, match=r"chexnet\[parquet\]"):
        read_table(tmp_path / "p.parquet")


def test_files_that_are_no_tables_are_refused(tmp_path):
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "picture.csv").write_bytes(bytes(range(256)))
    (tmp_path / "not.parquet").write_bytes(b"image,Mass\n")
    for name, reason in (
        ("missing.csv", "no such file"),
        ("empty.csv", "empty"),
        ("picture.csv", "not a CSV"),
        ("not.parquet", "not a Parquet file"),
    ):
        with pytest.raises(BadTable, match=reason):
            read_table(tmp_path / name)


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm(tmp_path):
    path = tmp_path / "p.csv"
    path.write_bytes("﻿image,Mass\r\na.png,0.5\r\n".encode())
    assert read_predictions(path).probabilities.tolist() == [[0.5]]
