"""Writes what the documents say of the embedded model, from its file and ``docs/model-card.json``.

``python docs/generate_measured.py``, in seconds and without data: the model card, its reliability diagrams,
and the marked parts of the README and of the results. ``python -m recipes.card.measure`` measures and ends
with it.
"""

import re
from pathlib import Path

import chexnet
from chexnet.report.model_card import (
    ModelEvaluation,
    comparison_lines,
    confounds,
    draw_reliability,
    mean_line,
    model_card,
    performance_table,
)

DOCS = Path(__file__).resolve().parent
EVALUATION = DOCS / "model-card.json"
PICTURE = DOCS / "images" / "reliability.svg"
_MARKED = re.compile(r"(<!-- measured: [^>]*-->\n).*?(<!-- end -->)", re.DOTALL)


def documents() -> dict[Path, str]:
    """The text of every document that holds figures of the embedded model."""
    model, measured = chexnet.load(), ModelEvaluation.read(EVALUATION)
    card = model_card(
        model.metadata, model.identity, measured, reliability=PICTURE.relative_to(DOCS).as_posix()
    )
    readme, results = DOCS.parent / "README.md", DOCS / "results.md"
    return {
        DOCS / "model-card.md": card,
        readme: _with(readme, _readme(model, measured)),
        results: _with(results, confounds(measured, model.metadata)),
    }


def _readme(model: chexnet.Classifier, measured: ModelEvaluation) -> str:
    tested = measured.test_sets[0]
    return (
        f"Tested on {tested.images} images of {tested.patients} other patients of {tested.name}. "
        f"{mean_line(measured)} A finding is *too few to tell* where the interval reaches 0.5 or fewer than "
        "ten test or validation images have it; it then has no threshold and no verdict.\n\n"
        f"{performance_table(model.metadata)}\n"
        "Easier questions (AUROC), and beside them what is known without looking at the image:\n\n"
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
    PICTURE.write_bytes(draw_reliability(model.metadata, ModelEvaluation.read(EVALUATION)))


if __name__ == "__main__":
    main()
