"""From predictions and labels to the paper's tables, figures and the report."""

from chexnet.evaluation.evaluate import EvaluateOptions, Evaluation, FindingResult, MeasuredImages, evaluate
from chexnet.evaluation.operating_points import (
    Thresholds,
    choose_thresholds,
    refuse_test_images,
    thresholds_from_json,
)
from chexnet.evaluation.reader_comparison import ReaderComparison, ReadersOptions, compare_readers, read_study

__all__ = [
    "EvaluateOptions",
    "Evaluation",
    "FindingResult",
    "MeasuredImages",
    "ReaderComparison",
    "ReadersOptions",
    "Thresholds",
    "choose_thresholds",
    "compare_readers",
    "evaluate",
    "read_study",
    "refuse_test_images",
    "thresholds_from_json",
]
