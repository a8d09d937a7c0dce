"""Gaps between groups: groups dealt at random show none, real ones do, and counts are shown."""

import numpy as np
import pytest

from chexnet.statistics import auroc, auroc_gaps, overdiagnosis_gaps, rates, underdiagnosis_gaps


def study(seed, patients=300, images=2, groups=6):
    generator = np.random.default_rng(seed)
    owner = np.repeat(np.arange(patients), images)
    labels = (generator.random(patients) < 0.3)[owner]
    scores = generator.normal(size=patients)[owner] + generator.normal(size=owner.size) + labels
    group = np.array([f"g{one}" for one in generator.integers(0, groups, patients)])[owner]
    return labels, scores, group, owner


def test_groups_dealt_at_random_rarely_have_a_significant_gap():
    found = [auroc_gaps(*study(seed), samples=150, seed=seed).p_value <= 0.05 for seed in range(120)]
    # Standard error 2 %.
    assert np.mean(found) <= 0.1


def test_a_real_gap_is_found_and_the_others_are_not():
    labels, scores, group, owner = study(1, patients=900)
    scores = np.where(group == "g2", np.random.default_rng(0).normal(size=scores.size), scores)
    result = auroc_gaps(labels, scores, group, owner)
    found = {one.group: one for one in result.groups}
    assert result.p_value == found["g2"].p_value < 0.01
    assert min(one.p_value for name, one in found.items() if name != "g2") > 0.05
    inside = group == "g2"
    assert found["g2"].value == pytest.approx(auroc(labels[inside], scores[inside]))
    assert found["g2"].gap == pytest.approx(found["g2"].value - auroc(labels, scores))
    assert (found["g2"].images, found["g2"].positives) == (inside.sum(), labels[inside].sum())
    assert found["g2"].positive_patients == np.unique(owner[inside & labels]).size
    assert result.by_patient


def test_missed_and_false_calls_are_those_of_the_rates():
    labels, scores, group, owner = study(2)
    calls = scores > 0.5
    missed, false = underdiagnosis_gaps(labels, calls, group, owner), overdiagnosis_gaps(labels, calls, group)
    inside = group == "g0"
    measured = rates(labels[inside], calls[inside])
    assert missed.groups[0].value == pytest.approx(measured.underdiagnosis.value)
    assert false.groups[0].value == pytest.approx(measured.overdiagnosis.value)


def test_a_group_of_few_is_counted_but_not_tested():
    labels, scores, group, owner = study(3)
    group = np.where(owner < 3, "rare", group)
    result = auroc_gaps(labels, scores, group, owner, samples=50)
    rare = next(one for one in result.groups if one.group == "rare")
    assert (rare.value, rare.gap, rare.p_value, rare.images) == (None, None, None, 6)


def test_groups_within_a_patient_are_dealt_by_image_and_a_single_group_has_no_gap():
    labels, scores, _, owner = study(4)
    views = np.where(np.arange(labels.size) % 2, "AP", "PA")
    assert not auroc_gaps(labels, scores, views, owner, samples=50).by_patient
    assert auroc_gaps(labels, scores, np.full(labels.size, "all"), owner, samples=50).p_value is None
