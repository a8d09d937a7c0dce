"""The paper's experiment from the data set to one report, in stages. Needs the `train` extra."""

from chexnet.reproduction.config import Reproduction
from chexnet.reproduction.records import Stage
from chexnet.reproduction.reproduce import reproduce
from chexnet.reproduction.stages import Outcome, Steps, Watcher
from chexnet.reproduction.train_stage import TrainingFailed

__all__ = ["Outcome", "Reproduction", "Stage", "Steps", "TrainingFailed", "Watcher", "reproduce"]
