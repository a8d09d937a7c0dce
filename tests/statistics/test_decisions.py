import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from references import expand, f1_by_counting

from chexnet.statistics import Decisions, WeightedMean, clusters_of, resample_counts
from chexnet.statistics.bootstrap import weigh
from chexnet.statistics.thresholds import confusion_of_calls

NAMES = ("f1", "sensitivity", "specificity", "ppv", "npv")


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 60))
def test_counts_give_what_resampled_copies_give(seed, images):
    generator = np.random.default_rng(seed)
    labels, calls = generator.random(images) < 0.3, generator.random(images) < 0.4
    clusters = clusters_of(generator.integers(0, 12, images), images)
    patients = int(clusters.max()) + 1
    if patients < 2:
        return
    counts = next(resample_counts(patients, 8, generator))
    decisions = Decisions(labels, calls, clusters, patients)
    values = generator.random(images)
    means = WeightedMean(values, clusters, patients)(counts)
    for column in range(8):
        chosen = expand(counts[:, column], clusters)
        copied = confusion_of_calls(labels[chosen], calls[chosen])
        for name in NAMES:
            found = getattr(decisions, name)(counts)[column]
            assert found == pytest.approx(getattr(copied, name), abs=1e-12, nan_ok=True)
        assert decisions.f1(counts)[column] == pytest.approx(
            f1_by_counting(labels[chosen], calls[chosen]), abs=1e-12, nan_ok=True
        )
        # Sums of at most 60 numbers below 1.
        assert means[column] == pytest.approx(values[chosen].mean(), abs=1e-12)


@given(st.integers(1, 40), st.integers(1, 5000), st.integers(1, 130))
@settings(max_examples=20, deadline=None)
def test_products_in_slices_equal_the_whole_product(rows, clusters, resamples):
    generator = np.random.default_rng(rows)
    sums = generator.integers(0, 9, (rows, clusters)).astype(float)
    counts = generator.integers(0, 9, (clusters, resamples)).astype(np.float32)
    # Integers far below 2**53: exact.
    assert (weigh(sums, counts) == sums @ counts.astype(float)).all()
