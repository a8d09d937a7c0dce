"""The three questions of a model against readers, and how often each answers a true one wrongly."""

import numpy as np
import pytest

from chexnet.statistics import (
    Decisions,
    NotEstimable,
    PairedF1,
    compare_with_readers,
    raters_of,
    reader_study,
    standalone_tests,
)

CASES, READERS = 400, 5


def study(generator, reader_sd, cases=CASES, readers=READERS, prevalence=0.25):
    """Calls of readers and a model, all drawn from one population, on cases of differing difficulty."""
    from scipy.special import ndtr, ndtri

    truth = generator.random(cases) < prevalence
    sensitivity = np.clip(generator.normal(0.75, reader_sd, readers + 1), 0.05, 0.98)
    # Half of the variance of a call belongs to the case, so readers err on the same ones.
    latent = (generator.normal(size=cases) + generator.normal(size=(readers + 1, cases))) / np.sqrt(2)
    cut = np.where(truth, ndtri(sensitivity)[:, None], ndtri(0.1))
    assert ndtr(cut).max() < 1
    return truth, latent < cut


def sensitivities(truth, calls):
    everyone = np.arange(truth.size)
    return raters_of([Decisions(truth, one, everyone, truth.size).sensitivity for one in calls])


def covariances(truth, calls):
    """Sensitivities and their covariance over cases; the jackknife's, in closed form for a share."""
    right = calls[:, truth].astype(float)
    return right.mean(axis=1), np.cov(right) / truth.sum()


def false_verdicts(reader_sd, studies, seed=0):
    """Share of studies in which each question finds a difference, though the model is one of the readers."""
    generator = np.random.default_rng(seed)
    found = np.zeros(3)
    for _ in range(studies):
        tests = standalone_tests(*covariances(*study(generator, reader_sd)), CASES)
        found += [one.p_value < 0.05 for one in tests]
    return found / studies


@pytest.mark.parametrize("reader_sd", [0.0, 0.05, 0.1])
def test_a_model_of_the_readers_population_rarely_stands_out_from_it(reader_sd):
    these, _, one_more = false_verdicts(reader_sd, 600)
    # Standard error 0.9 % at 0.05. "These readers" is the verdict that a wider claim was drawn from.
    assert one_more <= 0.075
    if reader_sd == 0.1:
        assert these > 0.3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reader_sd", "documented"),
    [(0.0, (0.05, 0.05, 0.02)), (0.05, (0.26, 0.19, 0.05)), (0.1, (0.52, 0.30, 0.06))],
)
def test_the_false_verdicts_are_those_of_the_documentation(reader_sd, documented):
    # 4,000 studies: standard error at most 0.8 %.
    assert false_verdicts(reader_sd, 4000) == pytest.approx(documented, abs=0.02)


def test_a_model_at_the_populations_mean_is_rarely_called_different_from_the_average_reader():
    generator = np.random.default_rng(2)
    found = 0
    for _ in range(600):
        truth, calls = study(generator, 0.1)
        # The model's own sensitivity is the population's mean.
        latent = (generator.normal(size=CASES) + generator.normal(size=CASES)) / np.sqrt(2)
        calls[-1] = latent < np.where(truth, 0.6745, -1.2816)
        found += standalone_tests(*covariances(truth, calls), CASES)[1].p_value < 0.05
    assert found / 600 <= 0.075


def test_the_closed_form_covariances_are_those_of_the_jackknife():
    truth, calls = study(np.random.default_rng(1), 0.05)
    result = compare_with_readers(sensitivities(truth, calls), CASES, samples=500)
    values, covariance = covariances(truth, calls)
    these, average, one_more = standalone_tests(values, covariance, CASES)
    assert result.model.value == pytest.approx(values[-1])
    # A jackknife over all cases of a share among the positives: off by a factor of about 1 + 1 / 100.
    assert result.these_readers.standard_error == pytest.approx(these.standard_error, rel=0.02)
    assert result.average_reader.standard_error == pytest.approx(average.standard_error, rel=0.02)
    assert result.one_more_reader.standard_error == pytest.approx(one_more.standard_error, rel=0.02)
    assert these.standard_error <= one_more.standard_error
    assert result.bootstrap.value == pytest.approx(these.difference.value)


def test_wider_questions_have_wider_intervals_on_the_papers_f1_too():
    _, calls = study(np.random.default_rng(4), 0.1)
    paired = PairedF1(calls[:-1].astype(float), calls[-1].astype(float), np.arange(CASES))
    result = compare_with_readers(paired.of_raters, CASES, samples=2000)
    paper = reader_study(calls[:-1].astype(float), calls[-1].astype(float), samples=2000)
    assert result.these_readers.difference.value == pytest.approx(paper.difference.value)
    width = paper.difference.high - paper.difference.low
    fixed = result.these_readers.difference
    # Bootstrap and jackknife over the same images agree to the noise of 2,000 resamples.
    assert fixed.high - fixed.low == pytest.approx(width, rel=0.08)
    assert result.one_more_reader.standard_error > result.these_readers.standard_error


def test_non_inferiority_needs_a_positive_margin():
    truth, calls = study(np.random.default_rng(1), 0.0)
    test = standalone_tests(*covariances(truth, calls), CASES)[0]
    assert test.noninferior(0.9)
    assert not test.noninferior(1e-6) or test.difference.low > -1e-6
    with pytest.raises(ValueError, match="positive margin"):
        test.noninferior(0.0)


def test_an_undefined_number_and_a_single_reader_are_named():
    truth, calls = study(np.random.default_rng(1), 0.0)
    with pytest.raises(NotEstimable, match="undefined on these data"):
        compare_with_readers(sensitivities(np.zeros(CASES, dtype=bool), calls), CASES, samples=10)
    with pytest.raises(NotEstimable, match="at least two"):
        compare_with_readers(sensitivities(truth, calls[:2]), CASES, samples=10)
