"""Student's t and the beta distribution, without SciPy, which a prediction does not need.

Hillis' degrees of freedom are not whole numbers, so tables do not do.
"""

import math
from collections.abc import Callable

import numpy as np

from chexnet.arrays import Float
from chexnet.statistics.arguments import real, validated
from chexnet.statistics.estimate import (
    Estimate,
    NotEstimable,
    check_confidence,
    normal_p_value,
    normal_quantile,
)

_MANY = 1e7
"""Degrees of freedom from which t and the normal distribution agree to seven digits."""


def t_p_value(t: float, degrees_of_freedom: float) -> float:
    """Two-sided p-value of a t statistic; the normal one for infinite degrees of freedom.

    Raises:
        ValueError: the degrees of freedom are not positive.
    """
    _check(degrees_of_freedom)
    if degrees_of_freedom > _MANY:
        return normal_p_value(t)
    whole = degrees_of_freedom + t * t
    # Whichever argument is small: the other is near 1 and has lost its digits.
    if t * t < degrees_of_freedom:
        return 1 - beta_share(t * t / whole, 0.5, degrees_of_freedom / 2)
    return beta_share(degrees_of_freedom / whole, degrees_of_freedom / 2, 0.5)


def t_quantile(confidence: float, degrees_of_freedom: float) -> float:
    """Half-width, in standard errors, of a two-sided interval: 2.776 for 0.95 and 4 degrees of freedom."""
    check_confidence(confidence)
    _check(degrees_of_freedom)
    if degrees_of_freedom > _MANY:
        return normal_quantile(confidence)
    # In b = df / (df + t**2) the tail grows from 0 to 1.
    share = _halve(lambda b: beta_share(b, degrees_of_freedom / 2, 0.5), 1 - confidence)
    return math.sqrt(degrees_of_freedom * (1 - share) / share) if share else math.inf


@validated(values=real)
def mean_of_runs(values: Float[np.ndarray, " runs"], *, confidence: float = 0.95) -> Estimate:
    """Mean of one number over several training runs that differ in their seed, with its t interval.

    It says what another run of the same recipe on the same data gives on average, and nothing about patients;
    the test images' own uncertainty comes on top.

    Raises:
        NotEstimable: fewer than two runs.
        ValueError: a value is NaN.
    """
    if np.isnan(values).any():
        raise ValueError("a run has no value; leave it out, and say why")
    if values.size < 2:
        raise NotEstimable(f"variation between runs not estimable: expected at least two, got {values.size}")
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(values.size)
    half = t_quantile(confidence, float(values.size - 1)) * error
    return Estimate(mean, mean - half, mean + half)


def beta_quantile(share: float, a: float, b: float) -> float:
    """The value below which a beta distribution holds this share."""
    return _halve(lambda x: beta_share(x, a, b), share)


def beta_share(x: float, a: float, b: float) -> float:
    """Share of a beta distribution below x: the regularised incomplete beta function I_x(a, b)."""
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    # The fraction converges quickly on the side of the mean where x is small.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method."""
    smallest = 1e-300
    numerator, denominator = 1.0, 1 / (1 - (a + b) * x / (a + 1) or smallest)
    value = denominator
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        step = 1.0
        for term in (even, odd):
            denominator = 1 / (1 + term * denominator or smallest)
            numerator = 1 + term / numerator or smallest
            step = numerator * denominator
            value *= step
        if abs(step - 1) < 1e-15:
            break
    return value


def _halve(increasing: Callable[[float], float], wanted: float) -> float:
    """Where a function that grows over [0, 1] reaches a value; relative precision of about 1e-15."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if increasing(middle) < wanted:
            low = middle
        else:
            high = middle
        if high - low <= 1e-15 * high:
            break
    return high


def _check(degrees_of_freedom: float) -> None:
    if not degrees_of_freedom > 0:
        raise ValueError(f"expected positive degrees of freedom, got {degrees_of_freedom}")
