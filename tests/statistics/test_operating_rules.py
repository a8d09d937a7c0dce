"""Rules against a search over every threshold, and the uncertainty of a threshold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chexnet.statistics import (
    NotEstimable,
    OperatingRule,
    confusion,
    operating_point,
    rates,
    threshold_at_sensitivity,
    threshold_max_f1,
    threshold_youden,
)


def images(seed, number=120, prevalence=0.3):
    generator = np.random.default_rng(seed)
    labels = generator.random(number) < prevalence
    labels[:2] = True, False
    logits = generator.normal(size=number) + 1.5 * labels - 1
    return labels, np.round(1 / (1 + np.exp(-logits)), 2)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([0.5, 0.8, 0.9, 0.95]))
def test_rules_choose_what_a_search_over_all_thresholds_chooses(seed, value):
    labels, probabilities = images(seed)
    every = [(t, confusion(labels, probabilities, t)) for t in np.unique(probabilities)]
    assert OperatingRule("sensitivity", value).choose(labels, probabilities) == max(
        t for t, one in every if one.sensitivity >= value - 1e-9
    )
    enough = [t for t, one in every if one.specificity >= value - 1e-9]
    chosen = OperatingRule("specificity", value).choose(labels, probabilities)
    assert chosen == min(enough, default=np.nextafter(probabilities.max(), 2))
    few = [t for t in np.unique(probabilities) if np.mean(probabilities >= t) <= 1 - value + 1e-9]
    chosen = OperatingRule("alarm_rate", 1 - value).choose(labels, probabilities)
    assert chosen == min(few, default=np.nextafter(probabilities.max(), 2))


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_rules_agree_with_the_policies_of_the_same_name(seed):
    labels, probabilities = images(seed)
    assert OperatingRule("youden").choose(labels, probabilities) == threshold_youden(labels, probabilities)
    assert OperatingRule("max_f1").choose(labels, probabilities) == threshold_max_f1(labels, probabilities)
    assert OperatingRule("sensitivity", 0.9).choose(labels, probabilities) == threshold_at_sensitivity(
        labels, probabilities
    )


def test_costs_become_a_threshold_probability():
    # A missed finding weighs nine false alarms: call from one in ten.
    assert OperatingRule.from_costs(false_alarm=1.0, missed_finding=9.0).value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sensitivity", None, "needs a value between 0 and 1"),
        ("specificity", 95.0, "needs a value between 0 and 1, got 95"),
        ("youden", 0.5, "takes no value"),
    ],
)
def test_impossible_rules_do_not_exist(name, value, message):
    with pytest.raises(ValueError, match=message):
        OperatingRule(name, value)


def test_the_point_has_the_rates_of_its_threshold_in_wider_intervals():
    validation, test = images(1, 300), images(2, 300)
    point = operating_point((*validation, None), *test, None, OperatingRule("sensitivity", 0.9), samples=400)
    fixed = rates(test[0], test[1] >= point.threshold.value)
    assert point.threshold.low < point.threshold.value < point.threshold.high
    for name in ("sensitivity", "specificity", "ppv", "npv", "alarm_rate"):
        wide, narrow = getattr(point.rates, name), getattr(fixed, name)
        assert wide.value == narrow.value
        assert wide.low <= narrow.low <= narrow.high <= wide.high
    assert point.rates.specificity.high - point.rates.specificity.low > 1.3 * (
        fixed.specificity.high - fixed.specificity.low
    )
    again = operating_point((*validation, None), *test, None, OperatingRule("sensitivity", 0.9), samples=400)
    assert again == point


def test_the_interval_holds_the_sensitivity_that_new_validation_sets_lead_to():
    from scipy.special import ndtr

    held = fixed_held = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        sets = []
        for _ in range(2):
            labels = np.arange(150) < 30
            sets.append((labels, ndtr(generator.normal(size=150) + 1.5 * labels - 1)))
        point = operating_point(
            (*sets[0], None), *sets[1], None, OperatingRule("specificity", 0.9), samples=150
        )
        # What a specificity of exactly 0.9 is worth in this population.
        truth = float(ndtr(1.5 - 1.2816))
        held += point.rates.sensitivity.low <= truth <= point.rates.sensitivity.high
        fixed = rates(sets[1][0], sets[1][1] >= point.threshold.value).sensitivity
        fixed_held += fixed.low <= truth <= fixed.high
    # Standard error 2.2 %.
    assert held / 100 >= 0.9
    assert fixed_held < held


def test_a_threshold_probability_is_itself_and_one_class_is_refused():
    labels, probabilities = images(0)
    assert OperatingRule("threshold_probability", 0.1).choose(labels, probabilities) == 0.1
    with pytest.raises(NotEstimable):
        OperatingRule("youden").choose(np.zeros(5, dtype=bool), np.linspace(0, 1, 5))
