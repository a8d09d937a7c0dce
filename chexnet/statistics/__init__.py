"""Statistics on plain arrays: no model, no file, nothing but NumPy.

``NotEstimable`` (a ValueError) is raised wherever the data do not determine a number.
"""

from chexnet.statistics.bootstrap import (
    bca_interval,
    bootstrap,
    bootstrap_interval,
    clusters_of,
    jackknife,
    percentile_interval,
    resample_counts,
)
from chexnet.statistics.calibration import (
    PlattScaling,
    ReliabilityCurve,
    brier_score,
    expected_calibration_error,
    fit_platt,
    reliability_curve,
    sigmoid,
    wilson_interval,
)
from chexnet.statistics.delong import Comparison, auroc_covariance, auroc_interval, compare_aurocs
from chexnet.statistics.estimate import Estimate, Interval, NotEstimable
from chexnet.statistics.ranking import Ranking
from chexnet.statistics.roc import (
    PrecisionRecallCurve,
    RocCurve,
    auroc,
    average_precision,
    precision_recall_curve,
    roc_curve,
)
from chexnet.statistics.thresholds import (
    Confusion,
    confusion,
    f1_score,
    threshold_at_sensitivity,
    threshold_max_f1,
    threshold_youden,
)

__all__ = [
    "Comparison",
    "Confusion",
    "Estimate",
    "Interval",
    "NotEstimable",
    "PlattScaling",
    "PrecisionRecallCurve",
    "Ranking",
    "ReliabilityCurve",
    "RocCurve",
    "auroc",
    "auroc_covariance",
    "auroc_interval",
    "average_precision",
    "bca_interval",
    "bootstrap",
    "bootstrap_interval",
    "brier_score",
    "clusters_of",
    "compare_aurocs",
    "confusion",
    "expected_calibration_error",
    "f1_score",
    "fit_platt",
    "jackknife",
    "percentile_interval",
    "precision_recall_curve",
    "reliability_curve",
    "resample_counts",
    "roc_curve",
    "sigmoid",
    "threshold_at_sensitivity",
    "threshold_max_f1",
    "threshold_youden",
    "wilson_interval",
]
