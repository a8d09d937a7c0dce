"""Several readers read the same cases: inference that speaks of readers and cases beyond these.

Obuchowski and Rockette (Communications in Statistics 24, 1995) write a reader's accuracy under a modality as
a mean, random effects of the reader, and an error. Errors covary: Cov1 between modalities of one reader, Cov2
between readers of one modality, Cov3 where both differ. Hillis (Statistics in Medicine 26, 2007) gives the
degrees of freedom that keep the test's size with few readers. The accuracy may be any number: the covariances
come from DeLong's method (AUROC) or from a jackknife over patients (``jackknife_covariance``).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Float
from chexnet.statistics.bootstrap import SAMPLES, Counts, Statistic, jackknife, resample_counts
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.t_distribution import t_p_value, t_quantile

Raters = Callable[[Counts], Float[np.ndarray, "raters resamples"]]
"""One number per rater and resample, such as ``PairedF1.of_raters``; see also ``raters_of``."""


@dataclass(frozen=True)
class DifferenceTest:
    """A difference with its interval and test.

    Attributes:
        difference: with its confidence interval.
        standard_error: of the difference.
        degrees_of_freedom: of the t distribution; infinite for the normal one.
        p_value: two-sided, of no difference.
    """

    difference: Estimate
    standard_error: float
    degrees_of_freedom: float
    p_value: float

    def noninferior(self, margin: float) -> bool:
        """Whether the whole interval of the difference lies above ``-margin``.

        Raises:
            ValueError: the margin is not positive.
        """
        if not margin > 0:
            raise ValueError(f"expected a positive margin of non-inferiority, got {margin}")
        return self.difference.above(-margin)


@dataclass(frozen=True)
class Components:
    """Mean squares and covariances of an Obuchowski–Rockette analysis.

    Attributes:
        modality, reader, interaction: mean squares of the estimates.
        variance: of one reader's estimate under one modality.
        cov1, cov2, cov3: same reader, other modality; other reader, same modality; both differ.
    """

    modality: float
    reader: float
    interaction: float
    variance: float
    cov1: float
    cov2: float
    cov3: float


@dataclass(frozen=True)
class ModalityComparison:
    """Two modalities, such as reading with and without the model, by the same readers on the same cases.

    Attributes:
        modalities: mean over the readers of each, for readers and cases beyond these.
        random: first less second, for readers and cases beyond these.
        these_readers: for these readers, and cases beyond these.
        these_cases: for readers beyond these, and these cases.
    """

    modalities: tuple[Estimate, Estimate]
    random: DifferenceTest
    these_readers: DifferenceTest
    these_cases: DifferenceTest
    components: Components


def raters_of(statistics: Sequence[Statistic]) -> Raters:
    """Several raters' statistics as one function, for the functions of this module."""
    return lambda counts: np.stack([statistic(counts) for statistic in statistics])


def jackknife_covariance(raters: Raters, clusters: int) -> Float[np.ndarray, "raters raters"]:
    """Covariance of several numbers of the same patients, each patient left out in turn.

    Args:
        clusters: patients.

    Raises:
        NotEstimable: a number does not exist without some patient.
    """
    values = jackknife(raters, clusters)
    if np.isnan(values).any():
        raise NotEstimable("covariance not estimable: without some patient a rater's number is undefined")
    deviations = values - values.mean(axis=1, keepdims=True)
    covariance: Float[np.ndarray, "raters raters"] = (clusters - 1) / clusters * (deviations @ deviations.T)
    return covariance


def bootstrap_covariance(
    raters: Raters, clusters: int, *, samples: int = 1000, seed: int = 0
) -> Float[np.ndarray, "raters raters"]:
    """The same covariance from resamples of patients; exists where the jackknife's does not.

    Raises:
        NotEstimable: fewer than two patients, or a number is undefined in more than 5 % of the resamples.
    """
    blocks = resample_counts(clusters, samples, np.random.default_rng(seed))
    drawn = np.concatenate([raters(counts) for counts in blocks], axis=1)
    defined = ~np.isnan(drawn).any(axis=0)
    if defined.mean() < 0.95:
        raise NotEstimable(
            f"covariance not estimable: {1 - defined.mean():.0%} of the resamples have no value"
        )
    covariance: Float[np.ndarray, "raters raters"] = np.cov(drawn[:, defined])
    return covariance


def compare_modalities(
    estimates: Float[np.ndarray, "2 readers"],
    covariance: Float[np.ndarray, "2 readers 2 readers"],
    patients: int,
    confidence: float = 0.95,
) -> ModalityComparison:
    """Obuchowski and Rockette's analysis of two modalities with Hillis' degrees of freedom.

    Args:
        estimates: each reader's accuracy under the two modalities.
        covariance: ``covariance[i, j, k, l]`` of reader j under modality i with reader l under k; from
            ``auroc_covariance`` or ``jackknife_covariance`` over all 2 * readers, reshaped.
        patients: number of cases; fixed readers are tested with ``patients - 1`` degrees of freedom.

    Raises:
        NotEstimable: fewer than two readers.
    """
    modalities, readers = estimates.shape
    if modalities != 2 or readers < 2:
        raise NotEstimable(
            f"expected two modalities and at least two readers, got {modalities} and {readers}"
        )
    parts = _components(estimates, covariance)
    difference = float(estimates[0].mean() - estimates[1].mean())
    between = readers * max(parts.cov2 - parts.cov3, 0.0)
    random = parts.interaction + between
    fixed = parts.variance - parts.cov1 + (readers - 1) * max(parts.cov2 - parts.cov3, 0.0)
    hillis = random**2 / (parts.interaction**2 / (readers - 1)) if parts.interaction else math.inf
    return ModalityComparison(
        modalities=(
            reader_mean(estimates[0], covariance[0, :, 0, :], confidence),
            reader_mean(estimates[1], covariance[1, :, 1, :], confidence),
        ),
        random=t_test(difference, 2 * random / readers, hillis, confidence),
        these_readers=t_test(difference, 2 * fixed / readers, float(patients - 1), confidence),
        these_cases=t_test(difference, 2 * parts.interaction / readers, float(readers - 1), confidence),
        components=parts,
    )


def reader_mean(
    estimates: Float[np.ndarray, " readers"],
    covariance: Float[np.ndarray, "readers readers"],
    confidence: float = 0.95,
) -> Estimate:
    """Mean accuracy of the population that the readers come from, on cases beyond these (Hillis 2007)."""
    mean, test = float(estimates.mean()), mean_over_readers(estimates, covariance, confidence)
    half = t_quantile(confidence, test.degrees_of_freedom) * test.standard_error
    return Estimate(mean, mean - half, mean + half)


def two_way_bootstrap(
    raters: Raters,
    clusters: int,
    *,
    samples: int = SAMPLES,
    seed: int = 0,
) -> Float[np.ndarray, "samples 2"]:
    """Mean of the readers, and last rater (the model) less that mean, over resamples of readers and patients.

    Readers and patients are drawn with replacement in each resample. With few readers the spread between
    them comes out too small by the factor (readers - 1) / readers: prefer ``compare_with_readers``.

    Args:
        raters: the readers' numbers, the model's last.
        clusters: patients.

    Raises:
        NotEstimable: fewer than two patients or readers.
    """
    blocks = resample_counts(clusters, samples, np.random.default_rng(seed))
    drawn = np.concatenate([raters(counts) for counts in blocks], axis=1)
    readers = drawn.shape[0] - 1
    if readers < 2:
        raise NotEstimable(
            f"a bootstrap over readers needs at least two readers and the model, got {readers}"
        )
    chosen = np.random.default_rng([seed, 1]).integers(0, readers, (readers, samples))
    mean = np.take_along_axis(drawn[:-1], chosen, axis=0).mean(axis=0)
    return np.stack((mean, drawn[-1] - mean), axis=1)


def _components(
    estimates: Float[np.ndarray, "modalities readers"],
    covariance: Float[np.ndarray, "modalities readers modalities readers"],
) -> Components:
    modalities, readers = estimates.shape
    of_modality, of_reader = estimates.mean(axis=1), estimates.mean(axis=0)
    residual = estimates - of_modality[:, None] - of_reader + estimates.mean()
    same_modality = np.eye(modalities, dtype=bool)[:, None, :, None]
    same_reader = np.eye(readers, dtype=bool)[None, :, None, :]

    def mean(chosen: np.ndarray) -> float:
        return float(covariance[np.broadcast_to(chosen, covariance.shape)].mean())

    return Components(
        modality=readers * float(of_modality.var(ddof=1)),
        reader=modalities * float(of_reader.var(ddof=1)),
        interaction=float((residual**2).sum()) / ((modalities - 1) * (readers - 1)),
        variance=mean(same_modality & same_reader),
        cov1=mean(~same_modality & same_reader),
        cov2=mean(same_modality & ~same_reader),
        cov3=mean(~same_modality & ~same_reader),
    )


def mean_over_readers(
    values: Float[np.ndarray, " readers"], covariance: Float[np.ndarray, "readers readers"], confidence: float
) -> DifferenceTest:
    """Hillis' test of one mean over random readers and cases: is it zero?"""
    readers = values.size
    if readers < 2:
        raise NotEstimable(f"a population of readers needs at least two of them, got {readers}")
    between = float(values.var(ddof=1))
    cov2 = float(covariance[~np.eye(readers, dtype=bool)].mean())
    total = between + readers * max(cov2, 0.0)
    freedom = total**2 / (between**2 / (readers - 1)) if between else math.inf
    return t_test(float(values.mean()), total / readers, freedom, confidence)


def t_test(difference: float, variance: float, freedom: float, confidence: float) -> DifferenceTest:
    """Test and interval of a difference with a known variance and degrees of freedom.

    Raises:
        NotEstimable: the variance is zero.
    """
    error = math.sqrt(max(variance, 0.0))
    if error == 0:
        # Without any spread only an exact agreement can be judged.
        raise NotEstimable("not estimable: neither readers nor cases show any variation")
    half = t_quantile(confidence, freedom) * error
    estimate = Estimate(difference, difference - half, difference + half)
    return DifferenceTest(estimate, error, freedom, t_p_value(difference / error, freedom))
