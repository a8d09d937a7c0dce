"""Adjusted AUROCs against pairs counted one by one, and a baseline that knows the view."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chexnet.statistics import NotEstimable, adjusted_auroc, auroc, metadata_baseline, strata_of


def by_pairs(labels, scores, strata):
    won = pairs = 0.0
    shares = []
    for one in np.flatnonzero(labels):
        others = np.flatnonzero(~labels & (strata == strata[one]))
        if others.size:
            below = np.sum(scores[one] > scores[others]) + np.sum(scores[one] == scores[others]) / 2
            won, pairs = won + below, pairs + others.size
            shares.append(below / others.size)
    return won / pairs, np.mean(shares)


@settings(max_examples=30)
@given(st.integers(0, 10**6))
def test_both_forms_equal_pairs_counted_one_by_one(seed):
    generator = np.random.default_rng(seed)
    labels = generator.random(60) < 0.4
    labels[:4] = True, False, True, False
    scores = np.round(generator.normal(size=60) + labels, 1)
    strata = generator.integers(0, 4, 60)
    strata[:2] = 0
    result = adjusted_auroc(labels, scores, strata, samples=20)
    stratified, matched = by_pairs(labels, scores, strata)
    assert result.stratified.value == pytest.approx(stratified)
    assert result.matched.value == pytest.approx(matched)


def confounded(seed, images=4000):
    """A score that only knows the view, which goes with the finding."""
    generator = np.random.default_rng(seed)
    view = np.where(generator.random(images) < 0.4, "AP", "PA")
    labels = generator.random(images) < np.where(view == "AP", 0.4, 0.05)
    return labels, (view == "AP") + 0.1 * generator.normal(size=images), view


def test_a_score_that_only_knows_the_view_is_worth_nothing_within_it():
    labels, scores, view = confounded(0)
    assert auroc(labels, scores) > 0.7
    result = adjusted_auroc(labels, scores, view)
    assert result.stratified.low < 0.5 < result.stratified.high
    assert result.matched.low < 0.5 < result.matched.high
    assert result.strata == 2


def test_the_interval_covers_and_counts_patients():
    held = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        owner = np.repeat(np.arange(150), 2)
        strata = generator.integers(0, 3, 150)[owner]
        labels = (generator.random(150) < 0.35)[owner]
        noise = (generator.normal(size=150)[owner] + generator.normal(size=300)) / np.sqrt(2)
        # Within a stratum the AUROC is Phi(1 / sqrt 2) = 0.7602.
        result = adjusted_auroc(labels, noise + labels + strata, strata, owner, samples=200, seed=seed)
        held += result.stratified.low <= 0.7602 <= result.stratified.high
    # Standard error 2.2 %.
    assert held >= 88


def test_the_baseline_finds_what_the_columns_know_and_no_more():
    labels, _, view = confounded(1)
    generator = np.random.default_rng(2)
    age, sex = generator.normal(50, 15, labels.size), generator.choice(["F", "M"], labels.size)
    age[::50] = np.nan
    known = metadata_baseline(labels, [view, sex], [age])
    assert known.value == pytest.approx(auroc(labels, (view == "AP").astype(float)), abs=0.02)
    nothing = metadata_baseline(labels, [sex], [age])
    assert nothing.low < 0.52


def test_positives_without_a_match_are_counted_and_no_stratum_is_refused():
    labels = np.array([1, 0, 1, 1, 0, 1])
    strata = np.array(["a", "a", "b", "b", "c", "a"])
    result = adjusted_auroc(labels, np.arange(6.0), strata, samples=10)
    assert (result.strata, result.positives_without_match) == (1, 2)
    with pytest.raises(NotEstimable, match="no stratum has positive and negative"):
        adjusted_auroc(labels, np.arange(6.0), labels)


def test_columns_and_age_bands_are_joined():
    names = strata_of(np.array(["AP", "PA"]), np.array(["F", "M"]), ages=np.array([39.0, np.nan]))
    assert names.tolist() == ["AP | F | 3", "PA | M | nan"]
    with pytest.raises(ValueError, match="at least one column"):
        strata_of()
