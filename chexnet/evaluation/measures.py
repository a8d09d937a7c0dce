"""Numbers with intervals, all from one set of resamples, or the reason why there is none."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chexnet._options import Progress
from chexnet.arrays import Float
from chexnet.statistics import (
    Estimate,
    NotEstimable,
    Statistic,
    bca_interval,
    bootstrap,
    jackknife,
    percentile_interval,
)


@dataclass(frozen=True)
class Resampling:
    """How intervals are made.

    Attributes:
        samples: bootstrap resamples, 10,000 in the paper (section 4.1).
        method: percentile, as the paper, or BCa.
        confidence: 0.95 in the paper.
        seed: the same seed gives the same resamples.
    """

    samples: int = 10_000
    method: Literal["percentile", "bca"] = "percentile"
    confidence: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.samples < 100:
            raise ValueError(f"samples is {self.samples}; an interval's ends need at least 100 resamples")
        if not 0 < self.confidence < 1:
            raise ValueError(f"confidence is {self.confidence}; expected a share such as 0.95")
        if self.seed < 0:
            raise ValueError(f"seed is {self.seed}; expected 0 or more")


class Measurements:
    """Statistics gathered first and resampled together, so that every difference is paired."""

    def __init__(self, clusters: int, resampling: Resampling) -> None:
        self._clusters, self._resampling = clusters, resampling
        self._values: dict[str, float] = {}
        self._statistics: dict[str, Statistic] = {}
        self._reasons: dict[str, str] = {}
        self._distribution: Float[np.ndarray, "samples statistics"] | None = None
        self._leave_one_out: Float[np.ndarray, "clusters statistics"] | None = None

    @property
    def resampling(self) -> Resampling:
        """How intervals are made."""
        return self._resampling

    @property
    def confidence(self) -> float:
        """Of the intervals."""
        return self._resampling.confidence

    def add(self, name: str, statistic: Statistic) -> None:
        """A statistic by its name; its value is what it gives when every patient counts once."""
        self._statistics[name] = statistic
        everyone = np.ones((self._clusters, 1), dtype=np.float32)
        self._values[name] = float(statistic(everyone)[0])

    def add_not_estimable(self, name: str, reason: str) -> None:
        """A number that these data do not give."""
        self._reasons[name] = reason

    def resample(self, progress: Progress | None = None) -> None:
        """Run the bootstrap (and for BCa the jackknife) for all that was added."""
        if not self._statistics or self._clusters < 2:
            return
        chosen = list(self._statistics.values())
        self._distribution = bootstrap(
            chosen, self._clusters, self._resampling.samples, self._resampling.seed, progress
        )
        if self._resampling.method == "bca":
            self._leave_one_out = np.stack([jackknife(one, self._clusters) for one in chosen], axis=1)

    def value(self, name: str) -> float | None:
        """The number on the data; None where it is not estimable."""
        value = self._values.get(name, np.nan)
        return None if np.isnan(value) else value

    def measure(self, name: str) -> Estimate:
        """One statistic with its interval."""
        return self.combine({name: 1.0})

    def mean(self, names: Iterable[str]) -> Estimate:
        """The mean of several, such as the mean AUROC, on the same resamples.

        A resample without a patient who has some rare finding still has a mean: the others' mean deviation
        from their values stands in for the missing one, so one rare finding does not remove the interval.
        """
        chosen = list(names)
        return self.combine({name: 1 / len(chosen) for name in chosen}, fill=True)

    def difference(self, first: str, second: str) -> Estimate:
        """First minus second on the same resamples."""
        return self.combine({first: 1.0, second: -1.0})

    def combine(self, weights: dict[str, float], *, fill: bool = False) -> Estimate:
        """A weighted sum of statistics with its interval.

        Args:
            fill: whether a statistic that a resample lacks is replaced, as `mean` describes.
        """
        missing = next((name for name in weights if self.value(name) is None), None)
        if missing is not None or not weights:
            return Estimate(
                None, reason=self._reasons.get(missing or "", "not estimable: nothing to measure")
            )
        value = sum(weight * self._values[name] for name, weight in weights.items())
        if self._distribution is None:
            return Estimate(value, reason="no interval: all images are of one patient")
        try:
            interval = self._interval(value, weights, fill)
        except NotEstimable as error:
            return Estimate(value, reason=str(error))
        return Estimate(value, *interval)

    def _interval(self, value: float, weights: dict[str, float], fill: bool) -> tuple[float, float]:
        distribution, confidence = self._combined(self._distribution, weights, fill), self.confidence
        if self._leave_one_out is None:
            return percentile_interval(distribution, confidence)
        return bca_interval(
            distribution, value, self._combined(self._leave_one_out, weights, fill), confidence
        )

    def _combined(
        self, rows: Float[np.ndarray, "rows statistics"] | None, weights: dict[str, float], fill: bool
    ) -> Float[np.ndarray, " rows"]:
        if rows is None:
            raise ValueError("resample first")
        names = list(self._statistics)
        columns = rows[:, [names.index(name) for name in weights]]
        factors = np.array(list(weights.values()))
        if not fill:
            combined: Float[np.ndarray, " rows"] = columns @ factors
            return combined
        values = np.array([self._values[name] for name in weights])
        moved = columns - values
        # The share of the weights whose statistics a resample has.
        had: Float[np.ndarray, " rows"] = ~np.isnan(moved) @ np.abs(factors) / np.abs(factors).sum()
        deviation = np.nan_to_num(moved) @ factors
        return np.where(had > 0, values @ factors + deviation / np.where(had > 0, had, 1.0), np.nan)
