"""From predictions and labels to the paper's tables, figures and the report."""

from chexnet.evaluation.evaluate import EvaluateOptions, Evaluation, FindingResult, MeasuredImages, evaluate
from chexnet.evaluation.map_localisation import Localisation, localise_films
from chexnet.evaluation.operating_points import (
    Thresholds,
    choose_thresholds,
    find_reader_thresholds,
    find_thresholds,
    refuse_test_images,
    thresholds_from_json,
)
from chexnet.evaluation.reader_comparison import ReaderComparison, ReadersOptions, compare_readers, read_study

__all__ = [
    "EvaluateOptions",
    "Evaluation",
    "FindingResult",
    "Localisation",
    "MeasuredImages",
    "ReaderComparison",
    "ReadersOptions",
    "Thresholds",
    "choose_thresholds",
    "compare_readers",
    "evaluate",
    "find_reader_thresholds",
    "find_thresholds",
    "localise_films",
    "read_study",
    "refuse_test_images",
    "thresholds_from_json",
]
