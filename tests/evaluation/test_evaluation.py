import json

import numpy as np
import pytest
from simulated import FINDINGS, study, write
from sklearn.metrics import average_precision_score, roc_auc_score

from chexnet.evaluation import (
    EvaluateOptions,
    Thresholds,
    choose_thresholds,
    evaluate,
    find_thresholds,
    thresholds_from_json,
)
from chexnet.leakage import TrainingImages, read_training_list
from chexnet.report import evaluation_json, show_evaluation, write_json
from chexnet.statistics import bootstrap_interval, permutation_test_of_aurocs
from chexnet.tables import BadTable, ColumnNames, Predictions, read_cohort

FEW = EvaluateOptions(samples=300)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="module")
def result(files):
    return evaluate(files[0], files[1], FEW)


def test_aurocs_and_average_precisions_are_scikit_learns(files, result):
    _, _, labels, scores = files
    for column, name in enumerate(FINDINGS[:2]):
        found = result.findings[name]
        assert found.auroc.value == pytest.approx(
            roc_auc_score(labels[:, column], scores[:, column]), abs=1e-12
        )
        assert found.auprc.value == pytest.approx(
            average_precision_score(labels[:, column], scores[:, column]), abs=1e-12
        )
        assert found.positives == labels[:, column].sum()
        assert found.negatives == (~labels[:, column]).sum()


def test_intervals_are_those_of_the_bootstrap_over_patients(tmp_path):
    predicted, labelled, labels, scores = study(tmp_path, images=1200)
    result = evaluate(predicted, labelled, FEW)
    expected = bootstrap_interval(labels[:, 0], scores[:, 0], np.arange(1200) // 4, samples=300)
    found = result.findings["Cardiomegaly"].auroc
    # Text of the predictions keeps every digit; patients are numbered alike up to their order.
    assert found.value == expected.value
    assert found.low == pytest.approx(expected.low, abs=0.02)
    assert found.high == pytest.approx(expected.high, abs=0.02)


def test_a_finding_nobody_has_is_not_estimable_and_says_why(result):
    found = result.findings["Hernia"]
    assert (found.auroc.value, found.auroc.interval) == (None, None)
    assert "none of the 240 images is positive" in found.auroc.reason
    assert result.mean_of == ["Cardiomegaly", "Pneumonia"]
    mean = np.mean([result.findings[name].auroc.value for name in result.mean_of])
    assert result.mean_auroc.value == pytest.approx(mean)


def test_the_json_is_plain_and_complete(result, tmp_path):
    write_json(evaluation_json(result), tmp_path / "out.json")
    content = json.loads((tmp_path / "out.json").read_text())
    pneumonia = content["findings"]["Pneumonia"]
    low, high = pneumonia["auroc_ci"]
    assert low < pneumonia["auroc"] < high
    assert content["findings"]["Hernia"]["auroc"] is None
    assert "positive" in content["findings"]["Hernia"]["auroc_reason"]
    assert content["mean_auroc"] == result.mean_auroc.value
    assert content["data"]["patients"] == 60
    assert len(content["data"]["labels"]["sha256"]) == 64


def test_subgroups_are_measured_on_their_own_images(files, result):
    _, _, labels, scores = files
    by_name = {(one.grouping, one.name): one for one in result.subgroups}
    women = np.arange(240) // 4 % 2 == 0
    found = by_name["sex", "F"]
    assert (found.images, found.patients) == (120, 30)
    assert found.auroc["Pneumonia"].value == pytest.approx(
        roc_auc_score(labels[women, 1], scores[women, 1]), abs=1e-12
    )
    assert {name for grouping, name in by_name if grouping == "age"} == {"18 to 39", "40 to 59", "60 to 79"}
    assert by_name["view", "PA"].images == 120


def test_a_gap_is_the_difference_of_its_two_groups(result):
    by_name = {(one.grouping, one.name): one for one in result.subgroups}
    for gap in result.gaps:
        high = by_name[gap.grouping, gap.highest].auroc[gap.finding].value
        low = by_name[gap.grouping, gap.lowest].auroc[gap.finding].value
        assert gap.difference.value == pytest.approx(high - low)
        assert gap.difference.value >= 0


def test_an_interval_above_all_published_values_is_bold(tmp_path):
    predicted, labelled, _, _ = study(tmp_path, noise=0.3)
    found = evaluate(predicted, labelled, EvaluateOptions(samples=300, published="always"))
    assert len(found.findings["Pneumonia"].above) == 3
    row = next(line for line in show_evaluation(found).splitlines() if line.startswith("| Pneumonia"))
    assert "**" in row
    assert "random split of its own" in show_evaluation(found)


def test_perfect_predictions_have_an_honest_interval(tmp_path):
    _, labelled, labels, _ = study(tmp_path)
    rows = [[f"{row:05}.png", *map(float, labels[row])] for row in range(240)]
    predicted = write(tmp_path / "perfect.csv", ["image", *FINDINGS], *rows)
    found = evaluate(predicted, labelled, FEW).findings["Pneumonia"].auroc
    assert (found.value, found.high) == (1, 1)
    assert 0.8 < found.low < 1


def test_comparing_two_models_is_paired_and_corrected(files, tmp_path):
    first, labelled, labels, scores = files
    second, _, _, others = study(tmp_path, seed=5, noise=2.0)
    found = evaluate(first, labelled, FEW, against=second).comparison
    assert set(found.findings) == set(FINDINGS)
    pneumonia = found.findings["Pneumonia"]
    patients = np.arange(240) // 4
    # Patients are numbered as text sorts, and the exchanges are drawn in that order.
    patients = np.unique(patients.astype(str), return_inverse=True)[1]
    expected = permutation_test_of_aurocs(
        labels[:, 1], scores[:, 1], others[:, 1], patients=patients, samples=300
    )
    assert pneumonia.difference.value == pytest.approx(expected.difference.value, abs=1e-12)
    assert pneumonia.p_value == expected.p_value
    assert pneumonia.p_holm >= pneumonia.p_value
    assert found.findings["Hernia"].p_value is None
    assert pneumonia.difference.low < pneumonia.difference.value < pneumonia.difference.high


def test_a_model_compared_with_itself_differs_by_nothing(files):
    found = evaluate(files[0], files[1], FEW, against=files[0]).comparison
    assert found.mean_difference.value == 0
    assert found.findings["Pneumonia"].p_value == 1


def test_thresholds_decide_with_intervals(files):
    _, _, labels, scores = files
    path = files[0].with_name("thresholds.json")
    path.write_text('{"Pneumonia": 0.5}')
    found = evaluate(files[0], files[1], FEW, thresholds=thresholds_from_json(path)).findings
    assert found["Cardiomegaly"].decisions == {}
    sensitivity = found["Pneumonia"].decisions["sensitivity"]
    assert sensitivity.value == pytest.approx((scores[labels[:, 1], 1] >= 0.5).mean())
    assert sensitivity.low < sensitivity.value < sensitivity.high


def test_thresholds_from_the_test_set_are_refused(files, tmp_path):
    def choose(validation, labels):
        given = {"given": None, "validation": validation, "validation_labels": labels, "policy": "max_f1"}
        return find_thresholds(files[0], files[1], ColumnNames(), **given)

    with pytest.raises(ValueError, match=r"both the test images and the validation images \(240 of 240"):
        choose(files[0], files[1])
    renamed = write(
        tmp_path / "labels.csv",
        ["image", "patient", "Pneumonia"],
        *([f"v{row}", row, row % 2] for row in range(9)),
    )
    other = write(tmp_path / "p.csv", ["image", "Pneumonia"], *([f"v{row}", row / 9] for row in range(9)))
    with pytest.raises(ValueError, match=r"v0: patient 0 is in both .* \(9 of 9 images\)"):
        choose(other, renamed)


def test_thresholds_are_chosen_on_validation_and_say_so(files):
    chosen = choose_thresholds(read_cohort(files[0], files[1]), "max_f1")
    assert set(chosen.values) == {"Cardiomegaly", "Pneumonia"}
    assert "none of the 240" in chosen.not_estimable["Hernia"]
    assert chosen.source == "max_f1 on 240 validation images of 60 patients"


def test_a_threshold_is_found_however_its_finding_is_spelled(tmp_path):
    rows = range(30)
    labelled = write(tmp_path / "l.csv", ["image", "Pleural Thickening"], *([row, row % 2] for row in rows))
    predicted = write(tmp_path / "p.csv", ["image", "Pleural_Thickening"], *([row, row / 30] for row in rows))
    given = Thresholds({"Pleural Thickening": 0.5}, "given", {})
    found = evaluate(predicted, labelled, FEW, thresholds=given).findings["Pleural_Thickening"]
    assert found.threshold == 0.5
    assert found.decisions["sensitivity"].value == pytest.approx(8 / 15)


@pytest.mark.parametrize("text", ["[1]", '{"Mass": "high"}', '{"Mass": true}', "no json"])
def test_thresholds_that_are_none_are_refused(tmp_path, text):
    (tmp_path / "t.json").write_text(text)
    with pytest.raises(ValueError, match=r"t\.json"):
        thresholds_from_json(tmp_path / "t.json")


def test_contamination_is_found_by_image_and_by_patient(files, tmp_path):
    (tmp_path / "train.txt").write_text("00000.png\n00001.png\nelsewhere.png\n")
    patients = {"00000.png": "0", "00001.png": "0", "elsewhere.png": "7"}
    training = read_training_list(tmp_path / "train.txt", patients)
    found = evaluate(files[0], files[1], FEW, training=training).contamination
    assert (found.found, found.images, found.patients) == (True, 2, 2)
    assert found.message.startswith(
        "CONTAMINATED: the model was trained on 2 of these 240 test images, 2 patients"
    )


def test_a_clean_list_and_a_bare_hash_say_what_they_can(files, tmp_path):
    (tmp_path / "train.txt").write_text("elsewhere.png\n")
    clean = evaluate(
        files[0], files[1], FEW, training=read_training_list(tmp_path / "train.txt")
    ).contamination
    assert not clean.found
    bare = TrainingImages("model.onnx", None, "0" * 64, {})
    message = evaluate(files[0], files[1], FEW, training=bare).contamination.message
    assert "partial overlap cannot be excluded" in message


def test_patients_of_training_images_that_the_labels_do_not_know_are_no_clean_bill(files, tmp_path):
    (tmp_path / "train.txt").write_text("elsewhere.png\n")
    listed = read_training_list(tmp_path / "train.txt", {"00000.png": "0"})
    found = evaluate(files[0], files[1], FEW, training=listed).contamination
    assert (found.images, found.patients) == (0, None)
    assert "whether test patients are is not known" in found.message


@pytest.mark.parametrize(
    "text",
    [
        "00000.png 0 1 0\n00001.png 1 0 0\n",
        "films/00000.png\nfilms/00001.png\n",
        "Image Index,Finding Labels\n00000.png,Mass\n00001.png,Hernia\n",
    ],
)
def test_lists_of_training_images_are_understood_with_labels_folders_and_columns(files, tmp_path, text):
    (tmp_path / "train.txt").write_text(text)
    found = evaluate(
        files[0], files[1], FEW, training=read_training_list(tmp_path / "train.txt")
    ).contamination
    assert (found.images, found.patients) == (2, 1)


@pytest.mark.parametrize("text", ["00000.png;1\n00001.png;0\n", "00000.png\n00001.png,3\n"])
def test_a_list_of_more_than_names_is_refused_rather_than_found_clean(tmp_path, text):
    (tmp_path / "train.txt").write_text(text)
    with pytest.raises(BadTable, match=r"train\.txt"):
        read_training_list(tmp_path / "train.txt")


def test_a_model_trained_on_exactly_the_test_images_is_found_by_its_hash(files):
    from chexnet.tables import hash_image_ids

    names = [f"{row:05}.png" for row in range(240)]
    bare = TrainingImages("model.onnx", None, hash_image_ids(names), {})
    assert evaluate(files[0], files[1], FEW, training=bare).contamination.found


def test_a_list_that_is_not_the_models_is_refused(tmp_path):
    (tmp_path / "train.txt").write_text("a.png\n")
    listed = read_training_list(tmp_path / "train.txt")
    with pytest.raises(ValueError, match=r"not the list that model\.onnx was trained on"):
        TrainingImages("model.onnx", None, "0" * 64, {}).with_list(listed)


def test_images_are_matched_by_file_name_where_predictions_give_paths(files, tmp_path):
    _, labelled, _, scores = files
    rows = [[f"films/{row:05}.png", scores[row, 0]] for row in range(240)]
    predicted = write(tmp_path / "p.csv", ["image", "Cardiomegaly"], *rows)
    found = evaluate(predicted, labelled, FEW)
    assert found.cohort.joined_by == "file name"
    assert "without their folders" in show_evaluation(found)


def test_images_without_labels_are_counted_and_the_rest_is_measured(files, tmp_path):
    _, labelled, _, scores = files
    rows = [[f"{row:05}.png", scores[row % 240, 0]] for row in range(250)]
    found = evaluate(write(tmp_path / "p.csv", ["image", "Cardiomegaly"], *rows), labelled, FEW)
    assert found.cohort.without_labels == 10
    assert "Without labels: 10" in show_evaluation(found)


def test_a_column_of_probabilities_without_labels_is_named(files, tmp_path):
    rows = [[row, f"{row:05}.png", 0.5, row / 240] for row in range(240)]
    predicted = write(tmp_path / "p.csv", ["", "image", "Fracture", "Cardiomegaly"], *rows)
    found = evaluate(predicted, files[1], FEW)
    assert list(found.findings) == ["Cardiomegaly"]
    assert "Without labels: the columns Fracture; they are not measured." in show_evaluation(found)
    assert evaluation_json(found)["data"]["columns_without_labels"] == ["Fracture"]


def test_tables_without_a_common_image_are_refused(files, tmp_path):
    predicted = write(tmp_path / "p.csv", ["image", "Cardiomegaly"], ["x.png", "0.5"])
    with pytest.raises(ValueError, match=r"no image has both.*x\.png.*00000\.png"):
        evaluate(predicted, files[1], FEW)


def test_one_patient_only_gives_values_without_intervals(tmp_path):
    rows = [[f"{row}", "same", row % 2] for row in range(20)]
    labelled = write(tmp_path / "l.csv", ["image", "patient", "Mass"], *rows)
    predicted = write(
        tmp_path / "p.csv", ["image", "Mass"], *([f"{row}", row * 7 % 20 / 20] for row in range(20))
    )
    found = evaluate(predicted, labelled, FEW).findings["Mass"].auroc
    assert found.value is not None
    assert found.interval is None
    assert "one patient" in found.reason


def test_without_patients_images_are_resampled_and_it_says_so(files, tmp_path):
    rows = [[f"{row}", row % 2] for row in range(40)]
    labelled = write(tmp_path / "l.csv", ["image", "Mass"], *rows)
    predicted = write(
        tmp_path / "p.csv", ["image", "Mass"], *([f"{row}", row * 7 % 40 / 40] for row in range(40))
    )
    found = evaluate(predicted, labelled, FEW)
    assert "no patient is known" in show_evaluation(found)
    assert evaluation_json(found)["options"]["resampled"] == "images"


def test_blank_labels_take_no_part(tmp_path):
    labelled = write(
        tmp_path / "l.csv", ["image", "Mass"], *([f"{row}", ("1", "0", "")[row % 3]] for row in range(30))
    )
    predicted = write(tmp_path / "p.csv", ["image", "Mass"], *([f"{row}", row / 30] for row in range(30)))
    found = evaluate(predicted, labelled, FEW).findings["Mass"]
    assert (found.positives, found.negatives, found.unlabelled) == (10, 10, 10)


def test_findings_of_any_name_are_evaluated_without_published_columns(tmp_path):
    labelled = write(tmp_path / "l.csv", ["image", "Fracture"], *([f"{row}", row % 2] for row in range(30)))
    predicted = write(
        tmp_path / "p.csv", ["image", "Fracture"], *([f"{row}", row * 7 % 30 / 30] for row in range(30))
    )
    text = show_evaluation(evaluate(predicted, labelled, FEW))
    assert "Fracture" in text
    assert "Wang" not in text


def test_a_misspelt_finding_is_refused_with_its_neighbour(files, tmp_path):
    predicted = write(tmp_path / "p.csv", ["image", "Pnuemonia", "Hernia"], ["00000.png", "0.5", "0.1"])
    with pytest.raises(BadTable, match=r"did you mean 'Pneumonia'.*`rename`, Pnuemonia=Pneumonia"):
        evaluate(predicted, files[1], FEW)


def test_predictions_in_memory_are_evaluated_against_a_file(files):
    _, labelled, _, scores = files
    held = Predictions("mine", [f"{row:05}.png" for row in range(240)], FINDINGS, scores)
    assert (
        evaluate(held, labelled, FEW).mean_auroc.value == evaluate(files[0], labelled, FEW).mean_auroc.value
    )


@pytest.mark.parametrize("interval", ["percentile", "bca"])
def test_the_same_seed_gives_the_same_report(files, interval):
    options = EvaluateOptions(samples=200, interval=interval)
    first, second = (evaluation_json(evaluate(files[0], files[1], options)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("bad", [{"samples": 10}, {"confidence": 95.0}, {"seed": -1}])
def test_impossible_options_cannot_exist(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        EvaluateOptions(**bad)


def test_a_real_chexnets_published_aurocs_are_reproduced(data_dir):
    import csv

    from chexnet.tables import ColumnNames

    folder = data_dir / "predictions" / "reproduce-chexnet"
    found = evaluate(
        folder / "preds.csv",
        data_dir / "chestxray14" / "Data_Entry_2017_v2020.csv",
        EvaluateOptions(samples=100),
        names=ColumnNames(prefix="prob_"),
    )
    with (folder / "aucs.csv").open(newline="") as file:
        published = {row["label"]: float(row["auc"]) for row in csv.DictReader(file)}
    assert len(found.cohort.labels.images) == 22_433
    for name, value in published.items():
        # The published predictions have eight digits.
        assert found.findings[name].auroc.value == pytest.approx(value, abs=1e-4)
    assert found.mean_auroc.value == pytest.approx(0.8383, abs=1e-4)
    assert found.findings["Pneumonia"].auroc.value == pytest.approx(0.7617, abs=1e-4)
