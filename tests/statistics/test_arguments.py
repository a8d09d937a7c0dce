"""Labels in any form give the same numbers. Users run without the type-check hook, so these tests do too."""

import subprocess
import sys

import numpy as np
import pytest

from chexnet.statistics import auroc, auroc_interval, cohens_kappa, confusion, roc_curve

PROPERTY = '''
import sys
import numpy as np
from hypothesis import Phase, given, settings, strategies as st
import chexnet.statistics as s
assert "jaxtyping" not in sys.modules

class Series:
    """What pandas and polars columns share: an array on request."""
    def __init__(self, values):
        self.values = np.asarray(values)
    def __array__(self, dtype=None, copy=None):
        return self.values if dtype is None else self.values.astype(dtype)
    def __len__(self):
        return len(self.values)

FORMS = {
    "int": lambda v: np.array(v, dtype=np.int64), "uint8": lambda v: np.array(v, dtype=np.uint8),
    "float": lambda v: np.array(v, dtype=np.float64), "float32": lambda v: np.array(v, dtype=np.float32),
    "list of int": lambda v: [int(one) for one in v], "list of bool": lambda v: [bool(one) for one in v],
    "tuple": tuple, "Series of int": lambda v: Series(np.array(v, dtype=np.int64)),
    "Series of objects": lambda v: Series(np.array([bool(one) for one in v], dtype=object)),
}
def with_counts(make):
    def measure(labels, p):
        clusters = np.arange(len(p)) // 2
        counts = np.ones((int(clusters.max()) + 1, 1), dtype=np.float32)
        return make(labels, p, clusters, counts)
    return measure

FUNCTIONS = {
    "auroc": s.auroc, "average_precision": s.average_precision, "roc_curve": s.roc_curve,
    "precision_recall_curve": s.precision_recall_curve, "auroc_interval": s.auroc_interval,
    "auroc_covariance": lambda l, p: s.auroc_covariance(l, [p, p[::-1]]),
    "compare_aurocs": lambda l, p: s.compare_aurocs(l, p, np.round(p, 1)),
    "bootstrap_interval": lambda l, p: s.bootstrap_interval(l, p, samples=200),
    "brier_score": s.brier_score, "expected_calibration_error": s.expected_calibration_error,
    "measure_reliability": s.measure_reliability, "reliability_curve": s.reliability_curve,
    "fit_platt": lambda l, p: s.fit_platt(l, p * 8 - 4),
    "confusion": lambda l, p: s.confusion(l, p, 0.5), "f1_score": lambda l, p: s.f1_score(l, l),
    "threshold_max_f1": s.threshold_max_f1, "threshold_youden": s.threshold_youden,
    "threshold_at_sensitivity": s.threshold_at_sensitivity,
    "Ranking": with_counts(lambda l, p, c, w: s.Ranking(l, p, c).auroc(w)),
    "Decisions": with_counts(lambda l, p, c, w: s.Decisions(l, l, c, w.shape[0]).f1(w)),
    "WeightedMean": with_counts(lambda l, p, c, w: s.WeightedMean(l, c, w.shape[0])(w)),
    "cohens_kappa": lambda l, p: s.cohens_kappa(l, [float(x > 0.5) for x in p]),
    "consensus": lambda l, p: s.consensus([l, l, l]),
    "patients_of_classes": s.patients_of_classes, "auroc_score_interval": s.auroc_score_interval,
    "auroc_estimate": lambda l, p: s.auroc_estimate(l, p, None, np.linspace(0.4, 0.6, 50)),
    "mean_auroc": lambda l, p: s.mean_auroc([l], [p], [np.arange(len(p))]),
    "rates": lambda l, p: s.rates(l, l), "proportion": lambda l, p: s.proportion(l),
    "permutation_test_of_aurocs": lambda l, p: s.permutation_test_of_aurocs(l, p, p[::-1], samples=20),
    "measure_calibration": s.measure_calibration,
    "calibration_curve": lambda l, p: s.calibration_curve(l, p).observed,
    "OperatingRule": lambda l, p: s.OperatingRule("youden").choose(l, p),
    "operating_point": lambda l, p: s.operating_point(
        (l, p, None), l, p, None, s.OperatingRule("sensitivity", 0.9), samples=10
    ),
    "auroc_gaps": lambda l, p: s.auroc_gaps(l, p, np.arange(len(p)) % 2, samples=10),
    "underdiagnosis_gaps": lambda l, p: s.underdiagnosis_gaps(l, l, np.arange(len(p)) % 2, samples=10),
    "overdiagnosis_gaps": lambda l, p: s.overdiagnosis_gaps(l, l, np.arange(len(p)) % 2, samples=10),
    "adjusted_auroc": lambda l, p: s.adjusted_auroc(l, p, np.arange(len(p)) % 2, samples=10),
    "metadata_baseline": lambda l, p: s.metadata_baseline(l, [np.arange(len(p)) % 3], [p], folds=2),
    "partial_auroc": lambda l, p: s.partial_auroc(l, p, samples=10),
    "sensitivity_at_specificity": lambda l, p: s.sensitivity_at_specificity(l, p, samples=10),
    "compare_average_precision": lambda l, p: s.compare_average_precision(l, p, p[::-1], samples=10),
    "compare_brier_scores": lambda l, p: s.compare_brier_scores(l, p, p[::-1], samples=10),
    "compare_calls": lambda l, p: s.compare_calls(l, l, p > 0.5, samples=10),
    "decision_curve": lambda l, p: s.decision_curve(l, p, samples=10).model,
}

@settings(max_examples=6, deadline=None, database=None, phases=[Phase.generate])
@given(st.integers(0, 10**6), st.integers(8, 40))
def forms_agree(seed, images):
    generator = np.random.default_rng(seed)
    truth = generator.random(images) < 0.4
    truth[:4] = [True, False, True, False]
    p = np.round(generator.random(images), 2)
    for name, function in FUNCTIONS.items():
        expected = outcome(function, truth, p)
        for form, change in FORMS.items():
            got = outcome(function, change(truth), p)
            assert repr(got) == repr(expected), (name, form, got, expected)

def outcome(function, labels, p):
    try:
        return function(labels, p)
    except s.NotEstimable as error:
        return str(error)

forms_agree()
print("agreed")
'''


def test_every_form_of_labels_gives_the_same_numbers_without_the_type_check_hook():
    done = subprocess.run([sys.executable, "-c", PROPERTY], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "agreed\n"


def test_integer_labels_do_not_index():
    # Indexing in place of masking made this 1.25.
    assert auroc([0, 1, 0, 1], [0.1, 0.35, 0.4, 0.8]) == 0.75


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1, 2], "expected labels of 0 and 1, or booleans; got 2 among 3 values"),
        ([0, 1, np.nan], "leave images without a label out"),
        ([0, 1, -1], "got -1"),
        (["yes", "no", "no"], "expected labels of 0 and 1, or booleans; got values of type"),
        ([0, 1, None], "got nan among 3 values; leave images without a label out"),
        ([[0, 1, 1]], "expected labels as one value per image, got an array of shape"),
        ([0, 1], "expected one value per image in every array, got 2 labels, 3 scores"),
    ],
)
def test_anything_else_is_named(labels, message):
    with pytest.raises(ValueError, match=message):
        auroc(labels, [0.1, 0.2, 0.3])


def test_the_door_also_checks_scores_readings_and_patients():
    with pytest.raises(ValueError, match="expected scores of numbers; got values of type <U"):
        roc_curve([0, 1], ["0.1", "0.2"])
    with pytest.raises(ValueError, match="2 labels, 3 probabilities"):
        confusion([0, 1], [0.1, 0.2, 0.3], 0.5)
    with pytest.raises(ValueError, match="expected a patient for every image"):
        auroc_interval([0, 1], [0.1, 0.2], patients=[1.0, np.nan])
    with pytest.raises(ValueError, match="2 first, 3 second"):
        cohens_kappa([0, 1], [0, 1, 1])
