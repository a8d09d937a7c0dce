"""What an evaluation says, and does not say, when few patients have a finding."""

import numpy as np
import pytest
from simulated import write

from chexnet.evaluation import EvaluateOptions, Thresholds, evaluate
from chexnet.report import show_evaluation
from chexnet.statistics import auroc_score_interval, wilson_interval


def rare(folder, patients, seed=1, images=120):
    """Two images of each patient; a rare finding of some patients, and a common one; well ranked both."""
    generator = np.random.default_rng(seed)
    owner = np.arange(images) // 2
    labels = np.stack((owner < patients, generator.random(images) < 0.4), axis=1)
    scores = 1 / (1 + np.exp(-(generator.normal(size=(images, 2)) + 3 * labels)))
    names = [f"{row}.png" for row in range(images)]
    predicted = write(
        folder / "p.csv", ["image", "Hernia", "Mass"], *zip(names, *scores.T.tolist(), strict=True)
    )
    labelled = write(
        folder / "l.csv",
        ["image", "patient", "Hernia", "Mass"],
        *zip(names, owner, *labels.T.astype(int).tolist(), strict=True),
    )
    return predicted, labelled, labels, scores, owner


@pytest.mark.parametrize("patients", [1, 3, 9])
def test_nothing_is_concluded_from_few_patients(tmp_path, patients):
    predicted, labelled, *_ = rare(tmp_path, patients)
    found = evaluate(predicted, labelled, EvaluateOptions(samples=100, published="always"))
    hernia = found.findings["Hernia"]
    assert (hernia.positives, hernia.positive_patients) == (2 * patients, patients)
    assert hernia.above == []
    row = next(line for line in show_evaluation(found).splitlines() if line.startswith("| Hiatal hernia"))
    assert "**" not in row
    assert f"| {patients} (few)" in row
    assert "Few: fewer than 10 patients" in show_evaluation(found)


@pytest.mark.parametrize("patients", [1, 3, 12])
def test_the_interval_of_a_rare_finding_exists_and_does_not_depend_on_the_seed(tmp_path, patients):
    predicted, labelled, labels, scores, owner = rare(tmp_path, patients)
    intervals = {
        evaluate(predicted, labelled, EvaluateOptions(samples=100, seed=seed))
        .findings["Hernia"]
        .auroc.interval
        for seed in (0, 1, 2)
    }
    assert intervals == {auroc_score_interval(labels[:, 0], scores[:, 0], owner).interval}


def test_one_rare_finding_does_not_remove_the_interval_of_the_mean(tmp_path):
    predicted, labelled, *_ = rare(tmp_path, 1)
    found = evaluate(predicted, labelled, EvaluateOptions(samples=400))
    assert found.mean_of == ["Hernia", "Mass"]
    areas = [found.findings[name].auroc.value for name in found.mean_of]
    assert found.mean_auroc.value == pytest.approx(np.mean(areas))
    assert found.mean_auroc.low < found.mean_auroc.value < found.mean_auroc.high


def test_a_perfect_sensitivity_has_an_interval(tmp_path):
    predicted, labelled, *_ = rare(tmp_path, 5)
    thresholds = Thresholds({"Hernia": 0.0}, "given", {})
    found = evaluate(predicted, labelled, EvaluateOptions(samples=100), thresholds=thresholds)
    sensitivity = found.findings["Hernia"].decisions["sensitivity"]
    # Ten images, but five patients.
    low, _ = wilson_interval(np.array([1.0]), np.array([5.0]))
    assert (sensitivity.value, sensitivity.low, sensitivity.high) == (1.0, pytest.approx(low[0]), 1.0)


def test_intervals_of_rates_count_patients(tmp_path):
    predicted, labelled, labels, scores, owner = rare(tmp_path, 12)
    thresholds = Thresholds({"Mass": 0.8}, "given", {})
    by_patient = evaluate(predicted, labelled, EvaluateOptions(samples=100), thresholds=thresholds)
    alike = write(
        tmp_path / "alike.csv",
        ["image", "patient", "Hernia", "Mass"],
        *(
            (f"{row}.png", owner[row], int(labels[row, 0]), int(labels[row - row % 2, 1]))
            for row in range(120)
        ),
    )
    same = write(
        tmp_path / "same.csv",
        ["image", "Hernia", "Mass"],
        *((f"{row}.png", *scores[row - row % 2].tolist()) for row in range(120)),
    )
    # Both images of a patient alike: the interval is that of half as many images.
    doubled = evaluate(same, alike, EvaluateOptions(samples=100), thresholds=thresholds)
    found = doubled.findings["Mass"].decisions["specificity"]
    patients = doubled.findings["Mass"].negative_patients
    low, high = wilson_interval(np.array([found.value]), np.array([float(patients)]))
    assert found.interval == pytest.approx((low[0], high[0]), abs=0.02)
    assert by_patient.findings["Mass"].decisions["specificity"].interval is not None


def test_published_values_stand_only_beside_labels_of_chestxray14(tmp_path):
    predicted, labelled, *_ = rare(tmp_path, 12)
    own = show_evaluation(evaluate(predicted, labelled, EvaluateOptions(samples=100)))
    assert "random split of its own" not in own
    mined = write(
        tmp_path / "Data_Entry.csv",
        ["Image Index", "Patient ID", "Finding Labels"],
        *(
            [f"{row}.png", row // 2, "Hernia" if row < 24 else "Mass" if row % 3 else "No Finding"]
            for row in range(120)
        ),
    )
    found = evaluate(predicted, mined, EvaluateOptions(samples=100))
    assert "random split of its own" in show_evaluation(found)
    hidden = evaluate(predicted, mined, EvaluateOptions(samples=100, published="never"))
    assert "random split of its own" not in show_evaluation(hidden)
