"""One page with all that was measured: tables, figures, data, methods, commands and limits."""

import platform
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from chexnet._options import Progress
from chexnet._version import __version__
from chexnet.evaluation import FEWEST_PATIENTS, Evaluation, Film, Localisation, ReaderComparison
from chexnet.findings import display_name
from chexnet.report.checklists import report_checklists
from chexnet.report.figures import (
    film_figure,
    operating_places,
    precision_recall_figure,
    readers_figure,
    reliability_figure,
    roc_figure,
    save,
    subgroup_figure,
    table_2_figure,
)
from chexnet.report.html import (
    bullets,
    definitions,
    figure,
    heading,
    page,
    paragraph,
    preformatted,
    table,
)
from chexnet.report.localisation import finding_line, localisation_grid
from chexnet.report.tables import (
    Grid,
    comparison_grid,
    confounding_grid,
    consensus_grid,
    error_grids,
    gap_grid,
    inference_grid,
    kappa_grid,
    operating_points,
    other_measures,
    readers_grid,
    subgroup_grids,
    table_2,
)
from chexnet.report.text import (
    ERRORS_NOTE,
    GAPS_NOTE,
    QUESTIONS_NOTE,
    agreement_line,
    confounding_note,
    data_lines,
    reader_reasons,
    reasons,
    study_line,
    table_2_notes,
    verdict,
)

_PACKAGES = ("chexnet", "numpy", "onnxruntime", "matplotlib", "pyarrow")

OF_CHESTXRAY14 = (
    "Labels of ChestX-ray14 were mined from reports, not read from images; they contain errors in both "
    "directions, and an AUROC against them is an agreement with those labels.",
    "Published values stem from other random splits of ChestX-ray14. The official test list is another "
    "population than the training list; numbers from different splits do not compare strictly.",
)
"""What limits a measurement against the labels of ChestX-ray14."""

LIMITATIONS = (
    "Only frontal radiographs were read, without the lateral view and without the patient's history "
    "(section 4.2 of the paper).",
    "Intervals describe chance in drawing patients. They do not cover other hospitals, scanners, label "
    "errors or another training run.",
    "Subgroups and pathologies are many; some differences arise by chance. Only the paired comparison is "
    "corrected for that (Holm).",
    "Research software, not a medical device: not for diagnosis.",
)


@dataclass(frozen=True)
class Report:
    """What goes into a report.

    Attributes:
        commands: the exact commands, for whoever repeats them.
    """

    evaluation: Evaluation
    readers: Sequence[ReaderComparison] = ()
    localisation: Localisation | None = None
    films: Sequence[Film] = ()
    commands: Sequence[str] = ()


def write_report(
    output: Path,
    evaluation: Evaluation,
    *,
    readers: Sequence[ReaderComparison] = (),
    localisation: Localisation | None = None,
    films: Sequence[Film] = (),
    commands: Sequence[str] = (),
    figures: Path | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Write the page, and if a folder is named, every figure as PDF and PNG.

    Returns:
        The files written.
    """
    report = Report(evaluation, readers, localisation, films, commands)
    drawn = report_figures(report, progress)
    output = Path(output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(report_html(report, drawn), encoding="utf-8")
    return [output, *(_write_figures(drawn, Path(figures)) if figures else ())]


def _write_figures(drawn: dict[str, Figure], folder: Path) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, one in drawn.items():
        for kind in ("pdf", "png"):
            path = folder / f"{name}.{kind}"
            path.write_bytes(save(one, kind))
            written.append(path)
    return written


def report_figures(report: Report, progress: Progress | None = None) -> dict[str, Figure]:
    """Every figure of the report by its name."""
    evaluation = report.evaluation
    to_draw: dict[str, Callable[[], Figure]] = {}
    if evaluation.mean_of:
        to_draw["table-2"] = partial(table_2_figure, evaluation)
    if evaluation.mean_of and evaluation.cohort is not None:
        to_draw |= {
            "roc": partial(roc_figure, evaluation),
            "precision-recall": partial(precision_recall_figure, evaluation),
            "reliability": partial(reliability_figure, evaluation),
        }
    if evaluation.mean_of and evaluation.subgroups:
        to_draw["subgroups"] = partial(subgroup_figure, evaluation)
    for one in report.readers:
        if not operating_places(one):
            continue
        to_draw[f"readers-{one.finding}"] = partial(readers_figure, one)
    if report.films:
        pictures, captions = zip(*((film.picture, film.caption) for film in report.films), strict=True)
        to_draw["films"] = partial(film_figure, pictures, captions)
    drawn: dict[str, Figure] = {}
    for name, draw in to_draw.items():
        drawn[name] = draw()
        if progress:
            progress(len(drawn), len(to_draw))
    return drawn


def report_html(report: Report, drawn: dict[str, Figure] | None = None) -> str:
    """The page, with everything inside it."""
    drawn = report_figures(report) if drawn is None else drawn
    evaluation = report.evaluation
    name = evaluation.data.name
    sections = [
        ("Data", _data(evaluation)),
        ("Discrimination", _discrimination(evaluation, drawn)),
        ("Calibration", _calibration(evaluation, drawn)),
    ]
    if evaluation.thresholds:
        sections.append(("Operating points", _operating_points(evaluation)))
    if evaluation.comparison:
        sections.append(("Comparison of two models", _comparison(evaluation)))
    if evaluation.subgroups:
        sections.append(("Subgroups", _subgroups(evaluation, drawn)))
    if report.readers:
        sections.append(("Radiologists", "".join(_readers(one, drawn) for one in report.readers)))
    if report.localisation:
        sections.append(("Localisation", localisation_tables(report.localisation)))
    if report.films:
        sections.append(("Films", _films(report, drawn)))
    sections += [
        ("Methods", _methods(evaluation)),
        ("Commands and software", _software(report)),
        ("Limitations", bullets([*(OF_CHESTXRAY14 if evaluation.published else ()), *LIMITATIONS])),
    ]
    sections.append(("Reporting checklists", _checklists([title for title, _ in sections])))
    return page(f"Evaluation of {name}", sections, _lead(evaluation))


def _lead(evaluation: Evaluation) -> str:
    parts = [
        paragraph(
            f"Mean AUROC of {len(evaluation.mean_of)} pathologies: **{evaluation.mean_auroc.text(4)}** "
            f"on {evaluation.data.images:,} images; split: {evaluation.options.split}.",
            "headline",
        ),
        paragraph("Research software, not a medical device: not for diagnosis.", "note"),
    ]
    if evaluation.contamination:
        kind = "warning" if evaluation.contamination.found else "note"
        parts.append(paragraph(evaluation.contamination.message, kind))
    return "".join(parts)


def _data(evaluation: Evaluation) -> str:
    data = evaluation.data
    entries = [
        ("Images", f"{data.images:,}"),
        ("Patients", "not known" if data.patients is None else f"{data.patients:,}"),
        ("Split", evaluation.options.split),
        ("Labelled images without prediction", f"{data.without_predictions:,}"),
    ]
    for what, source in (("Predictions", data.predictions), ("Labels", data.labels)):
        if source:
            entries.append((what, f"{source[0]}, SHA-256 {source[1]}"))
    if evaluation.contamination:
        hashed = evaluation.contamination.training_sha256
        entries.append(
            ("Training images", evaluation.contamination.source + (f", SHA-256 {hashed}" if hashed else ""))
        )
    return (
        "".join(paragraph(line) for line in data_lines(evaluation))
        + definitions(entries)
        + _people(evaluation)
    )


def _people(evaluation: Evaluation) -> str:
    if evaluation.cohort is None:
        return ""
    labels = evaluation.cohort.labels
    rows = []
    for what, values in (("sex", labels.sex), ("view", labels.view)):
        for value, count in Counter(values or ()).most_common():
            rows.append([f"{what}: {value or 'unknown'}", f"{count:,}", f"{count / len(labels.images):.1%}"])
    if labels.age is not None and not np.isnan(labels.age).all():
        low, middle, high = np.nanpercentile(labels.age, (25, 50, 75))
        known = f"{int((~np.isnan(labels.age)).sum()):,}"
        rows.append(["age: median (quartiles), years", known, f"{middle:.0f} ({low:.0f}–{high:.0f})"])
    return table(Grid(["images by", "number", "share"], rows), "Who was imaged, and how") if rows else ""


def _discrimination(evaluation: Evaluation, drawn: dict[str, Figure]) -> str:
    notes = " ".join(table_2_notes(evaluation))
    caption = f"Table 2: AUROC with its {evaluation.options.confidence:.0%} interval. {notes}"
    parts = [table(table_2(evaluation), caption)]
    if "table-2" in drawn:
        parts.append(
            _picture(
                drawn["table-2"],
                "Dot plot of the AUROCs of Table 2 with their intervals beside the published values.",
                "AUROC with interval, and published values. A hollow blue dot has no interval.",
            )
        )
    if "roc" in drawn:
        parts.append(
            _picture(
                drawn["roc"],
                "ROC curves of all pathologies; their areas are in Table 2.",
                "ROC curves with pointwise bands from 256 bootstrap samples.",
            )
        )
        parts.append(
            _picture(
                drawn["precision-recall"],
                "Precision–recall curves of all pathologies; their areas are in the next table.",
                "Precision–recall curves with pointwise bands; dotted: the prevalence, which chance reaches.",
            )
        )
    if confounding_grid(evaluation).rows:
        parts.append(table(confounding_grid(evaluation), confounding_note(evaluation)))
    missing = reasons(evaluation)
    if missing:
        parts += [heading("Not estimable"), bullets(missing)]
    return "".join(parts)


def _calibration(evaluation: Evaluation, drawn: dict[str, Figure]) -> str:
    parts = [table(other_measures(evaluation), "Prevalence, AUPRC, Brier score and calibration error")]
    if "reliability" in drawn:
        parts.append(
            _picture(
                drawn["reliability"],
                "Reliability diagrams of all pathologies; calibration errors are in the table above.",
                "Observed frequency against mean probability in ten bins of equally many images, with "
                "Wilson's interval; logarithmic axes.",
            )
        )
    return "".join(parts)


def _operating_points(evaluation: Evaluation) -> str:
    source = evaluation.thresholds.source if evaluation.thresholds else ""
    return table(operating_points(evaluation), f"Present where probability ≥ threshold. Thresholds: {source}")


def _comparison(evaluation: Evaluation) -> str:
    found = evaluation.comparison
    assert found is not None
    caption = (
        f"{found.first} minus {found.second} on {found.images:,} images that both scored "
        f"({found.left_out:,} left out); p-values by the paired permutation test over patients, corrected "
        "by Holm"
    )
    return table(comparison_grid(found), caption)


def _subgroups(evaluation: Evaluation, drawn: dict[str, Figure]) -> str:
    parts = [
        table(grid, f"AUROC by {grouping}; few: fewer than {FEWEST_PATIENTS} patients in a class")
        for grouping, grid in subgroup_grids(evaluation.subgroups).items()
    ]
    for grouping, grid in error_grids(evaluation.subgroups).items():
        parts.append(table(grid, f"Errors by {grouping}. {ERRORS_NOTE}"))
    if "subgroups" in drawn:
        parts.append(
            _picture(
                drawn["subgroups"],
                "Forest plots of the AUROC by sex, age and view; the values are in the table above.",
                "AUROC by subgroup; dotted: all images. A hollow dot has no interval.",
            )
        )
    gaps = gap_grid(evaluation.gaps)
    if gaps.rows:
        parts.append(table(gaps, GAPS_NOTE))
    else:
        parts.append(paragraph("No gap between subgroups has an interval that excludes zero."))
    return "".join(parts)


def _readers(one: ReaderComparison, drawn: dict[str, Figure]) -> str:
    name = display_name(one.finding)
    parts = [
        heading(name),
        paragraph(study_line(one)),
        table(
            readers_grid(one),
            f"{name}: each rater's mean F1 against each of the others (Table 1)",
        ),
        *(
            [table(inference_grid(one), f"{name}: model less readers. {QUESTIONS_NOTE}")]
            if inference_grid(one).rows
            else ()
        ),
        paragraph(verdict(one)),
        paragraph(agreement_line(one)),
        table(consensus_grid(one), f"{name}: against the majority of radiologists"),
        table(kappa_grid(one), f"{name}: agreement of every two radiologists"),
    ]
    if f"readers-{one.finding}" in drawn:
        parts.append(
            _picture(
                drawn[f"readers-{one.finding}"],
                f"ROC curve of the model for {name} with the radiologists as points; the points are "
                "in the table above.",
                "The model's ROC against the majority of all radiologists; each radiologist (triangle) "
                "against the majority of the others, so the two do not have quite the same reference.",
            )
        )
    missing = reader_reasons(one)
    return "".join(parts) + (bullets(missing) if missing else "")


def localisation_tables(result: Localisation) -> str:
    """One table for each finding: maps against boxes, beside maps of noise and published values."""
    parts = [
        paragraph(
            f"{result.films} boxed films of {result.boxes}; {result.without_film} boxed films are not there; "
            f"maps of {result.model}; {result.resampled} resampled. IoBB is the intersection over the "
            "detected box; a film is localised where any detected box exceeds T; AFP counts those that do "
            "not, per film. Control: maps of noise. Wang 2017: published on ChestX-ray8."
        )
    ]
    for one in result.findings:
        parts.append(table(localisation_grid(one), finding_line(one, result.resampled)))
    return "".join(parts)


def _films(report: Report, drawn: dict[str, Figure]) -> str:
    captions = "; ".join(film.caption for film in report.films)
    return figure(
        # Fine enough to read the words in each picture after zooming in.
        save(drawn["films"], "png", dots_per_inch=250),
        "png",
        f"Films beside their class activation maps: {captions}.",
        "Class activation maps, upscaled to the film (section 6, Figure 2).",
    )


def _methods(evaluation: Evaluation) -> str:
    options = evaluation.options
    unit = "images" if evaluation.data.patients is None else "patients, all images of a patient together"
    return bullets(
        [
            "AUROC: the share of pairs of a positive and a negative image that are ranked rightly, ties one "
            "half.",
            "AUPRC: average precision, without interpolation.",
            f"Intervals: {options.confidence:.0%}, {options.interval} bootstrap, {options.samples:,} "
            f"resamples of {unit}, seed {options.seed}. All numbers share the same resamples, so differences "
            "are paired. Where more than 5 % of the resamples have no value, or all have the same, no "
            "interval is given.",
            "ECE: mean gap between probability and frequency in 15 bins of equal width, weighted by images.",
            "Not estimable: one class only, or too few patients; never replaced by a number.",
        ]
    )


def _checklists(sections: Sequence[str]) -> str:
    intro = "Items of reporting guidelines that this page answers, and in which section."
    tables = [table(grid, f"{grid.head[0]}: items answered here") for grid in report_checklists(sections)]
    return paragraph(intro) + "".join(tables)


def _software(report: Report) -> str:
    versions = [("Python", platform.python_version()), *((name, _version(name)) for name in _PACKAGES)]
    commands = preformatted("\n".join(report.commands)) if report.commands else ""
    return commands + definitions(versions)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return __version__ if package == "chexnet" else "not installed"


def _picture(drawn: Figure, alternative: str, caption: str) -> str:
    return figure(save(drawn), "svg+xml", alternative, caption)
