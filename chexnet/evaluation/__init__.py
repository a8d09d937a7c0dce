"""From predictions and labels to the paper's tables, figures and the report."""

from chexnet.evaluation.evaluate import EvaluateOptions, Evaluation, FindingResult, MeasuredImages, evaluate
from chexnet.evaluation.map_localisation import Localisation, localise_films
from chexnet.evaluation.operating_points import (
    Thresholds,
    choose_thresholds,
    find_reader_thresholds,
    find_thresholds,
    thresholds_from_json,
)
from chexnet.evaluation.reader_comparison import (
    ReaderComparison,
    ReadersOptions,
    compare_readers,
    correct_for_findings,
    read_study,
)
from chexnet.evaluation.reader_inference import Inference, OperatingPoint

__all__ = [
    "EvaluateOptions",
    "Evaluation",
    "FindingResult",
    "Inference",
    "Localisation",
    "MeasuredImages",
    "OperatingPoint",
    "ReaderComparison",
    "ReadersOptions",
    "Thresholds",
    "choose_thresholds",
    "compare_readers",
    "correct_for_findings",
    "evaluate",
    "find_reader_thresholds",
    "find_thresholds",
    "localise_films",
    "read_study",
    "thresholds_from_json",
]
