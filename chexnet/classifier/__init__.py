"""The one-file model: load, run, calibrate into a Prediction with maps."""

from chexnet.classifier.classifier import Check, Classifier, load, verify
from chexnet.classifier.metadata import InvalidModel, ModelMetadata
from chexnet.classifier.prediction import FindingPrediction, ModelIdentity, Prediction
from chexnet.classifier.scoring import InputFile, Inputs, Scored, find_inputs, score_files

__all__ = [
    "Check",
    "Classifier",
    "FindingPrediction",
    "InputFile",
    "Inputs",
    "InvalidModel",
    "ModelIdentity",
    "ModelMetadata",
    "Prediction",
    "Scored",
    "find_inputs",
    "load",
    "score_files",
    "verify",
]
