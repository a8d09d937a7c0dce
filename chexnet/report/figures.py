"""Figures for print: vector graphics, in colours that colour-blind people and grey printers distinguish."""

import io
from collections.abc import Callable, Mapping, Sequence
from math import dist
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from chexnet.evaluation import Evaluation, ReaderComparison
from chexnet.findings import display_name
from chexnet.report.tables import published_columns
from chexnet.statistics import Estimate, precision_recall_band, reliability_curve, roc_band, roc_curve

BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#767676"
"""From Okabe and Ito's palette, darkened where it is too light for thin lines."""

_MARKERS = ("s", "^", "D")
_MEASURED = (BLUE, GREEN, ORANGE)
_MOST_NAMED = 12
_BESIDE = 0.035
"""Distance of a number from its point, as a share of the axis."""
_COLUMNS = 4
STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "chexnet",
}


def save(figure: Figure, kind: str = "svg", dots_per_inch: int = 150) -> bytes:
    """The figure as a file's bytes; the same figure gives the same bytes."""
    target = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else {"CreationDate": None} if kind == "pdf" else None
    with rc_context(STYLE):
        figure.savefig(target, format=kind, dpi=dots_per_inch, metadata=metadata)
    return target.getvalue()


@rc_context(STYLE)
def roc_figure(evaluation: Evaluation) -> Figure:
    """ROC curve of each finding with its bootstrap band."""

    def draw(axes: Axes, name: str) -> None:
        present, probabilities, clusters = _known(evaluation, name)
        band = roc_band(present, probabilities, clusters)
        axes.plot((0, 1), (0, 1), color=GREY, linewidth=0.7, linestyle=":")
        axes.fill_between(band.x, band.low, band.high, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(band.x, band.y, color=BLUE, linewidth=1.3)
        axes.text(0.98, 0.04, f"AUROC\n{_stacked(evaluation.findings[name].auroc)}", ha="right", va="bottom")

    return _grid(evaluation, draw, "1 - specificity", "sensitivity")


@rc_context(STYLE)
def precision_recall_figure(evaluation: Evaluation) -> Figure:
    """Precision–recall curve of each finding with its band; the dotted line is the prevalence."""

    def draw(axes: Axes, name: str) -> None:
        present, probabilities, clusters = _known(evaluation, name)
        band = precision_recall_band(present, probabilities, clusters)
        axes.axhline(present.mean(), color=GREY, linewidth=0.8, linestyle=":")
        axes.fill_between(band.x, band.low, band.high, color=ORANGE, alpha=0.25, linewidth=0)
        axes.plot(band.x, band.y, color=ORANGE, linewidth=1.3)
        axes.text(0.98, 0.96, f"AUPRC\n{_stacked(evaluation.findings[name].auprc)}", ha="right", va="top")

    return _grid(evaluation, draw, "recall (sensitivity)", "precision (PPV)")


@rc_context(STYLE)
def reliability_figure(evaluation: Evaluation, bins: int = 10) -> Figure:
    """Observed frequency against predicted probability, ten bins of equally many images, log axes."""

    def draw(axes: Axes, name: str) -> None:
        present, probabilities, _ = _known(evaluation, name)
        curve = reliability_curve(present, probabilities, bins, "mass", evaluation.options.confidence)
        floor = max(1e-4, min(curve.mean_probability.min(), curve.high.min()) / 2)
        axes.plot((floor, 1), (floor, 1), color=GREY, linewidth=0.7, linestyle=":")
        low = np.maximum(curve.low, floor)
        observed = np.maximum(curve.observed, floor)
        axes.errorbar(
            curve.mean_probability,
            observed,
            yerr=(observed - np.minimum(low, observed), np.maximum(curve.high - observed, 0)),
            fmt="o",
            markersize=3.5,
            color=GREEN,
            linewidth=1,
        )
        axes.set(xscale="log", yscale="log", xlim=(floor, 1), ylim=(floor, 1))
        ece = evaluation.findings[name].ece
        axes.text(0.04, 0.96, f"ECE {ece:.4f}", ha="left", va="top", transform=axes.transAxes)

    return _grid(evaluation, draw, "predicted probability", "observed frequency", unit=False)


@rc_context(STYLE)
def calibration_figure(tests: Mapping[str, Mapping[str, Any]]) -> Figure:
    """Reliability diagrams before (grey rings) and after calibration (dots with Wilson's intervals).

    Args:
        tests: of each finding, ``before`` and ``after`` as the fields of ``Reliability``.
    """
    columns = min(_COLUMNS, len(tests))
    rows = -(-len(tests) // columns)
    figure = _empty(1.8 * columns, 1.95 * rows + 0.5)
    for number, (name, test) in enumerate(tests.items(), start=1):
        axes = figure.add_subplot(rows, columns, number)
        before, after = test["before"], test["after"]
        top = 1.05 * max(*after["high"], *before["mean_probability"], *before["observed"])
        axes.plot((0, top), (0, top), color=GREY, linewidth=0.7, linestyle=":")
        axes.plot(
            before["mean_probability"],
            before["observed"],
            "o",
            color=GREY,
            markersize=4.5,
            fillstyle="none",
        )
        middle = np.array(after["observed"])
        error = (middle - np.minimum(after["low"], middle), np.maximum(after["high"] - middle, 0))
        axes.errorbar(
            after["mean_probability"], middle, yerr=error, fmt="o", markersize=3, color=GREEN, linewidth=0.8
        )
        axes.set(xlim=(0, top), ylim=(0, top), title=display_name(name))
    figure.supxlabel("predicted probability", fontsize=8)
    figure.supylabel("observed frequency", fontsize=8)
    return figure


@rc_context(STYLE)
def table_2_figure(*evaluations: Evaluation) -> Figure:
    """Table 2 as a dot plot: AUROC of one model or several with interval, and the published values hollow."""
    first = evaluations[0]
    names = [
        name
        for name in first.findings
        if any(one.findings[name].auroc.value is not None for one in evaluations)
    ]
    figure, axes = _figure(7.2, (0.22 + 0.1 * len(evaluations)) * len(names) + 1.4)
    for place, (one, colour) in enumerate(zip(evaluations, _MEASURED, strict=False)):
        axes.plot([], [], "o", color=colour, label=f"{one.data.name} ({one.options.split})")
        for row, name in enumerate(names):
            height = row + 0.22 * (place - (len(evaluations) - 1) / 2)
            _interval(axes, height, one.findings[name].auroc, colour)
    for marker, colour, column in zip(
        _MARKERS, (GREY, PURPLE, ORANGE), published_columns(first), strict=False
    ):
        known = {row: column.auroc[name] for row, name in enumerate(names) if name in column.auroc}
        if known:
            label = f"{column.system}, {column.split}"
            axes.plot(
                [*known.values()],
                [*known],
                marker,
                color=colour,
                markersize=4.5,
                fillstyle="none",
                label=label,
            )
    _rows(axes, [display_name(name) for name in names])
    axes.set_xlabel(f"AUROC with {first.options.confidence:.0%} interval")
    figure.legend(loc="outside lower center", ncols=2, frameon=False)
    return figure


@rc_context(STYLE)
def losses_figure(metrics: Mapping[str, Sequence[Mapping[str, str]]]) -> Figure:
    """Training and validation loss of each network by epoch.

    Args:
        metrics: rows of `metrics.csv` of each network.
    """
    columns = min(2, len(metrics))
    rows = -(-len(metrics) // columns)
    figure = _empty(3.6 * columns, 2.2 * rows + 0.2)
    for number, (title, epochs) in enumerate(metrics.items(), start=1):
        axes = figure.add_subplot(rows, columns, number)
        numbers = [int(one["epoch"]) + 1 for one in epochs]
        for name, line, marker in (("train_loss", "--", "o"), ("val_loss", "-", "s")):
            values = [float(one[name]) for one in epochs]
            axes.plot(numbers, values, line, marker=marker, markersize=3, color=BLUE)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(title, loc="left")
    figure.supxlabel("epoch")
    figure.supylabel("loss")
    return figure


@rc_context(STYLE)
def subgroup_figure(evaluation: Evaluation) -> Figure:
    """Forest plot: AUROC of each finding in each subgroup."""
    groups = list(evaluation.subgroups)
    labels = [f"{one.grouping}: {one.name}" for one in groups]

    def draw(axes: Axes, name: str) -> None:
        overall = evaluation.findings[name].auroc.value
        if overall is not None:
            axes.axvline(overall, color=GREY, linewidth=0.8, linestyle=":")
        for row, group in enumerate(groups):
            _interval(axes, row, group.auroc[name], BLUE)
        _rows(axes, labels)

    return _grid(evaluation, draw, "AUROC", "", unit=False, height=0.19 * len(groups) + 0.75, columns=3)


@rc_context(STYLE)
def readers_figure(comparison: ReaderComparison) -> Figure:
    """The model's ROC against the majority of all readers, and each reader against that of the others."""
    figure, axes = _figure(4.6, 4.8)
    known = ~np.isnan(comparison.consensus)
    truth = comparison.consensus[known] == 1
    axes.plot((0, 1), (0, 1), color=GREY, linewidth=0.7, linestyle=":")
    if truth.any() and not truth.all():
        curve = roc_curve(truth, comparison.probabilities[known])
        axes.plot(
            curve.false_positive_rate,
            curve.sensitivity,
            color=BLUE,
            linewidth=1.4,
            label=f"{comparison.model_name}, AUROC {comparison.model_auroc.text(3)}",
        )
    points = operating_places(comparison)
    if comparison.model_name in points:
        label = f"{comparison.model_name} at {comparison.threshold:.3g}"
        place = points[comparison.model_name]
        axes.plot(*place, "o", color=BLUE, markersize=8, fillstyle="none", label=label)
    for number, name in enumerate(comparison.readers, start=1):
        if name in points:
            axes.plot(*points[name], "^", color=ORANGE, markersize=7, label=f"{number}: {name}")
    _number(axes, {n: points[name] for n, name in enumerate(comparison.readers, start=1) if name in points})
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
    axes.set(xlabel="1 - specificity", ylabel="sensitivity", title=display_name(comparison.finding))
    # More names than this are looked up in the table.
    handles, names = axes.get_legend_handles_labels()
    shown = len(handles) if len(comparison.readers) <= _MOST_NAMED else len(handles) - len(comparison.readers)
    figure.legend(handles[:shown], names[:shown], loc="outside lower center", ncols=2, frameon=False)
    return figure


def operating_places(comparison: ReaderComparison) -> dict[str, tuple[float, float]]:
    """(1 - specificity, sensitivity) of each rater who has both; none where no image has a majority."""
    return {
        name: (1 - point.specificity.value, point.sensitivity.value)
        for name, point in comparison.against_consensus.items()
        if point.sensitivity.value is not None and point.specificity.value is not None
    }


@rc_context(STYLE)
def film_figure(pictures: Sequence[np.ndarray], captions: Sequence[str]) -> Figure:
    """A page of films beside their activation maps, as Figure 2: (a), (b), …."""
    columns = min(2, len(pictures))
    rows = -(-len(pictures) // columns)
    width = 7.2 / columns
    # As high as the pictures are at that width, and a line for each caption.
    heights = [width * picture.shape[0] / picture.shape[1] for picture in pictures]
    figure = _empty(7.2, rows * (max(heights) + 0.25))
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        axes = figure.add_subplot(rows, columns, number + 1)
        axes.imshow(picture)
        axes.set_axis_off()
        axes.set_title(f"({chr(ord('a') + number)}) {caption}", loc="left", wrap=True)
    return figure


def _grid(
    evaluation: Evaluation,
    draw: Callable[[Axes, str], None],
    x: str,
    y: str,
    *,
    unit: bool = True,
    height: float = 1.75,
    columns: int = _COLUMNS,
) -> Figure:
    """One small panel a finding whose AUROC is estimable."""
    names = list(evaluation.mean_of)
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    figure = _empty(7.2 * columns / _COLUMNS if columns < 3 else 7.2, height * rows + 0.4)
    for number, name in enumerate(names):
        axes = figure.add_subplot(rows, columns, number + 1)
        draw(axes, name)
        if unit:
            axes.set(xlim=(0, 1), ylim=(0, 1.01), xticks=(0, 0.5, 1), yticks=(0, 0.5, 1))
        if y == "" and number % columns:
            axes.set_yticklabels([])
        axes.set_title(display_name(name), loc="left")
    figure.supxlabel(x)
    if y:
        figure.supylabel(y)
    return figure


def _number(axes: Axes, points: Mapping[int, tuple[float, float]]) -> None:
    """Write each point's number beside it, on the side with the most room."""
    taken = list(points.values())
    for number, (x, y) in points.items():
        spots = [
            (x + _BESIDE * across, y + _BESIDE * up)
            for across, up in ((1, 0), (0, -1), (-1, 0), (0, 1))
            if 0 <= x + _BESIDE * across <= 1 and 0 <= y + _BESIDE * up <= 1
        ]
        others = [place for place in taken if place != (x, y)]
        spot = max(spots, key=lambda spot: min((dist(spot, other) for other in others), default=1.0))
        taken.append(spot)
        halo = [withStroke(linewidth=2.5, foreground="white")]
        axes.text(*spot, f"{number}", ha="center", va="center", path_effects=halo, zorder=3)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = _empty(width, height)
    return figure, figure.add_subplot()


def _empty(width: float, height: float) -> Figure:
    return Figure(figsize=(width, height), layout="constrained")


def _interval(axes: Axes, row: float | int, measure: Estimate, colour: str) -> None:
    if measure.value is None:
        return
    if measure.low is not None and measure.high is not None:
        axes.plot((measure.low, measure.high), (row, row), color=colour, linewidth=1.4)
        axes.plot(measure.value, row, "o", color=colour, markersize=4)
    else:
        # Hollow: a value without an interval.
        axes.plot(measure.value, row, "o", color=colour, markersize=4, fillstyle="none")


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3, linewidth=0.5)


def _known(evaluation: Evaluation, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    cohort = evaluation.cohort
    if cohort is None:
        raise ValueError("curves need the images; an evaluation that was read from its JSON has none")
    known = cohort.known(name)
    return cohort.present(name)[known], cohort.probabilities(name)[known], cohort.clusters[known]


def _stacked(measure: Estimate) -> str:
    return measure.text(3).replace(" (", "\n(")
