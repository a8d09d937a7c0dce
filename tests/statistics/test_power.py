import numpy as np
import pytest

from chexnet.statistics import (
    Components,
    auroc_covariance,
    compare_modalities,
    permutation_test_of_aurocs,
    plan_reader_study,
    positives_for_comparison,
    power_of_comparison,
)
from chexnet.statistics.power import noncentral_t_power


@pytest.mark.parametrize("shift", [0.0, 1.0, 2.8, 5.0])
@pytest.mark.parametrize("freedom", [2.0, 4.0, 15.3, 200.0])
def test_the_power_of_t_tests_is_that_of_scipy(shift, freedom):
    from scipy.stats import nct, t

    needed = t.ppf(0.975, freedom)
    expected = nct.sf(needed, freedom, shift) + nct.cdf(-needed, freedom, shift)
    assert noncentral_t_power(shift, freedom) == pytest.approx(expected, abs=2e-4)


def test_the_fewest_positives_reach_the_power_and_one_less_does_not():
    needed = positives_for_comparison(0.80, 0.85, negatives_per_positive=4.0, correlation=0.4)
    assert power_of_comparison(0.80, 0.85, needed, 4 * needed, correlation=0.4) >= 0.8
    assert power_of_comparison(0.80, 0.85, needed - 1, 4 * (needed - 1), correlation=0.4) < 0.8
    assert power_of_comparison(0.8, 0.8, 100, 100) == pytest.approx(0.05)
    assert positives_for_comparison(0.80, 0.85, correlation=0.0) > positives_for_comparison(0.80, 0.85)


def test_the_planned_power_is_reached_in_simulated_studies():
    generator = np.random.default_rng(0)
    found = 0
    correlations = []
    for seed in range(200):
        labels = np.arange(280) < 70
        shared = generator.normal(size=280) * 0.7
        scores = [
            shared + np.sqrt(0.51) * generator.normal(size=280) + shift * labels for shift in (1.4657, 1.0488)
        ]
        covariance = auroc_covariance(labels, scores)
        correlations.append(covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]))
        found += permutation_test_of_aurocs(labels, *scores, samples=300, seed=seed).p_value <= 0.05
    # AUROCs of 0.85 and 0.771; standard error 3.4 %; Hanley and McNeil's variance is that of another model.
    planned = power_of_comparison(0.85, 0.771, 70, 210, correlation=float(np.mean(correlations)))
    assert found / 200 == pytest.approx(planned, abs=0.12)


def test_a_plan_for_the_pilots_own_size_has_its_error_and_more_readers_or_cases_help():
    pilot = Components(0.0, 0.0, 0.00055103, 0.00080229, 0.00034661, 0.00034407, 0.00023903)
    plan = plan_reader_study(pilot, 114, 0.05, readers=5, cases=114)
    # Van Dyke's data: see test_multireader.
    assert plan.standard_error == pytest.approx(0.02074862, rel=1e-4)
    assert plan.degrees_of_freedom == pytest.approx(15.26, abs=0.01)
    wider = plan_reader_study(pilot, 114, 0.05, readers=10, cases=114)
    longer = plan_reader_study(pilot, 114, 0.05, readers=5, cases=400)
    assert plan.power < wider.power
    assert plan.power < longer.power
    with pytest.raises(ValueError, match="two readers"):
        plan_reader_study(pilot, 114, 0.05, readers=1, cases=100)


def test_the_planned_power_of_a_reader_study_is_reached_in_simulated_ones():
    generator = np.random.default_rng(1)
    variance, cov1, cov2, cov3, between = 0.0008, 0.00035, 0.00034, 0.00024, 0.0002
    readers, difference, found = 5, 0.06, 0
    same_modality, same_reader = np.eye(2), np.eye(readers)
    covariance = np.array(
        [
            [
                {(1, 1): variance, (0, 1): cov1, (1, 0): cov2, (0, 0): cov3}[
                    int(same_modality[i, k]), int(same_reader[j, m])
                ]
                for k in range(2)
                for m in range(readers)
            ]
            for i in range(2)
            for j in range(readers)
        ]
    )
    root = np.linalg.cholesky(covariance + 1e-15 * np.eye(2 * readers))
    for _ in range(250):
        estimates = (root @ generator.normal(size=2 * readers)).reshape(2, readers)
        estimates += np.sqrt(between) * generator.normal(size=(2, readers)) + [[difference], [0.0]]
        result = compare_modalities(estimates, covariance.reshape(2, readers, 2, readers), 114)
        found += result.random.p_value <= 0.05
    pilot = Components(0.0, 0.0, between + variance - cov1 - cov2 + cov3, variance, cov1, cov2, cov3)
    planned = plan_reader_study(pilot, 114, difference, readers, 114)
    # Standard error 3 %.
    assert found / 250 == pytest.approx(planned.power, abs=0.09)
