"""Coverage of the score-type interval, and the equation it solves."""

import math
import subprocess
import sys
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chexnet.statistics import (
    FEW_PATIENTS,
    NotEstimable,
    auroc_covariance,
    auroc_estimate,
    auroc_score_interval,
    mean_auroc,
    newcombe_interval,
    patients_of_classes,
)

ROOT = Path(__file__).resolve().parents[2]


def study(generator, positives, negatives, truth, spread=1.0, images=1):
    shift = NormalDist().inv_cdf(truth) * math.sqrt(1 + spread**2)
    labels = np.repeat(np.arange(positives + negatives) < positives, images)
    patients = np.repeat(np.arange(positives + negatives), images)
    shared, noise = generator.normal(size=positives + negatives)[patients], generator.normal(size=labels.size)
    scores = (shared + noise) / math.sqrt(2) if images > 1 else noise
    return labels, np.where(labels, shift + spread * scores, scores), patients


def coverage(studies, *arguments, **named):
    generator, truth = np.random.default_rng(0), arguments[2]
    held = 0
    for _ in range(studies):
        low, high = auroc_score_interval(*study(generator, *arguments, **named)).interval
        held += low <= truth <= high
    return held / studies


@pytest.mark.parametrize("positives", [3, 5, 10, 20])
@pytest.mark.parametrize("truth", [0.6, 0.8, 0.95])
def test_the_interval_covers_at_3_5_10_and_20_positive_patients(positives, truth):
    # 300 studies: 0.95 less three standard errors of 1.3 %.
    assert coverage(300, positives, 100, truth) >= 0.91


@pytest.mark.parametrize("positives", [3, 10])
def test_it_covers_where_each_patient_has_three_alike_images(positives):
    assert coverage(300, positives, 60, 0.9, images=3) >= 0.91


@pytest.mark.slow
@pytest.mark.parametrize(("images", "spread"), [(1, 0.6), (1, 1.0), (1, 1.5), (3, 1.0)])
@pytest.mark.parametrize("truth", [0.6, 0.7, 0.8, 0.9, 0.95])
@pytest.mark.parametrize(
    ("positives", "lowest"), [(3, 0.875), (5, 0.895), (10, 0.915), (20, 0.92), (50, 0.92)]
)
def test_the_interval_covers_in_1000_studies_of_every_kind(positives, lowest, truth, spread, images):
    # Standard error 0.7 to 0.9 %. The lowest of all is 0.905: three positives with a spread of 1.5.
    assert coverage(1000, positives, 150, truth, spread=spread, images=images) >= lowest


@pytest.mark.slow
@pytest.mark.parametrize(
    "script", [["benchmarks/coverage.py", "--positives", "5"], ["benchmarks/false_alarms.py"]]
)
def test_the_scripts_reproduce_the_tables_of_the_documentation(script):
    command = [sys.executable, *script]
    printed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    documented = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    for line in printed.splitlines():
        assert line in documented


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 30), st.floats(0.5, 0.99))
def test_both_ends_solve_the_score_equation(seed, positives, truth):
    labels, scores, patients = study(np.random.default_rng(seed), positives, 40, truth)
    estimate = auroc_score_interval(labels, scores, patients)
    try:
        delong = float(auroc_covariance(labels, [scores], patients)[0, 0])
    except NotEstimable:
        delong = 0.0
    assert 0 <= estimate.low <= estimate.value <= estimate.high <= 1
    assert estimate.low < estimate.high
    size = (positives + 40) / 2 - 1
    for end in estimate.interval:
        if end in {0.0, 1.0} or (estimate.value in {0.0, 1.0} and end == estimate.value):
            continue
        newcombe = (
            end * (1 - end) * (1 + size * (1 - end) / (2 - end) + size * end / (1 + end)) / (positives * 40)
        )
        spread = estimate.value * (1 - estimate.value)
        scaled = delong * end * (1 - end) / spread if spread else 0.0
        # 1.959964 is the normal quantile to six digits.
        assert abs(end - estimate.value) == pytest.approx(
            1.959964 * math.sqrt(max(newcombe, scaled)), rel=1e-5
        )


def test_images_of_one_patient_add_no_certainty():
    labels, scores, patients = study(np.random.default_rng(4), 5, 50, 0.8)
    once = auroc_score_interval(labels, scores, patients)
    thrice = auroc_score_interval(np.tile(labels, 3), np.tile(scores, 3), np.tile(patients, 3))
    assert thrice.interval == pytest.approx(once.interval, abs=1e-12)
    assert patients_of_classes(np.tile(labels, 3), np.tile(patients, 3)) == (5, 50)


@pytest.mark.parametrize(("positives", "rule"), [(FEW_PATIENTS - 1, "score"), (FEW_PATIENTS, "percentile")])
def test_the_choice_of_the_interval_depends_on_patients_not_on_the_resamples(positives, rule):
    labels, scores, patients = study(np.random.default_rng(1), positives, 300, 0.8)
    distribution = np.linspace(0.1, 0.2, 1000)
    estimate = auroc_estimate(labels, scores, patients, distribution)
    percentiles = (pytest.approx(0.1025), pytest.approx(0.1975))
    expected = (
        percentiles if rule == "percentile" else auroc_score_interval(labels, scores, patients).interval
    )
    assert estimate.interval == expected


def test_perfect_separation_of_many_patients_still_has_an_interval():
    labels = np.arange(400) < 200
    estimate = auroc_estimate(labels, labels.astype(float), None, np.ones(500))
    assert estimate.value == estimate.high == 1
    assert 0.95 < estimate.low < 1


def test_the_mean_of_one_finding_is_that_finding():
    data = study(np.random.default_rng(2), 30, 100, 0.7, spread=1.5)
    mean, single = mean_auroc(*([one] for one in data)), auroc_score_interval(*data)
    assert (mean.value, *mean.interval) == pytest.approx((single.value, *single.interval))


def test_findings_of_the_same_patients_are_not_counted_as_independent():
    labels, scores, patients = study(np.random.default_rng(3), 150, 300, 0.8)
    once = mean_auroc([labels], [scores], [patients])
    copies = mean_auroc([labels] * 3, [scores] * 3, [patients] * 3)
    assert copies.interval == pytest.approx(once.interval, abs=4e-3)


def test_one_rare_finding_does_not_remove_the_interval_of_the_mean():
    held = 0
    for seed in range(200):
        generator = np.random.default_rng(seed)
        findings = [study(generator, positives, 150, 0.8) for positives in (1, 20, 60)]
        estimate = mean_auroc(*zip(*findings, strict=True))
        held += estimate.low <= 0.8 <= estimate.high
    # Standard error 1.5 %.
    assert held / 200 >= 0.91


def test_newcombes_interval_is_hanley_and_mcneils_variance_at_both_ends():
    from scipy.optimize import brentq

    def surprise(auroc):
        size = (10 + 40) / 2 - 1
        ratio = 1 + size * (1 - auroc) / (2 - auroc) + size * auroc / (1 + auroc)
        return abs(0.85 - auroc) - 1.959963985 * math.sqrt(auroc * (1 - auroc) * ratio / 400)

    low, high = newcombe_interval(0.85, 10, 40)
    assert low == pytest.approx(brentq(surprise, 0.3, 0.85), abs=1e-8)
    assert high == pytest.approx(brentq(surprise, 0.85, 1 - 1e-9), abs=1e-8)
    with pytest.raises(ValueError, match="both classes"):
        newcombe_interval(0.85, 0, 40)
