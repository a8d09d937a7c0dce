"""Thresholds by what they are to reach, with their own uncertainty."""

import numpy as np
import pytest
from simulated import study

from chexnet.evaluation import EvaluateOptions, choose_thresholds, evaluate, find_thresholds
from chexnet.report import show_evaluation
from chexnet.statistics import OperatingRule, confusion, rates
from chexnet.tables import ColumnNames, read_cohort

FEW = EvaluateOptions(samples=200)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Test and validation tables of other images and other patients."""
    folder = tmp_path_factory.mktemp("points")
    predicted, labelled, labels, scores = study(folder)
    validation = folder / "validation.csv"
    moved = (f"v{line}" for line in predicted.read_text().split())
    validation.write_text("\n".join(moved).replace("vimage", "image"))
    other = folder / "other.csv"
    header, *lines = labelled.read_text().split()
    rows = [line.split(",") for line in lines]
    other.write_text("\n".join([header, *(",".join([f"v{one[0]}", f"v{one[1]}", *one[2:]]) for one in rows)]))
    return predicted, labelled, validation, other, labels, scores


def chosen(files, rule):
    predicted, labelled, validation, other, *_ = files
    return find_thresholds(
        predicted,
        labelled,
        ColumnNames(),
        given=None,
        validation=validation,
        validation_labels=other,
        policy=rule,
    )


@pytest.mark.parametrize("reached", [0.6, 0.8, 0.95])
def test_a_sensitivity_is_reached_and_not_by_more_than_needed(files, reached):
    thresholds = chosen(files, OperatingRule("sensitivity", reached))
    labels, scores = files[4][:, 1], files[5][:, 1]
    threshold = thresholds.of("Pneumonia")
    assert confusion(labels, scores, threshold).sensitivity >= reached
    above = np.min(scores[scores > threshold])
    assert confusion(labels, scores, above).sensitivity < reached
    assert f"sensitivity {reached:g} on 240 validation images of 60 patients" in thresholds.source


def test_the_rates_include_the_uncertainty_of_the_threshold(files):
    thresholds = chosen(files, OperatingRule("specificity", 0.9))
    found = evaluate(files[0], files[1], FEW, thresholds=thresholds).findings["Pneumonia"]
    low, high = found.threshold_interval
    assert low < found.threshold < high
    fixed = rates(files[4][:, 1], files[5][:, 1] >= found.threshold, np.arange(240) // 4)
    assert found.decisions["sensitivity"].value == fixed.sensitivity.value
    assert found.decisions["sensitivity"].low < fixed.sensitivity.low
    assert found.decisions["sensitivity"].high >= fixed.sensitivity.high


def test_a_threshold_probability_needs_no_validation(files):
    rule = OperatingRule("threshold_probability", 0.2)
    thresholds = find_thresholds(
        files[0], files[1], ColumnNames(), given=None, validation=None, validation_labels=None, policy=rule
    )
    assert set(thresholds.values.values()) == {0.2}
    text = show_evaluation(evaluate(files[0], files[1], FEW, thresholds=thresholds))
    assert "threshold probability 0.2" in text
    with pytest.raises(ValueError, match="chosen on `validation` images"):
        find_thresholds(
            files[0],
            files[1],
            ColumnNames(),
            given=None,
            validation=None,
            validation_labels=None,
            policy=OperatingRule("sensitivity", 0.9),
        )


def test_a_policy_by_name_is_the_rule_behind_it(files):
    cohort = read_cohort(files[2], files[3])
    by_name, by_rule = (
        choose_thresholds(cohort, one) for one in ("sensitivity_90", OperatingRule("sensitivity", 0.9))
    )
    assert by_name.values == by_rule.values
    assert by_name.rule == by_rule.rule
