"""A number with its interval, and the refusal to give one."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statistics import NormalDist


class NotEstimable(ValueError):
    """The data do not determine this number; the message says why.

    Raised in place of a number that would look like a measurement, such as 0.5 or 0 for the
    AUROC of a pathology that no image has.
    """


@dataclass(frozen=True)
class Estimate:
    """A number with its two-sided confidence interval, or the reason why there is none.

    This is the only type for a measured number in the whole package, and `text` is the only place
    that writes one for people.

    Attributes:
        value: the point estimate; None where the data do not determine it.
        low, high: the ends of the interval; both None where it cannot be given.
        reason: why the value or the interval is missing; None where both are there.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"an interval has two ends or none, got {self.low} and {self.high}")

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends of the interval, or None."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def above(self, bound: float) -> bool:
        """Whether the whole interval lies above a number; False without an interval."""
        return self.low is not None and self.low > bound

    def excludes(self, value: float) -> bool | None:
        """Whether a number lies outside the interval; None without an interval."""
        return None if self.interval is None else not self.interval[0] <= value <= self.interval[1]

    def text(self, digits: int = 3, *, signed: bool = False, percent: bool = False) -> str:
        """For people: ``0.759 (0.672–0.828)``, ``+0.051 (+0.005 to +0.084)``, or "not estimable".

        Args:
            digits: decimals of each number.
            signed: write plus signs, for a difference.
            percent: write a share in per cent.
        """
        if self.value is None:
            return "not estimable"
        form = f"{'+' if signed else ''}.{digits}{'%' if percent else 'f'}"
        if self.interval is None:
            return format(self.value, form)
        low, high = (format(end, form) for end in self.interval)
        # A dash between two signs would be one sign too many.
        return f"{self.value:{form}} ({low}{' to ' if signed else '–'}{high})"

    def numbers(self) -> dict[str, float | None]:
        """Value, low and high, as model files and JSON hold them."""
        return {"value": self.value, "low": self.low, "high": self.high}

    @classmethod
    def from_numbers(cls, stored: Mapping[str, Any]) -> "Estimate":
        """Read what `numbers` gave, also from a mapping with further keys."""
        return cls(stored["value"], stored["low"], stored["high"])


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
