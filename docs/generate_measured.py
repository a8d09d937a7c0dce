"""Writes what the documents say of the embedded model, from its file and ``docs/model-card.json``.

``python docs/generate_measured.py``, in seconds and without data: the model card, its reliability diagrams,
and the marked parts of the README and of the results. ``python -m recipes.card.measure`` measures and ends
with it.
"""

import re
from pathlib import Path
from typing import Any

import chexnet
from chexnet.report.model_card.card import draw_reliability, model_card, read_evaluation
from chexnet.report.model_card.card_tables import comparison_lines, confounds, mean_line, performance_table

DOCS = Path(__file__).resolve().parent
EVALUATION = DOCS / "model-card.json"
PICTURE = DOCS / "images" / "reliability.svg"
_MARKED = re.compile(r"(<!-- measured: [^>]*-->\n).*?(<!-- end -->)", re.DOTALL)


def documents() -> dict[Path, str]:
    """The text of every document that holds figures of the embedded model."""
    model, measured = chexnet.load(), read_evaluation(EVALUATION)
    card = model_card(
        model.metadata, model.identity, measured, reliability=PICTURE.relative_to(DOCS).as_posix()
    )
    readme, results = DOCS.parent / "README.md", DOCS / "results.md"
    return {
        DOCS / "model-card.md": card,
        readme: _with(readme, _readme(model, measured)),
        results: _with(results, confounds(measured, model.metadata)),
    }


def _readme(model: chexnet.Classifier, measured: dict[str, Any]) -> str:
    tested = measured["films"][0]
    return (
        f"Tested on {tested['images']} films of {tested['patients']} other patients of {tested['name']}. "
        f"{mean_line(measured)} A finding is *not validated* where the interval reaches 0.5 or fewer than "
        "ten test or validation films have it; it then has no threshold and no verdict.\n\n"
        f"{performance_table(model.metadata)}\n"
        "Easier questions (AUROC), and beside them what is known without looking at the film:\n\n"
        f"{comparison_lines(measured)}"
    )


def _with(page: Path, text: str) -> str:
    """The page with its marked part replaced."""
    found, count = _MARKED.subn(
        lambda marks: f"{marks[1]}\n{text}\n{marks[2]}", page.read_text(encoding="utf-8")
    )
    if count != 1:
        raise ValueError(f"{page.name}: {count} parts are marked as measured; expected 1")
    return found


def main() -> None:
    """Write them all."""
    for path, text in documents().items():
        path.write_text(text, encoding="utf-8")
    model = chexnet.load()
    PICTURE.write_bytes(draw_reliability(model.metadata, read_evaluation(EVALUATION)))


if __name__ == "__main__":
    main()
