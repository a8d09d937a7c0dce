import csv
import json

import pytest


def write(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def tables(tmp_path):
    """Forty images of twenty patients, with foreign names."""
    rows = [(f"{row}.png", row // 2, row % 2, (row * 7 % 40 + 8 * (row % 2)) / 60) for row in range(40)]
    predictions = write(tmp_path / "p.csv", ["film", "prob_PT"], *([row[0], row[3]] for row in rows))
    labels = write(tmp_path / "l.csv", ["image", "patient", "Pleural_Thickening"], *(row[:3] for row in rows))
    return predictions, labels


MAPPED = (
    "--image-column",
    "film",
    "--prefix",
    "prob_",
    "--rename",
    "PT=Pleural_Thickening",
    "--samples",
    100,
)


def test_foreign_names_are_mapped_and_the_json_is_written(chexnet_cli, tables, tmp_path):
    predictions, labels = tables
    ran = chexnet_cli("evaluate", predictions, "--labels", labels, "--json", tmp_path / "o.json", *MAPPED)
    assert ran.status == 0
    found = json.loads((tmp_path / "o.json").read_text())["findings"]["Pleural_Thickening"]
    assert (found["positives"], found["negatives"]) == (20, 20)
    assert found["auroc_ci"][0] < found["auroc"] < found["auroc_ci"][1]
    assert "| Pleural thickening" in ran.out
    assert "40 images of 20 patients" in ran.out


def test_contamination_is_shouted_on_stderr(chexnet_cli, tables, tmp_path):
    predictions, labels = tables
    (tmp_path / "train.txt").write_text("0.png\n")
    ran = chexnet_cli(
        "evaluate", predictions, "--labels", labels, "--trained-on", tmp_path / "train.txt", *MAPPED
    )
    assert ran.status == 0
    assert "CONTAMINATED" in ran.err


def test_thresholds_come_from_validation_of_other_patients(chexnet_cli, tables, tmp_path):
    predictions, labels = tables
    ran = chexnet_cli("evaluate", predictions, "--labels", labels, "--validation", predictions, *MAPPED)
    assert ran.status == 1
    assert "thresholds must come from other images and other patients" in ran.err
    others = write(
        tmp_path / "vl.csv",
        ["image", "patient", "PT"],
        *([f"v{row}", 100 + row, row % 2] for row in range(8)),
    )
    validation = write(tmp_path / "v.csv", ["film", "prob_PT"], *([f"v{row}", row / 10] for row in range(8)))
    ran = chexnet_cli(
        "evaluate",
        predictions,
        "--labels",
        labels,
        "--validation",
        validation,
        "--validation-labels",
        others,
        *MAPPED,
    )
    assert ran.status == 0
    assert "sensitivity_90 on 8 validation images of 8 patients" in ran.out


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--rename", "PT"), "expected OLD=NEW"),
        (("--samples", "5"), "need at least 100 resamples"),
        (("--confidence", "95"), "expected a share such as 0.95"),
        (("--images", "films"), "--images is for a model file"),
        (("--interval", "delong"), "is not one of"),
        (("--thresholds", "missing.json"), "missing.json"),
        (("--trained-on", "missing.txt"), "missing.txt: no such file"),
        (("--rename", "PX=Pneumonia"), "--rename: no table has a column 'PX'"),
        (("--image-column", "fil"), "did you mean 'film'?"),
        (("--validation-labels", "labels.csv"), "--validation-labels without --validation"),
        (("--seed", "-1"), "seed is -1"),
        (("--against", "missing.csv"), "missing.csv: no such file"),
    ],
)
def test_wrong_options_give_one_clear_line_and_no_traceback(chexnet_cli, tables, options, reason):
    predictions, labels = tables
    ran = chexnet_cli("evaluate", predictions, "--labels", labels, *MAPPED, *options)
    assert ran.status != 0
    assert reason in ran.err
    assert "Traceback" not in ran.err


def test_a_threshold_of_a_finding_that_nobody_predicted_is_refused(chexnet_cli, tables, tmp_path):
    predictions, labels = tables
    (tmp_path / "t.json").write_text('{"Pleural_Thikening": 0.2}')
    ran = chexnet_cli(
        "evaluate", predictions, "--labels", labels, "--thresholds", tmp_path / "t.json", *MAPPED
    )
    assert ran.status == 1
    assert "no finding 'Pleural_Thikening'; did you mean 'Pleural_Thickening'?" in ran.err


def test_files_that_are_no_tables_give_one_clear_line(chexnet_cli, tables, tmp_path):
    predictions, labels = tables
    (tmp_path / "x.onnx").write_bytes(b"no model")
    for first, second, reason in (
        (tmp_path / "no.csv", labels, "no such file"),
        (predictions, tmp_path / "no.csv", "no such file"),
        (tmp_path, labels, "no such file"),
        (tmp_path / "x.onnx", labels, "name the radiographs to predict with --images"),
    ):
        ran = chexnet_cli("evaluate", first, "--labels", second, *MAPPED)
        assert ran.status == 1
        assert reason in ran.err


def test_a_model_file_is_evaluated_on_images(chexnet_cli, example_film, tmp_path):
    from chexnet.classifier.classifier import DEFAULT_MODEL

    for row in range(4):
        (tmp_path / "films").mkdir(exist_ok=True)
        (tmp_path / "films" / f"{row}.png").write_bytes(example_film.read_bytes())
    (tmp_path / "films" / "broken.png").write_bytes(b"no picture")
    labels = write(
        tmp_path / "l.csv",
        ["image", "patient", "Pneumonia"],
        *([f"{row}.png", row, row % 2] for row in range(4)),
    )
    ran = chexnet_cli(
        "evaluate", DEFAULT_MODEL, "--images", tmp_path / "films", "--labels", labels, "--samples", 100
    )
    assert ran.status == 0
    assert "Not scored: 1 images: 1 (error)." in ran.out
    # Four copies of one film tie.
    assert "0.5000" in ran.out
    # The embedded file knows its training patients, and these numbers are two of them.
    assert "0 of these 4 test images, 2 patients in common" in ran.out
