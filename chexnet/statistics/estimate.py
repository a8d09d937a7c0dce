"""A number with its interval, and the refusal to give one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from statistics import NormalDist


class NotEstimable(ValueError):
    """The data do not determine this number; the message says why.

    Raised in place of a number that would look like a measurement, such as 0.5 or 0 for the
    AUROC of a pathology that no image has.
    """


@dataclass(frozen=True)
class Interval:
    """Two-sided confidence interval."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True)
class Estimate:
    """A point estimate with its confidence interval."""

    value: float
    low: float
    high: float

    @property
    def interval(self) -> Interval:
        """The interval without its point estimate."""
        return Interval(self.low, self.high)


def standard_normal() -> "NormalDist":
    """The standard normal distribution; the module behind it takes too long to load for a prediction."""
    from statistics import NormalDist

    return NormalDist()


def normal_quantile(confidence: float) -> float:
    """Half-width, in standard errors, of a two-sided interval: 1.96 for 0.95."""
    check_confidence(confidence)
    return standard_normal().inv_cdf(0.5 + confidence / 2)


def normal_p_value(z: float) -> float:
    """Two-sided p-value of a standard normal deviate."""
    return 2 * standard_normal().cdf(-abs(z))


def check_confidence(confidence: float) -> None:
    """Refuse 95 where 0.95 was meant."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence}; 95 % is 0.95")
