"""How results are shown: tables, text, JSON, HTML, figures, pages and the model card."""

from chexnet.report.json import evaluation_json, readers_content, readers_json, write_json
from chexnet.report.stored import evaluation_from_json
from chexnet.report.text import show_evaluation, show_readers

__all__ = [
    "evaluation_from_json",
    "evaluation_json",
    "readers_content",
    "readers_json",
    "show_evaluation",
    "show_readers",
    "write_json",
]
