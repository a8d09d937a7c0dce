"""Rules that choose an operating point on validation images, and what that choice is worth on test images.

A threshold is an estimate too: other validation images would have given another. ``operating_point`` draws
validation patients and test patients again, chooses the threshold anew each time, and so gives sensitivity,
specificity and predictive values that include the uncertainty of the threshold.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np

from chexnet.arrays import Bool, Float, Shaped
from chexnet.statistics.arguments import binary, identities, real, validated
from chexnet.statistics.bootstrap import clusters_of, resample_counts
from chexnet.statistics.estimate import Estimate, NotEstimable, check_confidence
from chexnet.statistics.proportions import Rates, rates
from chexnet.statistics.roc import check_no_nan, check_two_classes

Rule = Literal["sensitivity", "specificity", "alarm_rate", "threshold_probability", "youden", "max_f1"]
"""The name of a rule; see ``OperatingRule``."""

_WITHOUT_VALUE = ("youden", "max_f1")


@dataclass(frozen=True)
class OperatingRule:
    """How a threshold is chosen; an image is called where its probability is at or above it.

    Attributes:
        name: ``sensitivity``: the highest threshold with at least this sensitivity. ``specificity``: the
            lowest with at least this specificity. ``alarm_rate``: the lowest that calls at most this
            share of the images. ``threshold_probability``: this probability itself, which is right
            where a missed finding weighs (1 - p) / p times a false alarm, for calibrated probabilities.
            ``youden``: highest sensitivity + specificity. ``max_f1``: highest F1.
        value: the share or probability; None for the last two.
    """

    name: Rule
    value: float | None = None

    def __post_init__(self) -> None:
        if self.name not in get_args(Rule):
            raise ValueError(f"expected a rule among {', '.join(get_args(Rule))}; got {self.name!r}")
        if self.name in _WITHOUT_VALUE:
            if self.value is not None:
                raise ValueError(f"the rule {self.name} takes no value, got {self.value}")
        elif self.value is None or not 0 < self.value < 1:
            raise ValueError(f"the rule {self.name} needs a value between 0 and 1, got {self.value}")

    @classmethod
    def from_costs(cls, false_alarm: float, missed_finding: float) -> "OperatingRule":
        """The threshold probability at which both errors weigh the same (Vickers and Elkin 2006).

        Raises:
            ValueError: a cost is not positive.
        """
        if not (false_alarm > 0 and missed_finding > 0):
            raise ValueError(f"expected positive costs, got {false_alarm} and {missed_finding}")
        return cls("threshold_probability", false_alarm / (false_alarm + missed_finding))

    @validated(labels=binary, probabilities=real)
    def choose(
        self, labels: Bool[np.ndarray, " images"], probabilities: Float[np.ndarray, " images"]
    ) -> float:
        """The threshold for validation images.

        Raises:
            NotEstimable: only one class is present.
            ValueError: a probability is NaN.
        """
        return _Ordered(labels, probabilities, None).chosen(self, None)


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold from validation images, and what it does on test images.

    Attributes:
        threshold: with its interval over validation patients.
        rates: on the test images; the intervals include the uncertainty of the threshold.
    """

    rule: OperatingRule
    threshold: Estimate
    rates: Rates


@validated(labels=binary, probabilities=real, patients=identities)
def operating_point(
    validation: tuple[Bool[np.ndarray, " v"], Float[np.ndarray, " v"], Shaped[np.ndarray, " v"] | None],
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None,
    rule: OperatingRule,
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> OperatingPoint:
    """Choose a threshold on validation images and measure it on test images, with both uncertainties.

    Each interval spans that over both resamplings and that of ``rates`` at the chosen threshold, so that
    it is never narrower than without the choice, and exists for 5 of 5.

    Args:
        validation: labels, probabilities and patients (or None) of the validation images.
        labels: of the test images, as the next two.

    Raises:
        NotEstimable: only one class is present among the validation or the test images.
    """
    check_confidence(confidence)
    chosen_on = _Ordered(*_checked(*validation))
    measured_on = _Ordered(labels, probabilities, patients)
    threshold = chosen_on.chosen(rule, None)
    generator = np.random.default_rng(seed)
    thresholds, values = [], []
    for drawn, tested in zip(
        chosen_on.resamples(samples, generator), measured_on.resamples(samples, generator), strict=True
    ):
        try:
            thresholds.append(chosen_on.chosen(rule, drawn))
        except NotEstimable:
            continue
        values.append(measured_on.rates_at(thresholds[-1], tested))
    fixed = rates(labels, probabilities >= threshold, patients, confidence=confidence)
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    columns = dict(zip([one.name for one in fields(Rates)], np.array(values).T, strict=True))
    return OperatingPoint(
        rule,
        Estimate(threshold, *_around(threshold, np.quantile(thresholds, tails))),
        Rates(**{name: _spanned(getattr(fixed, name), column, tails) for name, column in columns.items()}),
    )


class _Ordered:
    """Images from the highest probability down, with the rates above every distinct one, under weights."""

    def __init__(
        self,
        labels: Bool[np.ndarray, " images"],
        probabilities: Float[np.ndarray, " images"],
        patients: Shaped[np.ndarray, " images"] | None,
    ) -> None:
        check_two_classes(labels)
        check_no_nan(probabilities)
        order = np.argsort(-probabilities, kind="stable")
        self._labels, self._owner = labels[order], clusters_of(patients, labels.size)[order]
        ordered = probabilities[order].astype(np.float64)
        self._last = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), ordered.size - 1)
        self._thresholds = ordered[self._last]

    def resamples(
        self, samples: int, generator: np.random.Generator
    ) -> Iterator[Float[np.ndarray, " images"]]:
        """How often each image, in this order, was drawn with its patient."""
        for block in resample_counts(int(self._owner.max()) + 1, samples, generator, block=16):
            yield from block[self._owner].T.astype(np.float64)

    def chosen(self, rule: OperatingRule, weights: Float[np.ndarray, " images"] | None) -> float:
        if rule.name == "threshold_probability":
            assert rule.value is not None
            return rule.value
        right, wrong = self._above(weights)
        if not right[-1] or not wrong[-1]:
            raise NotEstimable("not estimable: a resample of the validation images has one class only")
        return self._select(rule, right, wrong)

    def _select(
        self, rule: OperatingRule, right: Float[np.ndarray, " levels"], wrong: Float[np.ndarray, " levels"]
    ) -> float:
        positives, negatives = right[-1], wrong[-1]
        # In sums of whole weights, so that equal values compare equal.
        if rule.name == "youden":
            return float(self._thresholds[np.argmax(right * negatives - wrong * positives)])
        if rule.name == "max_f1":
            return float(self._thresholds[np.argmax(2 * right / (right + wrong + positives))])
        assert rule.value is not None
        # 0.9 of 10 must be 9, though 0.9 * 10 may come out a hair above it.
        if rule.name == "sensitivity":
            return float(self._thresholds[np.argmax(right >= rule.value * positives - 1e-9)])
        if rule.name == "specificity":
            allowed = np.flatnonzero(wrong <= (1 - rule.value) * negatives + 1e-9)
        else:
            allowed = np.flatnonzero(right + wrong <= rule.value * (positives + negatives) + 1e-9)
        if not allowed.size:
            # Even the highest probability calls too many: call none.
            return float(np.nextafter(self._thresholds[0], np.inf))
        return float(self._thresholds[allowed[-1]])

    def rates_at(self, threshold: float, weights: Float[np.ndarray, " images"]) -> list[float]:
        """In the order of the fields of ``Rates``; NaN where a denominator is zero."""
        right, wrong = self._above(weights)
        place = int(np.searchsorted(-self._thresholds, -threshold, side="right")) - 1
        tp, fp = (right[place], wrong[place]) if place >= 0 else (0.0, 0.0)
        positives, negatives = right[-1], wrong[-1]
        everyone, fn, tn = positives + negatives, positives - tp, negatives - fp
        pairs = (
            (tp, positives), (tn, negatives), (tp, tp + fp), (tn, fn + tn),
            (fn, positives), (fp, negatives), (tp + fp, everyone), (positives, everyone),
        )  # fmt: skip
        return [float(part / whole) if whole else float("nan") for part, whole in pairs]

    def _above(
        self, weights: Float[np.ndarray, " images"] | None
    ) -> tuple[Float[np.ndarray, " levels"], Float[np.ndarray, " levels"]]:
        """Weight of the positives and of the negatives at or above each distinct probability."""
        drawn = np.ones(self._labels.size) if weights is None else weights
        right, every = np.cumsum(drawn * self._labels)[self._last], np.cumsum(drawn)[self._last]
        return right, every - right


@validated(labels=binary, probabilities=real, patients=identities)
def _checked(
    labels: Bool[np.ndarray, " images"],
    probabilities: Float[np.ndarray, " images"],
    patients: Shaped[np.ndarray, " images"] | None,
) -> tuple[Bool[np.ndarray, " images"], Float[np.ndarray, " images"], Shaped[np.ndarray, " images"] | None]:
    return labels, probabilities, patients


def _around(value: float, ends: Float[np.ndarray, " 2"]) -> tuple[float, float]:
    return min(float(ends[0]), value), max(float(ends[1]), value)


def _spanned(
    fixed: Estimate, resampled: Float[np.ndarray, " samples"], tails: tuple[float, float]
) -> Estimate:
    """The wider of the interval at the fixed threshold and that over both resamplings, end by end."""
    defined = resampled[~np.isnan(resampled)]
    if fixed.interval is None or not defined.size:
        return fixed
    low, high = np.quantile(defined, tails)
    return Estimate(fixed.value, min(float(low), fixed.interval[0]), max(float(high), fixed.interval[1]))
