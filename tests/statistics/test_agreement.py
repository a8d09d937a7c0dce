import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from chexnet.statistics import (
    NotEstimable,
    cohens_kappa,
    fleiss_kappa,
    krippendorffs_alpha,
    pairwise_kappas,
)

binary = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0]), st.sampled_from([0.0, 1.0])), min_size=2, max_size=50
)


@given(binary)
def test_cohens_kappa_equals_scikit_learn(pairs):
    first, second = np.array(pairs).T
    if np.unique(pairs).size < 2:
        with pytest.raises(NotEstimable):
            cohens_kappa(first, second)
    else:
        # Both sum a handful of quotients.
        assert cohens_kappa(first, second) == pytest.approx(cohen_kappa_score(first, second), abs=1e-12)


def test_fleiss_kappa_gives_the_value_of_the_textbook_table():
    # Fourteen raters, ten subjects, five categories; a much printed example with kappa 0.210.
    votes = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    readings = np.array([np.repeat(np.arange(5.0), row) for row in votes]).T
    assert fleiss_kappa(readings) == pytest.approx(0.210, abs=0.0005)


def test_krippendorffs_alpha_gives_the_values_he_published():
    # "Computing Krippendorff's alpha-reliability", sections A (two observers) and C (four, with gaps).
    two = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], dtype=float)
    assert krippendorffs_alpha(two) == pytest.approx(0.095, abs=0.0005)
    gap = np.nan
    four = np.array([
        [1, 2, 3, 3, 2, 1, 4, 1, 2, gap, gap, gap],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, gap, 3],
        [gap, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, gap],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, gap],
    ])  # fmt: skip
    assert krippendorffs_alpha(four) == pytest.approx(0.743, abs=0.0005)


@given(binary)
def test_perfect_agreement_is_one_and_order_of_readers_does_not_matter(pairs):
    readings = np.array(pairs).T
    if np.unique(readings).size < 2:
        return
    assert krippendorffs_alpha(readings) == pytest.approx(krippendorffs_alpha(readings[::-1]))
    alike = np.vstack((readings[0], readings[0]))
    if np.unique(alike).size == 2:
        for measure in (krippendorffs_alpha, fleiss_kappa):
            assert measure(alike) == pytest.approx(1.0)


def test_independent_readers_agree_by_chance_only():
    readings = (np.random.default_rng(0).random((5, 4000)) < 0.3).astype(float)
    # Standard error about 0.005.
    for measure in (krippendorffs_alpha, fleiss_kappa):
        assert abs(measure(readings)) < 0.02


def test_missing_readings_are_left_out():
    gap = np.nan
    first, second = np.array([1, 0, gap, 1, 0]), np.array([1, 0, 1, gap, 1])
    assert cohens_kappa(first, second) == cohens_kappa(first[[0, 1, 4]], second[[0, 1, 4]])
    three = np.vstack((first, second, [1, 1, 1, 1, 1]))
    assert fleiss_kappa(three) == fleiss_kappa(three[:, [0, 1, 4]])


def test_what_cannot_be_compared_says_so():
    gap = np.nan
    with pytest.raises(NotEstimable, match="no image was read by both"):
        cohens_kappa(np.array([1, gap]), np.array([gap, 0]))
    with pytest.raises(NotEstimable, match="1 readers"):
        fleiss_kappa(np.zeros((1, 5)))
    with pytest.raises(NotEstimable, match="no image was read by two"):
        krippendorffs_alpha(np.array([[1, gap], [gap, 0]]))
    with pytest.raises(NotEstimable, match="every reading is the same"):
        krippendorffs_alpha(np.ones((2, 4)))
    assert np.isnan(pairwise_kappas(np.ones((2, 4)))[0, 1])
