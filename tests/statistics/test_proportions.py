"""Wilson's interval, its clustered form, and kappas, against formulas and simulations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chexnet.statistics import (
    NotEstimable,
    cohens_kappa,
    confusion_of_calls,
    kappa_estimate,
    proportion,
    rates,
)


def test_five_of_five_has_an_interval():
    # R: prop.test(5, 5, correct = FALSE)$conf.int gives 0.5655 and 1.
    assert proportion([1] * 5).interval == pytest.approx((0.5655, 1.0), abs=5e-5)
    assert proportion([0] * 5).interval == pytest.approx((0.0, 0.4345), abs=5e-5)


def test_one_image_per_patient_is_wilsons_interval():
    # R: prop.test(32, 40, correct = FALSE)$conf.int gives 0.6524 and 0.8950.
    outcomes = np.arange(40) < 32
    assert proportion(outcomes).interval == pytest.approx((0.6524, 0.8950), abs=5e-5)
    assert proportion(outcomes, np.arange(40)) == proportion(outcomes)


@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(2, 5))
def test_repeating_every_image_of_a_patient_never_narrows_the_interval(seed, patients, images):
    outcomes = np.random.default_rng(seed).random(patients) < 0.7
    once = proportion(outcomes)
    repeated = proportion(np.repeat(outcomes, images), np.repeat(np.arange(patients), images))
    assert repeated.high - repeated.low >= once.high - once.low - 1e-12
    assert 0 <= repeated.low <= repeated.value <= repeated.high <= 1


@pytest.mark.parametrize(("patients", "share"), [(15, 0.9), (40, 0.8), (40, 0.5)])
def test_the_clustered_interval_covers(patients, share):
    generator = np.random.default_rng(0)
    held = plain = 0
    for _ in range(500):
        # Beta-binomial with a correlation of 0.5 between the four images of a patient.
        own = generator.beta(share, 1 - share, patients)
        outcomes = generator.random((patients, 4)) < own[:, None]
        low, high = proportion(outcomes.ravel(), np.repeat(np.arange(patients), 4)).interval
        held += low <= share <= high
        low, high = proportion(outcomes.ravel()).interval
        plain += low <= share <= high
    # Standard error 1 %.
    assert held / 500 >= 0.92
    assert plain / 500 <= 0.85


def test_rates_are_the_ratios_of_the_confusion_matrix_and_say_what_is_missing():
    labels = np.array([1, 1, 1, 0, 0, 0, 0, 0])
    calls = np.array([1, 1, 0, 1, 0, 0, 0, 0])
    counted, measured = confusion_of_calls(labels, calls), rates(labels, calls)
    assert measured.sensitivity.value == counted.sensitivity
    assert measured.specificity.value == counted.specificity
    assert (measured.ppv.value, measured.npv.value) == (counted.ppv, counted.npv)
    assert measured.underdiagnosis.value == pytest.approx(1 - counted.sensitivity)
    assert measured.overdiagnosis.value == pytest.approx(1 - counted.specificity)
    assert (measured.alarm_rate.value, measured.prevalence.value) == (3 / 8, 3 / 8)
    silent = rates(labels, np.zeros(8))
    assert silent.ppv.value is None
    assert silent.ppv.reason == "not estimable: no image is called"


def test_kappas_have_intervals_by_patient_and_a_perfect_one_too():
    generator = np.random.default_rng(2)
    first = (generator.random(120) < 0.4).astype(float)
    second = np.where(generator.random(120) < 0.2, 1 - first, first)
    estimate = kappa_estimate(first, second)
    assert estimate.value == cohens_kappa(first, second)
    # Large-sample standard error (Cohen 1960): sqrt(po (1 - po) / n) / (1 - pe).
    po = np.mean(first == second)
    pe = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
    error = np.sqrt(po * (1 - po) / 120) / (1 - pe)
    assert (estimate.high - estimate.low) / 3.96 == pytest.approx(error, rel=0.05)
    thrice = kappa_estimate(np.repeat(first, 3), np.repeat(second, 3), np.repeat(np.arange(120), 3))
    assert thrice.interval == pytest.approx(estimate.interval, abs=1e-9)
    perfect = kappa_estimate(first, first)
    assert perfect.value == perfect.high == 1
    assert 0.8 < perfect.low < 1


def test_no_image_is_named():
    with pytest.raises(NotEstimable, match="no image"):
        proportion([])
