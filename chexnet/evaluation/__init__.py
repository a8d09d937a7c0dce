"""From predictions and labels to the paper's tables, figures and the report."""

from chexnet.datasets.contamination import (
    Contamination,
    TrainingImages,
    find_contamination,
    read_training_list,
)
from chexnet.datasets.labels import Labels, read_labels
from chexnet.datasets.tables import BadTable, ColumnNames
from chexnet.evaluation.cohort import Cohort, join, read_cohort
from chexnet.evaluation.evaluate import EvaluateOptions, Evaluation, FindingResult, evaluate
from chexnet.evaluation.export import evaluation_json, readers_content, readers_json, write_json
from chexnet.evaluation.measures import Measure
from chexnet.evaluation.operating_points import (
    Thresholds,
    choose_thresholds,
    refuse_test_images,
    thresholds_from_json,
)
from chexnet.evaluation.predictions import Predictions, read_predictions
from chexnet.evaluation.printing import show_evaluation, show_readers
from chexnet.evaluation.readers import ReaderComparison, ReadersOptions, compare_readers, read_study
from chexnet.evaluation.readings import Readings, read_readings

__all__ = [
    "BadTable",
    "Cohort",
    "ColumnNames",
    "Contamination",
    "EvaluateOptions",
    "Evaluation",
    "FindingResult",
    "Labels",
    "Measure",
    "Predictions",
    "ReaderComparison",
    "ReadersOptions",
    "Readings",
    "Thresholds",
    "TrainingImages",
    "choose_thresholds",
    "compare_readers",
    "evaluate",
    "evaluation_json",
    "find_contamination",
    "join",
    "read_cohort",
    "read_labels",
    "read_predictions",
    "read_readings",
    "read_study",
    "read_training_list",
    "readers_content",
    "readers_json",
    "refuse_test_images",
    "show_evaluation",
    "show_readers",
    "thresholds_from_json",
    "write_json",
]
