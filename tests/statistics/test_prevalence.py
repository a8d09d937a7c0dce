import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chexnet.statistics import predictive_values, rates, rebase


def study(generator, positives=80, negatives=120, sensitivity=0.85, specificity=0.9):
    labels = np.arange(positives + negatives) < positives
    calls = generator.random(labels.size) < np.where(labels, sensitivity, 1 - specificity)
    return labels, calls


def test_at_the_studys_own_prevalence_the_values_are_its_own():
    measured = rates(*study(np.random.default_rng(0)))
    values = predictive_values(measured, measured.prevalence.value)
    assert values.ppv.value == pytest.approx(measured.ppv.value)
    assert values.npv.value == pytest.approx(measured.npv.value)
    assert values.positive_likelihood_ratio.value == pytest.approx(
        measured.sensitivity.value / (1 - measured.specificity.value)
    )


def test_the_intervals_cover_at_another_prevalence():
    generator = np.random.default_rng(1)
    odds = 0.05 / 0.95
    truth = {"ppv": odds * 8.5 / (1 + odds * 8.5), "npv": 6 / odds / (1 + 6 / odds)}
    held = dict.fromkeys(truth, 0)
    for _ in range(400):
        values = predictive_values(rates(*study(generator)), 0.05)
        for name, value in truth.items():
            estimate = getattr(values, name)
            assert estimate.low <= estimate.value <= estimate.high
            held[name] += estimate.low <= value <= estimate.high
    # Standard error 1.1 %.
    assert min(held.values()) / 400 >= 0.92


def test_no_false_alarm_still_has_a_lower_end():
    labels = np.arange(100) < 40
    values = predictive_values(rates(labels, labels & (np.arange(100) < 30)), 0.1)
    assert values.ppv.value == values.ppv.high == 1
    assert 0.3 < values.ppv.low < 1


@given(st.floats(0.01, 0.99), st.floats(0.01, 0.99), st.floats(0.001, 0.999))
def test_rebasing_is_bayes_theorem_and_can_be_undone(old, new, probability):
    rebased = rebase(np.array([probability]), old, new)
    ratio = probability / (1 - probability) / (old / (1 - old))
    assert rebased[0] == pytest.approx(ratio * new / (1 - new) / (1 + ratio * new / (1 - new)))
    assert rebase(rebased, new, old)[0] == pytest.approx(probability)
    with pytest.raises(ValueError, match="expected a prevalence"):
        rebase(np.array([0.5]), old, 5.0)
