"""The model card, from a model file and an evaluation of it."""

from chexnet.report.model_card.card import model_card
from chexnet.report.model_card.chai import chai_card
from chexnet.report.model_card.failures import confounds
from chexnet.report.model_card.hugging_face import hugging_face_card
from chexnet.report.model_card.performance import comparison_lines, mean_line, performance_table
from chexnet.report.model_card.reliability import draw_reliability
from chexnet.report.model_card.schema import ModelEvaluation

__all__ = [
    "ModelEvaluation",
    "chai_card",
    "comparison_lines",
    "confounds",
    "draw_reliability",
    "hugging_face_card",
    "mean_line",
    "model_card",
    "performance_table",
]
