"""The one-file model: load, run, calibrate into a Prediction with maps."""

from chexnet.classifier.batch import Outcome, PredictionJob, Scored, run_job, score_files
from chexnet.classifier.classifier import TRAINED_ON, Check, Classifier, load, verify
from chexnet.classifier.contours import contours_of
from chexnet.classifier.exposed import exposed_body
from chexnet.classifier.gate import GateMetadata
from chexnet.classifier.inputs import InputFile, Inputs, find_inputs
from chexnet.classifier.metadata import InvalidModel, ModelMetadata
from chexnet.classifier.prediction import INCOMPLETE, FindingPrediction, ModelIdentity, Prediction
from chexnet.classifier.training_set import TrainingSet

__all__ = [
    "INCOMPLETE",
    "TRAINED_ON",
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
    "TrainingSet",
    "contours_of",
    "exposed_body",
    "find_inputs",
    "load",
    "run_job",
    "score_files",
    "verify",
]
