"""A model alone against readers: three questions that a reader study can mean, each with its own answer.

* *These readers*: is the model better than the mean of the readers at hand, on cases beyond these? This is
  the paper's question (section 4.1). It says nothing about other readers.
* *The average reader*: is it better than the mean of the population that they come from? Hillis' test of one
  mean, on each reader's difference from the model.
* *One more reader*: does the model stand out from that population? A reader drawn from it differs from its
  mean, so a model may differ from the mean and still be like one more reader.
"""

import math
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Float
from chexnet.statistics.bootstrap import SAMPLES, percentile_interval
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.multireader import (
    DifferenceTest,
    Raters,
    jackknife_covariance,
    mean_over_readers,
    reader_mean,
    t_test,
    two_way_bootstrap,
)
from chexnet.statistics.t_distribution import t_quantile


@dataclass(frozen=True)
class StandaloneComparison:
    """The model less the mean of the readers, with the inference of each question.

    Attributes:
        model: its accuracy; on cases beyond these.
        readers: each reader's accuracy; on cases beyond these.
        readers_mean: mean of the readers' population; on readers and cases beyond these.
        these_readers: fixed readers, random cases.
        average_reader: random readers and cases, the model against the population's mean.
        one_more_reader: random readers and cases, the model as one more reader.
        bootstrap: the difference with its two-way bootstrap interval, over readers and patients.
    """

    model: Estimate
    readers: tuple[Estimate, ...]
    readers_mean: Estimate
    these_readers: DifferenceTest
    average_reader: DifferenceTest
    one_more_reader: DifferenceTest
    bootstrap: Estimate


def compare_with_readers(
    raters: Raters,
    clusters: int,
    *,
    confidence: float = 0.95,
    samples: int = SAMPLES,
    seed: int = 0,
) -> StandaloneComparison:
    """Compare a model with several readers in one accuracy: AUROC, sensitivity, specificity or F1.

    Build ``raters`` with ``raters_of([... each reader's statistic, the model's])``, such as
    ``Decisions(truth, calls, clusters, patients).sensitivity`` or ``Ranking(...).auroc``; for the paper's
    mean F1 it is ``PairedF1(...).of_raters``. The covariances are a jackknife over patients.

    Args:
        raters: the readers' numbers, the model's last.
        clusters: patients; at least two.

    Raises:
        NotEstimable: fewer than two readers, a number that is undefined on the data or without one of the
            patients, or no variation.
    """
    values = raters(np.ones((clusters, 1), dtype=np.float32))[:, 0]
    if values.size < 3:
        raise NotEstimable(f"a population of readers needs at least two of them, got {values.size - 1}")
    if np.isnan(values).any():
        raise NotEstimable("not estimable: a rater's number is undefined on these data")
    covariance = jackknife_covariance(raters, clusters)
    own = tuple(
        _own_interval(float(value), float(variance), clusters, confidence)
        for value, variance in zip(values, np.diag(covariance), strict=True)
    )
    resampled = two_way_bootstrap(raters, clusters, samples=samples, seed=seed)[:, 1]
    difference = float(values[-1] - values[:-1].mean())
    try:
        bootstrapped = Estimate(difference, *percentile_interval(resampled, confidence))
    except NotEstimable as error:
        bootstrapped = Estimate(difference, reason=str(error))
    return StandaloneComparison(
        own[-1],
        own[:-1],
        reader_mean(values[:-1], covariance[:-1, :-1], confidence),
        *standalone_tests(values, covariance, clusters, confidence),
        bootstrapped,
    )


def standalone_tests(
    values: Float[np.ndarray, " raters"],
    covariance: Float[np.ndarray, "raters raters"],
    patients: int,
    confidence: float = 0.95,
) -> tuple[DifferenceTest, DifferenceTest, DifferenceTest]:
    """The model's difference from these readers, from their population's mean, and as one more reader.

    Args:
        values: accuracies, the model's last.
        covariance: of the accuracies, over cases.

    Raises:
        NotEstimable: fewer than two readers, or no variation.
    """
    less_readers = values[-1] - values[:-1]
    crossed = covariance[-1, :-1]
    of_differences = covariance[:-1, :-1] - crossed - crossed[:, None] + covariance[-1, -1]
    over_cases = float(of_differences.mean())
    return (
        t_test(float(less_readers.mean()), over_cases, float(patients - 1), confidence),
        mean_over_readers(less_readers, of_differences, confidence),
        _one_more_reader(less_readers, covariance, over_cases, confidence),
    )


def _one_more_reader(
    less_readers: Float[np.ndarray, " readers"],
    covariance: Float[np.ndarray, "raters raters"],
    over_cases: float,
    confidence: float,
) -> DifferenceTest:
    """Whether the model lies outside the population of readers.

    If the model is one of them, its distance from the mean of the others varies by the readers' spread
    times (1 + 1 / readers), and by the cases.
    """
    readers = less_readers.size
    between = float(less_readers.var(ddof=1))
    same = np.eye(readers, dtype=bool)
    among = covariance[:-1, :-1]
    # What of the spread between readers the cases alone explain.
    from_cases = float(among[same].mean() - among[~same].mean())
    widened = 1 + 1 / readers
    variance = max(between - from_cases, 0.0) * widened + over_cases
    freedom = (readers - 1) * (variance / (between * widened)) ** 2 if between else math.inf
    return t_test(float(less_readers.mean()), variance, max(freedom, float(readers - 1)), confidence)


def _own_interval(value: float, variance: float, patients: int, confidence: float) -> Estimate:
    """A rater's accuracy with its jackknife interval over patients, kept in [0, 1]."""
    if variance <= 0:
        return Estimate(value, reason="interval not estimable: no patient changes the number")
    half = t_quantile(confidence, float(patients - 1)) * math.sqrt(variance)
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0))
