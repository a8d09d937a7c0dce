"""Figures of all networks at once."""

from collections.abc import Mapping, Sequence

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from chexnet.findings import display_name
from chexnet.paper import TABLE_2
from chexnet.report.figures import BLUE, GREEN, ORANGE, PURPLE, STYLE
from chexnet.statistics import Estimate

COLOURS = {"CheXNet": ORANGE, "Wang et al. (2017)": BLUE, "Yao et al. (2017)": GREEN}
MARKERS = {"CheXNet": "o", "Wang et al. (2017)": "s", "Yao et al. (2017)": "^"}


@rc_context(STYLE)
def table_2_figure(measured: Mapping[str, Mapping[str, Estimate]]) -> Figure:
    """Table 2 as a dot plot: each trained network with its intervals, and its published values hollow."""
    findings = list(next(iter(measured.values())))
    figure = Figure(figsize=(7.2, 0.42 * len(findings) + 1.4), layout="constrained")
    axes = figure.add_subplot()
    for place, (title, areas) in enumerate(measured.items()):
        colour, marker = COLOURS[title], MARKERS[title]
        axes.plot([], [], marker, color=colour, label=f"{title}, here")
        axes.plot([], [], marker, color=colour, fillstyle="none", label=f"{title}, published")
        for row, finding in enumerate(findings):
            height = row + 0.22 * (place - (len(measured) - 1) / 2)
            one = areas[finding]
            if one.value is not None:
                axes.plot(one.value, height, marker, color=colour, markersize=4)
            if one.low is not None and one.high is not None:
                axes.plot((one.low, one.high), (height, height), color=colour, linewidth=1.2)
            published = TABLE_2[title][finding]
            axes.plot(published, height, marker, color=colour, markersize=4.5, fillstyle="none")
    axes.set_yticks(range(len(findings)), [display_name(name) for name in findings])
    axes.set_ylim(len(findings) - 0.5, -0.5)
    axes.grid(axis="x", alpha=0.3, linewidth=0.5)
    axes.set_xlabel("AUROC with its interval")
    figure.legend(loc="outside lower center", ncols=len(measured), frameon=False)
    return figure


@rc_context(STYLE)
def losses_figure(metrics: Mapping[str, Sequence[Mapping[str, str]]]) -> Figure:
    """Training and validation loss of each network by epoch."""
    colours = (*COLOURS.values(), PURPLE)
    columns = min(2, len(metrics))
    rows = -(-len(metrics) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.2 * rows + 0.2), layout="constrained")
    for number, (title, epochs) in enumerate(metrics.items()):
        axes = figure.add_subplot(rows, columns, number + 1)
        numbers = [int(one["epoch"]) + 1 for one in epochs]
        colour = COLOURS.get(title, colours[-1])
        for name, line, marker in (("train_loss", "--", "o"), ("val_loss", "-", "s")):
            values = [float(one[name]) for one in epochs]
            axes.plot(numbers, values, line, marker=marker, markersize=3, color=colour)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_title(title, loc="left")
    figure.supxlabel("epoch")
    figure.supylabel("loss")
    return figure
