import json

import numpy as np
import pytest
from references import f1_by_counting
from simulated import reader_study, write

from chexnet.evaluation import (
    ReadersOptions,
    compare_readers,
    correct_for_findings,
    find_reader_thresholds,
)
from chexnet.evaluation.operating_points import Thresholds
from chexnet.report import readers_json, show_readers, write_json
from chexnet.statistics import PairedF1, compare_with_readers
from chexnet.statistics import reader_study as reader_study_of_arrays
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
    assert found["R1"].sensitivity.value == pytest.approx(
        (calls[0] & (votes >= 2)).sum() / (votes >= 2).sum()
    )
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
    asked = compare_readers(*files[:2], "Pneumonia", 0.5, by_patient)
    assert (asked.resampled, asked.patients) == ("patients", 40)
    default = compare_readers(*files[:2], "Pneumonia", 0.5, FEW)
    assert default.difference == asked.difference
    assert "80 images of 40 patients" in show_readers(default)
    without = write(
        tmp_path / "r.csv", ["image", "reader", "Pneumonia"], ["0.png", "R1", 1], ["1.png", "R1", 0]
    )
    with pytest.raises(ValueError, match="no column patient"):
        compare_readers(without, files[1], "Pneumonia", 0.5, by_patient)


def test_readings_without_patients_are_resampled_by_image(files, tmp_path):
    lines = [line.split(",") for line in files[0].read_text().split()]
    without = write(tmp_path / "r.csv", *([image, *rest] for image, _, *rest in lines))
    found = compare_readers(without, files[1], "Pneumonia", 0.5, FEW)
    assert (found.resampled, found.patients) == ("images", None)
    assert "no patient is known" in show_readers(found)


def test_as_in_the_paper_images_are_drawn_and_only_these_readers_are_judged(files):
    readings, predictions, calls, probabilities = files
    found = compare_readers(
        readings, predictions, "Pneumonia", 0.5, ReadersOptions(samples=300, as_in_paper=True)
    )
    expected = reader_study_of_arrays(
        calls.astype(float), (probabilities >= 0.5).astype(float), samples=300, confidence=0.95
    )
    assert found.difference == expected.difference
    assert (found.resampled, found.inference) == ("images", {})
    assert "these 4 readers" in show_readers(found)
    assert "says nothing of other readers" in show_readers(found)
    with pytest.raises(ValueError, match="not both"):
        ReadersOptions(as_in_paper=True, resample="patients")


def test_inference_beyond_these_readers_is_that_of_the_arrays(files):
    readings, predictions, calls, probabilities = files
    found = compare_readers(readings, predictions, "Pneumonia", 0.5, FEW)
    clusters = np.arange(80) // 2
    paired = PairedF1(calls.astype(float), (probabilities >= 0.5).astype(float), clusters)
    expected = compare_with_readers(paired.of_raters, 40, samples=300)
    for question in ("these_readers", "average_reader", "one_more_reader"):
        test, wanted = (getattr(one, question) for one in (found.inference["f1"].comparison, expected))
        assert test.difference.interval == pytest.approx(wanted.difference.interval, abs=1e-9)
        # Patients are numbered in another order, so sums may differ in the last digits.
        assert test.p_value == pytest.approx(wanted.p_value, rel=1e-6)
    sensitivity = found.inference["sensitivity"].comparison
    assert sensitivity.model.value == pytest.approx(found.against_consensus["predictions"].sensitivity.value)
    content = readers_json(found)["inference"]["f1"]
    assert content["average_reader"]["p_value"] == pytest.approx(expected.average_reader.p_value, rel=1e-6)
    assert content["one_more_reader"]["degrees_of_freedom"] < content["these_readers"]["degrees_of_freedom"]


def test_operating_points_and_kappas_have_intervals_by_patient(files):
    found = compare_readers(*files[:2], "Pneumonia", 0.5, FEW)
    by_image = compare_readers(*files[:2], "Pneumonia", 0.5, ReadersOptions(samples=300, resample="images"))
    for name, point in found.against_consensus.items():
        assert point.sensitivity.low < point.sensitivity.value < point.sensitivity.high
        assert point.specificity.interval != by_image.against_consensus[name].specificity.interval
    assert all(kappa.low < kappa.value < kappa.high for kappa in found.agreement.cohen.values())
    assert found.model_auroc.interval != by_image.model_auroc.interval


def test_several_findings_are_corrected_for_each_other(files, tmp_path):
    lines = [line.split(",") for line in files[0].read_text().split()]
    header, *rows = lines
    twice = write(tmp_path / "r.csv", [*header[:4], "Nodule"], *([*row[:4], row[3]] for row in rows))
    scores = [line.split(",") for line in files[1].read_text().split()]
    both = write(
        tmp_path / "p.csv", ["image", "Pneumonia", "Nodule"], *([a, b, b] for a, b, *_ in scores[1:])
    )
    found = [compare_readers(twice, both, name, 0.5, FEW) for name in ("Pneumonia", "Nodule")]
    p_value = found[0].inference["f1"].comparison.average_reader.p_value
    assert found[0].inference["f1"].p_holm is None
    corrected = correct_for_findings(found)
    assert [one.inference["f1"].p_holm for one in corrected] == pytest.approx([min(1, 2 * p_value)] * 2)
    assert "(Holm)" in show_readers(corrected[0])


@pytest.mark.parametrize(("threshold", "expected"), [(0.5, "is shown"), (0.9, "is not shown")])
def test_a_margin_asks_for_non_inferiority(files, threshold, expected):
    margin = 0.05
    found = compare_readers(*files[:2], "Pneumonia", threshold, ReadersOptions(samples=300, margin=margin))
    assert f"Non-inferiority within {margin:g} of F1 {expected}." in show_readers(found)
    with pytest.raises(ValueError, match="margin"):
        ReadersOptions(margin=-0.1)


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
