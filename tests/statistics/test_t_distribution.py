import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chexnet.statistics import NotEstimable, mean_of_runs
from chexnet.statistics.t_distribution import beta_quantile, beta_share, t_p_value, t_quantile


@given(st.floats(-40, 40), st.floats(0.5, 1e5))
def test_p_values_are_those_of_scipy(t, degrees_of_freedom):
    from scipy.stats import t as student

    # lgamma of large arguments loses some digits.
    assert t_p_value(t, degrees_of_freedom) == pytest.approx(
        2 * student.sf(abs(t), degrees_of_freedom), rel=1e-8, abs=1e-15
    )


@given(st.floats(0.5, 0.999), st.floats(1, 1e5))
def test_quantiles_are_those_of_scipy(confidence, degrees_of_freedom):
    from scipy.stats import t as student

    assert t_quantile(confidence, degrees_of_freedom) == pytest.approx(
        student.ppf(0.5 + confidence / 2, degrees_of_freedom), rel=1e-6
    )


@given(st.floats(0.001, 0.999), st.floats(0.5, 300), st.floats(0.5, 300))
def test_beta_is_that_of_scipy(x, a, b):
    from scipy.special import betainc, betaincinv

    assert beta_share(x, a, b) == pytest.approx(betainc(a, b, x), rel=1e-9, abs=1e-14)
    assert beta_quantile(x, a, b) == pytest.approx(betaincinv(a, b, x), rel=1e-7)


def test_infinite_degrees_of_freedom_are_the_normal_distribution():
    assert t_quantile(0.95, math.inf) == pytest.approx(1.959964, abs=1e-6)
    assert t_p_value(1.959964, math.inf) == pytest.approx(0.05, abs=1e-7)


def test_no_degrees_of_freedom_are_refused():
    with pytest.raises(ValueError, match="positive degrees of freedom"):
        t_p_value(1.0, 0.0)


def test_the_mean_of_runs_has_students_interval():
    # R: t.test(c(0.81, 0.83, 0.82, 0.80))$conf.int gives 0.7944574 and 0.8355426.
    estimate = mean_of_runs([0.81, 0.83, 0.82, 0.80])
    assert (estimate.value, *estimate.interval) == pytest.approx((0.815, 0.7944574, 0.8355426), abs=5e-8)
    with pytest.raises(NotEstimable, match="at least two"):
        mean_of_runs([0.8])
