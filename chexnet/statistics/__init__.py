"""Statistics on plain arrays: no model, no file, nothing but NumPy.

``NotEstimable`` (a ValueError) is raised wherever the data do not determine a number.
"""

from typing import TYPE_CHECKING

from chexnet._doors import lazy_door

if TYPE_CHECKING:
    from chexnet.statistics.adjusted_auroc import AdjustedAuroc, adjusted_auroc, metadata_baseline, strata_of
    from chexnet.statistics.agreement import cohens_kappa, fleiss_kappa, krippendorffs_alpha, pairwise_kappas
    from chexnet.statistics.bootstrap import (
        Statistic,
        bca_interval,
        bootstrap,
        clusters_of,
        jackknife,
        percentile_interval,
        resample_counts,
    )
    from chexnet.statistics.box_overlap import THRESHOLDS, FilmLocalisation, localise, random_maps
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
    from chexnet.statistics.curve_bands import precision_recall_band, roc_band
    from chexnet.statistics.delong import Comparison, auroc_covariance, auroc_interval, compare_aurocs, holm
    from chexnet.statistics.estimate import Estimate, NotEstimable
    from chexnet.statistics.few_positives import (
        FEW_PATIENTS,
        auroc_estimate,
        auroc_score_interval,
        mean_auroc,
        newcombe_interval,
        patients_of_classes,
    )
    from chexnet.statistics.froc import FALSE_MARKS, FrocCurve, Marks, froc_curve
    from chexnet.statistics.label_noise import LabelComparison, compare_labels
    from chexnet.statistics.multireader import (
        Components,
        DifferenceTest,
        ModalityComparison,
        Raters,
        bootstrap_covariance,
        compare_modalities,
        jackknife_covariance,
        raters_of,
        reader_mean,
        two_way_bootstrap,
    )
    from chexnet.statistics.net_benefit import DecisionCurve, decision_curve
    from chexnet.statistics.operating_rules import OperatingPoint, OperatingRule, Rule, operating_point
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
    from chexnet.statistics.power import (
        ReaderStudyPlan,
        plan_reader_study,
        positives_for_comparison,
        power_of_comparison,
    )
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
    from chexnet.statistics.t_distribution import mean_of_runs
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

_HOMES = {
    "adjusted_auroc": "AdjustedAuroc adjusted_auroc metadata_baseline strata_of",
    "agreement": "cohens_kappa fleiss_kappa krippendorffs_alpha pairwise_kappas",
    "bootstrap": (
        "Statistic bca_interval bootstrap clusters_of jackknife percentile_interval resample_counts"
    ),
    "box_overlap": "FilmLocalisation THRESHOLDS localise random_maps",
    "calibration": (
        "PlattScaling Reliability ReliabilityCurve brier_score expected_calibration_error fit_platt "
        "measure_reliability reliability_curve sigmoid wilson_interval"
    ),
    "calibration_slope": "CalibrationCurve CalibrationMeasures calibration_curve measure_calibration",
    "curve_bands": "precision_recall_band roc_band",
    "delong": "Comparison auroc_covariance auroc_interval compare_aurocs holm",
    "estimate": "Estimate NotEstimable",
    "few_positives": (
        "FEW_PATIENTS auroc_estimate auroc_score_interval mean_auroc newcombe_interval patients_of_classes"
    ),
    "froc": "FALSE_MARKS FrocCurve Marks froc_curve",
    "label_noise": "LabelComparison compare_labels",
    "multireader": (
        "Components DifferenceTest ModalityComparison Raters bootstrap_covariance "
        "compare_modalities jackknife_covariance raters_of reader_mean two_way_bootstrap"
    ),
    "net_benefit": "DecisionCurve decision_curve",
    "operating_rules": "OperatingPoint OperatingRule Rule operating_point",
    "paired_differences": (
        "CallComparison PairedDifference compare_average_precision compare_brier_scores compare_calls"
    ),
    "paired_permutation": "PairedTest permutation_test_of_aurocs permutation_test_of_means",
    "partial_auroc": "PartialAuroc partial_auroc sensitivity_at_specificity",
    "power": "ReaderStudyPlan plan_reader_study positives_for_comparison power_of_comparison",
    "prevalence": "PredictiveValues predictive_values rebase",
    "proportions": "Rates kappa_estimate proportion rates",
    "reader_study": "PairedF1 ReaderStudy consensus leave_one_out_consensus reader_study",
    "resampled_auroc": "Ranking bootstrap_interval",
    "resampled_rates": "Decisions WeightedMean",
    "roc": "PrecisionRecallCurve RocCurve auroc average_precision precision_recall_curve roc_curve",
    "sample_size": "design_effect hanley_mcneil_variance images_for_proportion positives_for_auroc",
    "standalone": "StandaloneComparison compare_with_readers standalone_tests",
    "subgroup_gaps": "GroupGap SubgroupGaps auroc_gaps overdiagnosis_gaps underdiagnosis_gaps",
    "t_distribution": "mean_of_runs",
    "thresholds": (
        "Confusion POLICIES Policy confusion confusion_of_calls f1_score threshold_at_sensitivity "
        "threshold_max_f1 threshold_reader_f1 threshold_youden"
    ),
}

lazy_door(__name__, _HOMES)

__all__ = [
    "FALSE_MARKS",
    "FEW_PATIENTS",
    "POLICIES",
    "THRESHOLDS",
    "AdjustedAuroc",
    "CalibrationCurve",
    "CalibrationMeasures",
    "CallComparison",
    "Comparison",
    "Components",
    "Confusion",
    "DecisionCurve",
    "Decisions",
    "DifferenceTest",
    "Estimate",
    "FilmLocalisation",
    "FrocCurve",
    "GroupGap",
    "LabelComparison",
    "Marks",
    "ModalityComparison",
    "NotEstimable",
    "OperatingPoint",
    "OperatingRule",
    "PairedDifference",
    "PairedF1",
    "PairedTest",
    "PartialAuroc",
    "PlattScaling",
    "Policy",
    "PrecisionRecallCurve",
    "PredictiveValues",
    "Ranking",
    "Raters",
    "Rates",
    "ReaderStudy",
    "ReaderStudyPlan",
    "Reliability",
    "ReliabilityCurve",
    "RocCurve",
    "Rule",
    "StandaloneComparison",
    "Statistic",
    "SubgroupGaps",
    "WeightedMean",
    "adjusted_auroc",
    "auroc",
    "auroc_covariance",
    "auroc_estimate",
    "auroc_gaps",
    "auroc_interval",
    "auroc_score_interval",
    "average_precision",
    "bca_interval",
    "bootstrap",
    "bootstrap_covariance",
    "bootstrap_interval",
    "brier_score",
    "calibration_curve",
    "clusters_of",
    "cohens_kappa",
    "compare_aurocs",
    "compare_average_precision",
    "compare_brier_scores",
    "compare_calls",
    "compare_labels",
    "compare_modalities",
    "compare_with_readers",
    "confusion",
    "confusion_of_calls",
    "consensus",
    "decision_curve",
    "design_effect",
    "expected_calibration_error",
    "f1_score",
    "fit_platt",
    "fleiss_kappa",
    "froc_curve",
    "hanley_mcneil_variance",
    "holm",
    "images_for_proportion",
    "jackknife",
    "jackknife_covariance",
    "kappa_estimate",
    "krippendorffs_alpha",
    "leave_one_out_consensus",
    "localise",
    "mean_auroc",
    "mean_of_runs",
    "measure_calibration",
    "measure_reliability",
    "metadata_baseline",
    "newcombe_interval",
    "operating_point",
    "overdiagnosis_gaps",
    "pairwise_kappas",
    "partial_auroc",
    "patients_of_classes",
    "percentile_interval",
    "permutation_test_of_aurocs",
    "permutation_test_of_means",
    "plan_reader_study",
    "positives_for_auroc",
    "positives_for_comparison",
    "power_of_comparison",
    "precision_recall_band",
    "precision_recall_curve",
    "predictive_values",
    "proportion",
    "random_maps",
    "raters_of",
    "rates",
    "reader_mean",
    "reader_study",
    "rebase",
    "reliability_curve",
    "resample_counts",
    "roc_band",
    "roc_curve",
    "sensitivity_at_specificity",
    "sigmoid",
    "standalone_tests",
    "strata_of",
    "threshold_at_sensitivity",
    "threshold_max_f1",
    "threshold_reader_f1",
    "threshold_youden",
    "two_way_bootstrap",
    "underdiagnosis_gaps",
    "wilson_interval",
]
