"""The one-file model: load, run, calibrate into a Prediction with maps."""

from typing import TYPE_CHECKING

from chexnet._doors import lazy_door

if TYPE_CHECKING:
    from chexnet.classifier.batch import Outcome, PredictionJob, Scored, run_job, score_files
    from chexnet.classifier.classifier import DEFAULT_MODEL, TRAINED_ON, Check, Classifier, load, verify
    from chexnet.classifier.contours import contours_of
    from chexnet.classifier.exposed import exposed_body
    from chexnet.classifier.gate import GateMetadata
    from chexnet.classifier.inputs import InputFile, Inputs, find_inputs
    from chexnet.classifier.metadata import (
        KEY,
        CalibrationTest,
        FindingMetadata,
        InvalidModel,
        Maps,
        ModelMetadata,
        reference_input,
    )
    from chexnet.classifier.overlay import (
        AGAINST,
        FOR,
        FULL_SCALE,
        LEAST_FULL_SCALE,
        NOTICE,
        STRONGEST_OPACITY,
        overlay,
        upscale,
    )
    from chexnet.classifier.prediction import (
        INCOMPLETE,
        NO_MAPS,
        FindingPrediction,
        ModelIdentity,
        Prediction,
        encodable,
    )
    from chexnet.classifier.training_set import TRAINING_SET_KEY, TrainingSet

_HOMES = {
    "batch": "Outcome PredictionJob Scored run_job score_files",
    "classifier": "Check Classifier DEFAULT_MODEL TRAINED_ON load verify",
    "contours": "contours_of",
    "exposed": "exposed_body",
    "gate": "GateMetadata",
    "inputs": "InputFile Inputs find_inputs",
    "metadata": "CalibrationTest FindingMetadata InvalidModel KEY Maps ModelMetadata reference_input",
    "overlay": "AGAINST FOR FULL_SCALE LEAST_FULL_SCALE NOTICE STRONGEST_OPACITY overlay upscale",
    "prediction": "FindingPrediction INCOMPLETE ModelIdentity NO_MAPS Prediction encodable",
    "training_set": "TRAINING_SET_KEY TrainingSet",
}

lazy_door(__name__, _HOMES)

__all__ = [
    "AGAINST",
    "DEFAULT_MODEL",
    "FOR",
    "FULL_SCALE",
    "INCOMPLETE",
    "KEY",
    "LEAST_FULL_SCALE",
    "NOTICE",
    "NO_MAPS",
    "STRONGEST_OPACITY",
    "TRAINED_ON",
    "TRAINING_SET_KEY",
    "CalibrationTest",
    "Check",
    "Classifier",
    "FindingMetadata",
    "FindingPrediction",
    "GateMetadata",
    "InputFile",
    "Inputs",
    "InvalidModel",
    "Maps",
    "ModelIdentity",
    "ModelMetadata",
    "Outcome",
    "Prediction",
    "PredictionJob",
    "Scored",
    "TrainingSet",
    "contours_of",
    "encodable",
    "exposed_body",
    "find_inputs",
    "load",
    "overlay",
    "reference_input",
    "run_job",
    "score_files",
    "upscale",
    "verify",
]
