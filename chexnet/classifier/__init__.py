"""The one-file model: load, run, calibrate into a Prediction with maps."""

from chexnet.classifier.batch import Outcome, PredictionJob, run_job
from chexnet.classifier.classifier import Check, Classifier, load, verify
from chexnet.classifier.contours import contours_of
from chexnet.classifier.gate import GateMetadata
from chexnet.classifier.inputs import InputFile, Inputs, Scored, find_inputs, score_files
from chexnet.classifier.metadata import InvalidModel, ModelMetadata
from chexnet.classifier.prediction import FindingPrediction, ModelIdentity, Prediction

__all__ = [
    "Check",
    "Classifier",
    "FindingPrediction",
    "GateMetadata",
    "InputFile",
    "Inputs",
    "InvalidModel",
    "ModelIdentity",
    "ModelMetadata",
    "Outcome",
    "Prediction",
    "PredictionJob",
    "Scored",
    "contours_of",
    "find_inputs",
    "load",
    "run_job",
    "score_files",
    "verify",
]
