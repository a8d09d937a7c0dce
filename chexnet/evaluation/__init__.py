"""From predictions and labels to the paper's tables, figures and the report."""

from typing import TYPE_CHECKING

from chexnet._doors import lazy_door

if TYPE_CHECKING:
    from chexnet.evaluation.audit import AuditedFiles, audit_files
    from chexnet.evaluation.comparison import FindingComparison, ModelComparison
    from chexnet.evaluation.confounding import Confounding
    from chexnet.evaluation.discrimination import DECISIONS, FEWEST_PATIENTS
    from chexnet.evaluation.evaluate import (
        EvaluateOptions,
        Evaluation,
        FindingResult,
        MeasuredImages,
        evaluate,
    )
    from chexnet.evaluation.map_localisation import FindingLocalisation, Localisation, localise_films
    from chexnet.evaluation.measures import Resampling
    from chexnet.evaluation.model_run import (
        Film,
        draw_film,
        run_maps,
        run_model,
        training_of,
        training_of_predictions,
    )
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
    from chexnet.evaluation.reader_inference import Agreement, Inference, OperatingPoint
    from chexnet.evaluation.subgroups import Gap, Subgroup

_HOMES = {
    "audit": "AuditedFiles audit_files",
    "comparison": "FindingComparison ModelComparison",
    "confounding": "Confounding",
    "discrimination": "DECISIONS FEWEST_PATIENTS",
    "evaluate": "EvaluateOptions Evaluation FindingResult MeasuredImages evaluate",
    "map_localisation": "FindingLocalisation Localisation localise_films",
    "measures": "Resampling",
    "model_run": "Film draw_film run_maps run_model training_of training_of_predictions",
    "operating_points": (
        "Thresholds choose_thresholds find_reader_thresholds find_thresholds thresholds_from_json"
    ),
    "reader_comparison": ("ReaderComparison ReadersOptions compare_readers correct_for_findings read_study"),
    "reader_inference": "Agreement Inference OperatingPoint",
    "subgroups": "Gap Subgroup",
}

lazy_door(__name__, _HOMES)

__all__ = [
    "Agreement",
    "DECISIONS",
    "FEWEST_PATIENTS",
    "AuditedFiles",
    "Confounding",
    "EvaluateOptions",
    "Evaluation",
    "Film",
    "FindingComparison",
    "FindingLocalisation",
    "FindingResult",
    "Gap",
    "Inference",
    "Localisation",
    "MeasuredImages",
    "ModelComparison",
    "OperatingPoint",
    "ReaderComparison",
    "ReadersOptions",
    "Resampling",
    "Subgroup",
    "Thresholds",
    "audit_files",
    "choose_thresholds",
    "compare_readers",
    "correct_for_findings",
    "draw_film",
    "evaluate",
    "find_reader_thresholds",
    "find_thresholds",
    "localise_films",
    "read_study",
    "run_maps",
    "run_model",
    "thresholds_from_json",
    "training_of",
    "training_of_predictions",
]
