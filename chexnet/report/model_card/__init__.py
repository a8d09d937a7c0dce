"""The model card as Markdown, from a model file and an evaluation of it."""

from chexnet.report.model_card.card import draw_reliability, model_card, read_evaluation

__all__ = [
    "draw_reliability",
    "model_card",
    "read_evaluation",
]
