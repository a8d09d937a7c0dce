"""How results are shown: tables, text, JSON, HTML, figures, pages and the model card."""

from typing import TYPE_CHECKING

from chexnet._doors import lazy_door

if TYPE_CHECKING:
    from chexnet.report.audit_report import audit_json, show_audit
    from chexnet.report.figures import film_figure, save
    from chexnet.report.json import evaluation_json, readers_content, readers_json, write_json
    from chexnet.report.localisation import localisation_json, show_localisation
    from chexnet.report.page import write_report
    from chexnet.report.reproduction import TITLES, Results, report_page
    from chexnet.report.stored import evaluation_from_json, localisation_from_json, readers_from_json
    from chexnet.report.text import show_evaluation, show_readers

_HOMES = {
    "audit_report": "audit_json show_audit",
    "figures": "film_figure save",
    "json": "evaluation_json readers_content readers_json write_json",
    "localisation": "localisation_json show_localisation",
    "page": "write_report",
    "reproduction": "Results TITLES report_page",
    "stored": "evaluation_from_json localisation_from_json readers_from_json",
    "text": "show_evaluation show_readers",
}

lazy_door(__name__, _HOMES)

__all__ = [
    "TITLES",
    "Results",
    "audit_json",
    "evaluation_from_json",
    "evaluation_json",
    "film_figure",
    "localisation_from_json",
    "localisation_json",
    "readers_content",
    "readers_from_json",
    "readers_json",
    "report_page",
    "save",
    "show_audit",
    "show_evaluation",
    "show_localisation",
    "show_readers",
    "write_json",
    "write_report",
]
