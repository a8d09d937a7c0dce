import json

import numpy as np
import pytest
from references import f1_by_counting
from simulated import reader_study, write

from chexnet.evaluation import ReadersOptions, compare_readers, find_reader_thresholds
from chexnet.evaluation.operating_points import Thresholds
from chexnet.report import readers_json, show_readers, write_json
from chexnet.tables import BadTable, ColumnNames, read_readings

FEW = ReadersOptions(samples=300)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return reader_study(tmp_path_factory.mktemp("readers"))


def test_the_table_is_section_4_1_on_the_files(files):
    readings, predictions, calls, probabilities = files
    found = compare_readers(readings, predictions, "Pneumonia", 0.5, FEW)
    raters = [*calls, probabilities >= 0.5]
    expected = [
        np.mean([f1_by_counting(other, rater) for place, other in enumerate(raters) if place != index])
        for index, rater in enumerate(raters)
    ]
    assert [one.value for one in found.readers.values()] == pytest.approx(expected[:4])
    assert found.model.value == pytest.approx(expected[4])
    assert found.difference.value == pytest.approx(expected[4] - np.mean(expected[:4]))
    assert list(found.readers) == ["R1", "R2", "R3", "R4"]


def test_the_json_has_the_promised_fields(files, tmp_path):
    write_json(readers_json(compare_readers(*files[:2], "Pneumonia", 0.5, FEW)), tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    for entry in (*content["readers"].values(), content["readers_mean"], content["model"]):
        low, high = entry["ci"]
        assert low < entry["f1"] < high
    low, high = content["difference"]["ci"]
    assert content["difference"]["significant"] is not (low <= 0 <= high)
    assert len(content["agreement"]["cohen"]) == 6


def test_each_reader_faces_the_majority_of_the_others(files):
    readings, predictions, calls, _ = files
    found = compare_readers(readings, predictions, "Pneumonia", 0.5, FEW).against_consensus
    votes = calls[1:].sum(axis=0)
    # Three others cannot tie.
    assert found["R1"].left_out == 0
    assert found["R1"].sensitivity == pytest.approx((calls[0] & (votes >= 2)).sum() / (votes >= 2).sum())
    ties = calls.sum(axis=0) == 2
    assert found["predictions"].left_out == ties.sum()


def test_an_option_leaves_the_model_out_of_the_radiologists_references(files):
    readings, predictions, calls, _ = files
    found = compare_readers(
        readings, predictions, "Pneumonia", 0.5, ReadersOptions(samples=300, model_as_reference=False)
    )
    assert found.readers["R1"].value == pytest.approx(
        np.mean([f1_by_counting(calls[other], calls[0]) for other in (1, 2, 3)])
    )


def test_resampling_patients_needs_patients(files, tmp_path):
    by_patient = ReadersOptions(samples=300, resample="patients")
    assert compare_readers(*files[:2], "Pneumonia", 0.5, by_patient).resampled == "patients"
    without = write(
        tmp_path / "r.csv", ["image", "reader", "Pneumonia"], ["0.png", "R1", 1], ["1.png", "R1", 0]
    )
    with pytest.raises(ValueError, match="no column patient"):
        compare_readers(without, files[1], "Pneumonia", 0.5, by_patient)


def test_a_finding_nobody_calls_is_not_estimable_and_has_no_verdict(files):
    found = compare_readers(*files[:2], "Mass", 0.5, FEW)
    assert found.model.value is None
    assert found.significant is None
    text = show_readers(found)
    assert "Verdict: none" in text
    assert "0 / 0" in text


def test_images_without_prediction_are_counted(files, tmp_path):
    readings, _, _, probabilities = files
    some = write(
        tmp_path / "p.csv", ["image", "Pneumonia"], *([f"{row}.png", probabilities[row]] for row in range(30))
    )
    found = compare_readers(readings, some, "Pneumonia", 0.5, FEW)
    assert (found.images, found.not_predicted) == (30, 50)


def test_wrong_requests_are_refused(files, tmp_path):
    readings, predictions = files[:2]
    with pytest.raises(BadTable, match="did you mean 'Pneumonia'"):
        compare_readers(readings, predictions, "Pneumnia", 0.5, FEW)
    with pytest.raises(ValueError, match=r"threshold is 50\.0; expected a probability"):
        compare_readers(readings, predictions, "Pneumonia", 50.0, FEW)
    elsewhere = write(tmp_path / "p.csv", ["image", "Pneumonia"], ["x.png", 0.5])
    with pytest.raises(ValueError, match=r"no image was both read and predicted"):
        compare_readers(readings, elsewhere, "Pneumonia", 0.5, FEW)


def thresholds(files, **options):
    chosen = {"validation": None, "validation_labels": None, "policy": "max_f1", "names": ColumnNames()}
    readings = read_readings(files[0], ["Pneumonia", "Mass"])
    return find_reader_thresholds(options.pop("given", {}), readings, **chosen | options)


def test_thresholds_must_come_from_somewhere_else_than_the_films_read(files, tmp_path):
    with pytest.raises(ValueError, match="would flatter the model"):
        thresholds(files)
    labelled = write(
        tmp_path / "l.csv",
        ["image", "patient", "Pneumonia"],
        # Patient 0 was read; patients 900 and up were not.
        ["0.png", 0, 1], ["other.png", 0, 1], *([f"v{row}.png", 900 + row, row % 2] for row in range(10)),
    )  # fmt: skip
    predicted = write(
        tmp_path / "p.csv",
        ["image", "Pneumonia"],
        ["0.png", 0.01], ["other.png", 0.01], *([f"v{row}.png", 0.2 + 0.5 * (row % 2)] for row in range(10)),
    )  # fmt: skip
    chosen = thresholds(files, validation=predicted, validation_labels=labelled)
    assert chosen.of("Pneumonia") == 0.7
    assert "10 validation images of 10 patients" in chosen.source


def test_thresholds_are_given_by_name(files):
    assert thresholds(files, given={"Pneumonia": 0.3}).of("pneumonia") == 0.3
    with pytest.raises(ValueError, match="expected a probability"):
        thresholds(files, given={"Mass": 3.0})
    with pytest.raises(ValueError, match=r"Edema: no threshold given"):
        Thresholds({}, "given", {}).of("Edema")


def test_five_real_radiologists_and_a_real_chexnet_meet_on_188_films(data_dir):
    found = compare_readers(
        data_dir / "readers" / "google_all_findings_expert_labels" / "test_individual_readers.csv",
        data_dir / "predictions" / "reproduce-chexnet" / "preds.csv",
        "Pleural_Thickening",
        0.1,
        FEW,
        names=ColumnNames(prefix="prob_"),
    )
    assert (found.images, found.not_predicted, len(found.readers)) == (188, 622, 5)
