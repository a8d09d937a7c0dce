"""Maps against boxes as text, as tables and as JSON."""

from collections.abc import Sequence
from typing import Any

from chexnet.evaluation import FindingLocalisation, Localisation
from chexnet.findings import display_name
from chexnet.literature import WANG_2017, WANG_2017_IOU
from chexnet.report.tables import Grid
from chexnet.statistics import THRESHOLDS, Estimate


def localisation_json(result: Localisation) -> dict[str, Any]:
    """All numbers, lists by T = 0.1 … 0.9."""
    return {
        "boxes": result.boxes,
        "model": result.model,
        "films": result.films,
        "without_film": result.without_film,
        "resampled": result.resampled,
        **(
            {}
            if result.contamination is None
            else {
                "trained_on": {
                    "images": result.contamination.images,
                    "patients": result.contamination.patients,
                    "left_out": result.contamination.left_out,
                    "message": result.contamination.message,
                }
            }
        ),
        "thresholds": list(THRESHOLDS),
        "findings": {
            one.finding: {
                "films": one.films,
                "patients": one.patients,
                "pointing": one.pointing.value,
                "pointing_ci": one.pointing.interval,
                **{
                    key: {"value": [m.value for m in measures], "ci": [m.interval for m in measures]}
                    for key, measures in _named(one).items()
                },
                "control": {
                    "pointing": one.control_pointing,
                    "iobb": list(one.control_iobb),
                    "iou": list(one.control_iou),
                },
                "wang_2017_iobb": {str(t): value for t, value in WANG_2017.get(one.finding, {}).items()},
                "wang_2017_iou": list(WANG_2017_IOU.get(one.finding, ())),
            }
            for one in result.findings
        },
    }


def show_localisation(result: Localisation) -> str:
    """As text: one table a finding."""
    left = f"; {result.without_film} boxed films are not there" if result.without_film else ""
    parts = [
        f"{result.films} boxed films of {result.boxes}{left}; {result.model}; {result.resampled} resampled. "
        "IoBB: intersection over the detected box; a film is localised where any detected box exceeds T. "
        "AFP: detected boxes that do not, per film. Control: maps of noise. "
        "Wang 2017: published on ChestX-ray8, other films than these unless all 984 boxes are here."
    ]
    if result.contamination:
        parts.append(result.contamination.message)
    for one in result.findings:
        parts.append(f"{finding_line(one, result.resampled)}\n\n{localisation_grid(one).markdown()}")
    return "\n\n".join(parts)


def finding_line(one: FindingLocalisation, resampled: str) -> str:
    """Films, and the pointing game beside its control."""
    return (
        f"{display_name(one.finding)}: {one.films} films of {one.patients} {resampled}; pointing game "
        f"{one.pointing.text(3)}, control {one.control_pointing:.3f}"
    )


def localisation_grid(one: FindingLocalisation) -> Grid:
    """Accuracy and false positives at each T."""
    wang_iou = dict(zip(THRESHOLDS, WANG_2017_IOU.get(one.finding, ()), strict=False))
    rows = [
        [
            f"T = {threshold}",
            one.iobb[place].text(3),
            f"{one.control_iobb[place]:.3f}",
            _published(WANG_2017.get(one.finding, {}).get(threshold)),
            one.iobb_false_positives[place].text(2),
            one.iou[place].text(3),
            f"{one.control_iou[place]:.3f}",
            _published(wang_iou.get(threshold)),
        ]
        for place, threshold in enumerate(THRESHOLDS)
    ]
    head = ["at", "T(IoBB)", "control", "Wang 2017", "AFP", "T(IoU)", "control", "Wang 2017"]
    return Grid(head, rows)


def _named(one: FindingLocalisation) -> dict[str, Sequence[Estimate]]:
    return {
        "iobb": one.iobb,
        "iou": one.iou,
        "iobb_false_positives": one.iobb_false_positives,
        "iou_false_positives": one.iou_false_positives,
    }


def _published(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
