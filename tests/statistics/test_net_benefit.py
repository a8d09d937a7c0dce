import numpy as np
import pytest

from chexnet.statistics import confusion, decision_curve


def calibrated(seed, images=2000):
    generator = np.random.default_rng(seed)
    probabilities = 1 / (1 + np.exp(2 - 1.5 * generator.normal(size=images)))
    return generator.random(images) < probabilities, probabilities


def test_net_benefit_is_its_definition():
    labels, probabilities = calibrated(0, 300)
    curve = decision_curve(labels, probabilities, thresholds=np.array([0.05, 0.2, 0.5]), samples=50)
    for place, threshold in enumerate(curve.thresholds):
        counted = confusion(labels, probabilities, float(threshold))
        odds = threshold / (1 - threshold)
        expected = counted.true_positives / 300 - counted.false_positives / 300 * odds
        assert curve.model[place] == pytest.approx(expected)
        everybody = labels.mean() - (1 - labels.mean()) * odds
        assert curve.everybody[place] == pytest.approx(everybody)
        assert curve.gain[place] == pytest.approx(expected - max(everybody, 0))


def test_a_calibrated_model_is_worth_using_and_a_useless_one_is_not():
    labels, probabilities = calibrated(1)
    useful = decision_curve(labels, probabilities, samples=200)
    assert (useful.gain >= -1e-3).all()
    assert useful.gain_low[useful.thresholds.searchsorted(0.2)] > 0
    assert (useful.low <= useful.model + 1e-12).all()
    assert (useful.model <= useful.high + 1e-12).all()
    useless = decision_curve(labels, np.random.default_rng(0).permutation(probabilities), samples=200)
    assert useless.gain[useless.thresholds.searchsorted(0.2)] < 0


def test_bands_are_by_patient_and_thresholds_are_checked():
    labels, probabilities = calibrated(2, 300)
    patients = np.arange(300)
    at = {"thresholds": np.array([0.2]), "samples": 300}
    once = decision_curve(labels, probabilities, patients, **at)
    thrice = decision_curve(*(np.tile(one, 3) for one in (labels, probabilities, patients)), **at)
    assert thrice.low == pytest.approx(once.low)
    with pytest.raises(ValueError, match="strictly between"):
        decision_curve(labels, probabilities, thresholds=np.array([0.0]))
