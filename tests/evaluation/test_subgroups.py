"""Gaps between groups: counted, tested against chance, in any column."""

import numpy as np
import pytest
from simulated import write

from chexnet.evaluation import EvaluateOptions, Thresholds, evaluate
from chexnet.report import show_evaluation
from chexnet.statistics import measure_calibration, rates
from chexnet.tables import BadTable, ColumnNames

FEW = EvaluateOptions(samples=200)


def by_scanner(folder, worse=0.0, images=1200, scanners=2):
    """One image of each patient; on the last scanner the model ranks worse by so much noise."""
    generator = np.random.default_rng(0)
    labels = generator.random(images) < 0.3
    scanner = np.arange(images) % scanners
    noise = np.where(scanner == scanners - 1, 1 + worse, 1.0)
    scores = 1 / (1 + np.exp(-(generator.normal(size=images) * noise + 2 * labels - 2)))
    names = [f"{row}.png" for row in range(images)]
    predicted = write(folder / "p.csv", ["image", "Mass"], *zip(names, scores.tolist(), strict=True))
    labelled = write(
        folder / "l.csv",
        ["image", "patient", "scanner", "Mass"],
        *zip(names, range(images), (f"S{one}" for one in scanner), labels.astype(int), strict=True),
    )
    return predicted, labelled, labels, scores, scanner


def test_any_column_makes_subgroups_with_their_own_numbers(tmp_path):
    predicted, labelled, labels, scores, scanner = by_scanner(tmp_path)
    names = ColumnNames(groups=("scanner",))
    found = evaluate(predicted, labelled, FEW, names=names, thresholds=Thresholds({"Mass": 0.4}, "given", {}))
    groups = {one.name: one for one in found.subgroups if one.grouping == "scanner"}
    assert list(groups) == ["S0", "S1"]
    inside = scanner == 0
    own = groups["S0"]
    assert own.patients_of_classes["Mass"] == (labels[inside].sum(), (~labels[inside]).sum())
    expected = rates(labels[inside], scores[inside] >= 0.4)
    assert own.underdiagnosis["Mass"] == expected.underdiagnosis
    assert own.overdiagnosis["Mass"] == expected.overdiagnosis
    slope = measure_calibration(labels[inside], scores[inside]).slope
    assert own.calibration["Mass"].slope.value == pytest.approx(slope.value)


def test_a_real_gap_is_found_and_tested(tmp_path):
    predicted, labelled, *_ = by_scanner(tmp_path, worse=3.0)
    found = evaluate(predicted, labelled, FEW, names=ColumnNames(groups=("scanner",)))
    (gap,) = found.gaps
    assert (gap.highest, gap.lowest) == ("S0", "S1")
    assert gap.p_value < 0.01
    assert gap.p_holm == gap.p_value
    assert gap.positive_patients[0] > 100
    assert f"S0 ({gap.positive_patients[0]})" in show_evaluation(found)


def test_a_gap_by_chance_is_not_called_one(tmp_path):
    predicted, labelled, *_ = by_scanner(tmp_path, scanners=8)
    found = evaluate(predicted, labelled, FEW, names=ColumnNames(groups=("scanner",)))
    (gap,) = found.gaps
    assert gap.p_holm is None or gap.p_holm > 0.05


def test_groups_with_few_patients_make_no_gap(tmp_path):
    predicted, labelled, *_ = by_scanner(tmp_path, images=40)
    found = evaluate(predicted, labelled, FEW, names=ColumnNames(groups=("scanner",)))
    assert found.gaps == []
    assert all(one.auroc["Mass"].interval for one in found.subgroups)


def test_a_column_of_identifiers_is_refused(tmp_path):
    predicted, labelled, *_ = by_scanner(tmp_path, images=40)
    with pytest.raises(BadTable, match=r"column 'patient' has 40 values; subgroups need .* at most 20"):
        evaluate(predicted, labelled, FEW, names=ColumnNames(groups=("patient",)))


def test_scores_and_verdicts_of_the_product_are_not_columns_without_labels(tmp_path):
    _, labelled, _, scores, _ = by_scanner(tmp_path)
    rows = ([f"{row}.png", one, one, int(one > 0.4), one] for row, one in enumerate(scores.tolist()))
    predicted = write(tmp_path / "own.csv", ["image", "Mass", "score_Mass", "present_Mass", "Other"], *rows)
    found = evaluate(predicted, labelled, FEW)
    assert found.data.not_labelled == ("Other",)
