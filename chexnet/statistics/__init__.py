"""Statistics on plain arrays: no model, no file, nothing but NumPy.

``NotEstimable`` (a ValueError) is raised wherever the data do not determine a number.
"""

from chexnet.statistics.adjusted_auroc import AdjustedAuroc, adjusted_auroc, metadata_baseline, strata_of
from chexnet.statistics.agreement import cohens_kappa, fleiss_kappa, krippendorffs_alpha, pairwise_kappas
from chexnet.statistics.bootstrap import (
    bca_interval,
    bootstrap,
    clusters_of,
    jackknife,
    percentile_interval,
    resample_counts,
)
from chexnet.statistics.calibration import (
    PlattScaling,
    Reliability,
    ReliabilityCurve,
    brier_score,
    expected_calibration_error,
    fit_platt,
    measure_reliability,
    reliability_curve,
    sigmoid,
    wilson_interval,
)
from chexnet.statistics.calibration_slope import (
    CalibrationCurve,
    CalibrationMeasures,
    calibration_curve,
    measure_calibration,
)
from chexnet.statistics.delong import Comparison, auroc_covariance, auroc_interval, compare_aurocs, holm
from chexnet.statistics.estimate import Estimate, NotEstimable
from chexnet.statistics.few_positives import (
    FEW_PATIENTS,
    auroc_estimate,
    auroc_score_interval,
    patients_of_classes,
)
from chexnet.statistics.multireader import (
    Components,
    DifferenceTest,
    ModalityComparison,
    Raters,
    compare_modalities,
    jackknife_covariance,
    raters_of,
    reader_mean,
    two_way_bootstrap,
)
from chexnet.statistics.net_benefit import DecisionCurve, decision_curve
from chexnet.statistics.operating_rules import OperatingPoint, OperatingRule, operating_point
from chexnet.statistics.paired_differences import (
    CallComparison,
    PairedDifference,
    compare_average_precision,
    compare_brier_scores,
    compare_calls,
)
from chexnet.statistics.paired_permutation import (
    PairedTest,
    permutation_test_of_aurocs,
    permutation_test_of_means,
)
from chexnet.statistics.partial_auroc import PartialAuroc, partial_auroc, sensitivity_at_specificity
from chexnet.statistics.prevalence import PredictiveValues, predictive_values, rebase
from chexnet.statistics.proportions import Rates, kappa_estimate, proportion, rates
from chexnet.statistics.reader_study import (
    PairedF1,
    ReaderStudy,
    consensus,
    leave_one_out_consensus,
    reader_study,
)
from chexnet.statistics.resampled_auroc import Ranking, bootstrap_interval
from chexnet.statistics.resampled_rates import Decisions, WeightedMean
from chexnet.statistics.roc import (
    PrecisionRecallCurve,
    RocCurve,
    auroc,
    average_precision,
    precision_recall_curve,
    roc_curve,
)
from chexnet.statistics.sample_size import (
    design_effect,
    hanley_mcneil_variance,
    images_for_proportion,
    positives_for_auroc,
)
from chexnet.statistics.standalone import StandaloneComparison, compare_with_readers, standalone_tests
from chexnet.statistics.subgroup_gaps import (
    GroupGap,
    SubgroupGaps,
    auroc_gaps,
    overdiagnosis_gaps,
    underdiagnosis_gaps,
)
from chexnet.statistics.thresholds import (
    POLICIES,
    Confusion,
    Policy,
    confusion,
    confusion_of_calls,
    f1_score,
    threshold_at_sensitivity,
    threshold_max_f1,
    threshold_reader_f1,
    threshold_youden,
)

__all__ = [
    "PredictiveValues",
    "predictive_values",
    "rebase",
    "DecisionCurve",
    "decision_curve",
    "CallComparison",
    "PairedDifference",
    "compare_average_precision",
    "compare_brier_scores",
    "compare_calls",
    "PartialAuroc",
    "partial_auroc",
    "sensitivity_at_specificity",
    "AdjustedAuroc",
    "adjusted_auroc",
    "metadata_baseline",
    "strata_of",
    "GroupGap",
    "SubgroupGaps",
    "auroc_gaps",
    "overdiagnosis_gaps",
    "underdiagnosis_gaps",
    "CalibrationCurve",
    "CalibrationMeasures",
    "calibration_curve",
    "measure_calibration",
    "OperatingPoint",
    "OperatingRule",
    "operating_point",
    "Rates",
    "kappa_estimate",
    "proportion",
    "rates",
    "PairedTest",
    "permutation_test_of_aurocs",
    "permutation_test_of_means",
    "PairedF1",
    "StandaloneComparison",
    "compare_with_readers",
    "standalone_tests",
    "Components",
    "DifferenceTest",
    "ModalityComparison",
    "Raters",
    "compare_modalities",
    "jackknife_covariance",
    "raters_of",
    "reader_mean",
    "two_way_bootstrap",
    "FEW_PATIENTS",
    "auroc_estimate",
    "auroc_score_interval",
    "patients_of_classes",
    "POLICIES",
    "Comparison",
    "Confusion",
    "Decisions",
    "Estimate",
    "NotEstimable",
    "PlattScaling",
    "Policy",
    "PrecisionRecallCurve",
    "Ranking",
    "ReaderStudy",
    "Reliability",
    "ReliabilityCurve",
    "RocCurve",
    "WeightedMean",
    "auroc",
    "auroc_covariance",
    "auroc_interval",
    "average_precision",
    "bca_interval",
    "bootstrap",
    "bootstrap_interval",
    "brier_score",
    "clusters_of",
    "cohens_kappa",
    "compare_aurocs",
    "confusion",
    "confusion_of_calls",
    "consensus",
    "design_effect",
    "expected_calibration_error",
    "f1_score",
    "fit_platt",
    "fleiss_kappa",
    "hanley_mcneil_variance",
    "holm",
    "images_for_proportion",
    "jackknife",
    "krippendorffs_alpha",
    "leave_one_out_consensus",
    "measure_reliability",
    "pairwise_kappas",
    "percentile_interval",
    "positives_for_auroc",
    "precision_recall_curve",
    "reader_study",
    "reliability_curve",
    "resample_counts",
    "roc_curve",
    "sigmoid",
    "threshold_at_sensitivity",
    "threshold_max_f1",
    "threshold_reader_f1",
    "threshold_youden",
    "wilson_interval",
]
