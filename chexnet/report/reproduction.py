"""One page of all that was reproduced, beside what was published, by the functions of `chexnet report`.

It holds no time of day, so that the same numbers give the same bytes; times are in `reproduction.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chexnet.evaluation import Evaluation, Localisation, ReaderComparison
from chexnet.paper import TABLE_1, TABLE_1_DIFFERENCE, TABLE_2
from chexnet.report.figures import losses_figure, save, table_2_figure
from chexnet.report.html import (
    bullets,
    definitions,
    figure,
    page,
    paragraph,
    preformatted,
    table,
)
from chexnet.report.page import LIMITATIONS, OF_CHESTXRAY14, localisation_tables
from chexnet.report.tables import Grid, operating_points, other_measures, readers_grid, table_2
from chexnet.report.text import study_line, verdict
from chexnet.statistics import Estimate

TITLES = {
    "chexnet": "CheXNet",
    "wang2017": "Wang et al. (2017)",
    "yao2017": "Yao et al. (2017)",
    "pneumonia": "CheXNet for pneumonia",
}
"""What the tables call each network."""


_MEANINGLESS = "These numbers mean nothing."


@dataclass(frozen=True)
class Results:
    """What the stages left.

    Attributes:
        quick: whether the run was a rehearsal.
        data: the inventory.
        splits: images, patients and hashes of the split of each task.
        audits: what the audit of each split came to.
        packed: number and side of the images that networks learned from; None where from the PNGs.
        evaluations: of each trained network.
        commands: of each training.
        metrics: rows of `metrics.csv` of each training.
        boxed: of each network with maps, how many boxed images there are and how many are in the test part.
        localisations: of each network with boxed images in its test part.
        readers: the comparison with radiologists, or what is missing.
        figure_2: its captions and its PNG; None where nothing was drawn.
        left_out: stages that did not run.
        software: versions that each stage ran with.
    """

    quick: bool
    data: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, Any]]
    audits: Mapping[str, str]
    packed: Mapping[str, Any] | None
    evaluations: Mapping[str, Evaluation]
    commands: Mapping[str, str]
    metrics: Mapping[str, Sequence[Mapping[str, str]]]
    boxed: Mapping[str, Mapping[str, int]]
    localisations: Mapping[str, Localisation]
    readers: ReaderComparison | str
    figure_2: tuple[Sequence[Mapping[str, Any]], bytes] | None
    left_out: Sequence[str]
    software: Mapping[str, Mapping[str, str]]

    @property
    def of_14_pathologies(self) -> list[Evaluation]:
        """Evaluations of the networks of Table 2, CheXNet first."""
        return [one for name, one in self.evaluations.items() if name != "pneumonia"]


def report_page(results: Results) -> str:
    """The page, with everything inside it."""
    sections = [
        ("Data and splits", _data(results)),
        ("Table 2: 14 pathologies", _table_2(results)),
        ("Pneumonia", _pneumonia(results)),
        ("Table 1: radiologists", _table_1(results.readers)),
        ("Figure 2: activation maps", _figure_2(results)),
        ("Localisation", _localisation(results)),
        ("Training", _training(results)),
        ("Commands and software", _commands(results)),
        ("Limitations", bullets([*OF_CHESTXRAY14, *LIMITATIONS])),
    ]
    return page("CheXNet, reproduced", sections, _lead(results))


def _lead(results: Results) -> str:
    parts = []
    if results.quick:
        parts += [
            paragraph(_MEANINGLESS, "loud"),
            paragraph(
                "This is a rehearsal (--quick): few images, small images, random initial weights, hardly any "
                "training. It shows that every stage works, and says nothing about any network.",
                "warning",
            ),
        ]
    measured = results.evaluations.get("chexnet")
    if measured is not None:
        published = TABLE_2["CheXNet"]
        parts.append(
            paragraph(
                f"Mean AUROC of {len(measured.mean_of)} pathologies: **{measured.mean_auroc.text(4)}** on "
                f"{measured.data.images:,} test images; the paper: "
                f"{sum(published.values()) / len(published):.4f}.",
                "headline",
            )
        )
    used = next(iter(results.splits.values()))["films_used"]
    if used < results.data["expected"]:
        parts.append(
            paragraph(
                f"{used:,} images were used, of {results.data['there']:,} that are there and "
                f"{results.data['expected']:,} in the table. A part of the data set is another population "
                "than the whole, and its numbers do not compare with the paper's.",
                "warning",
            )
        )
    if results.left_out:
        parts.append(paragraph(f"Stages left out: {', '.join(results.left_out)}.", "warning"))
    parts.append(paragraph("Research software, not a medical device: not for diagnosis.", "note"))
    return "".join(parts)


def _data(results: Results) -> str:
    rows = []
    for task, found in results.splits.items():
        for part, images in found["images"].items():
            digest = found["sha256"][part][:16]
            rows.append([f"{task}: {part}", f"{images:,}", f"{found['patients'][part]:,}", digest])
    lines = [f"{task}: {found['how']}" for task, found in results.splits.items()]
    lines += [
        f"Audit of {task}: {verdict}. All of it: audit/{task}.txt" for task, verdict in results.audits.items()
    ]
    if results.packed is not None:
        lines.append(
            f"The networks learned from {results.packed['films']:,} images packed at "
            f"{results.packed['size']} pixels in 256 grey levels, and their files say so."
        )
    return (
        bullets(str(results.data["message"]).splitlines())
        + table(Grid(["part", "images", "patients", "SHA-256 of the names"], rows), "Splits by patient")
        + bullets(lines)
    )


def _table_2(results: Results) -> str:
    trained = results.of_14_pathologies
    if not trained:
        return paragraph("No network of the 14 pathologies was trained.")
    caption = (
        "Each network on the same test part, beside the published columns. Published values come from other "
        "random splits; a difference may be the split's."
    )
    parts = [
        table(table_2(*trained), caption),
        figure(
            save(table_2_figure(*trained)),
            "svg+xml",
            "Dot plot of the AUROCs in the table above, with their intervals; published values hollow.",
            "Filled: here, with interval. Hollow: published.",
        ),
    ]
    for name, one in results.evaluations.items():
        if found := one.comparison:
            parts.append(
                paragraph(
                    f"Mean AUROC, {found.first} minus {found.second}, paired on {found.images:,} test "
                    f"images: {found.mean_difference.text(4, signed=True)}. Single pathologies are in "
                    f"evaluate-{name}/report.html."
                )
            )
    return "".join(parts)


def _pneumonia(results: Results) -> str:
    one = results.evaluations.get("pneumonia")
    if one is None:
        return paragraph("The network of the pneumonia task was not trained.")
    found = one.findings["Pneumonia"]
    parts = [
        paragraph(
            f"One output, weighted loss (section 2.1), on its own test part: {found.positives:,} images with "
            f"and {found.negatives:,} without pneumonia by the labels of ChestX-ray14. AUROC: "
            f"**{found.auroc.text(4)}**."
        ),
        table(other_measures(one), "Prevalence, AUPRC, Brier score and calibration error"),
    ]
    if one.thresholds:
        parts.append(table(operating_points(one), f"At the threshold of {one.thresholds.source}"))
    return "".join(parts)


def _table_1(found: ReaderComparison | str) -> str:
    published = {name: Estimate(value, *interval) for name, (value, interval) in TABLE_1.items()}
    rows = [[name, measure.text(3)] for name, measure in published.items()]
    difference = Estimate(TABLE_1_DIFFERENCE[0], *TABLE_1_DIFFERENCE[1])
    rows.append(["CheXNet minus average", difference.text(3, signed=True)])
    paper = table(Grid(["F1", "published"], rows), "Table 1 of the paper: pneumonia, 420 images")
    if isinstance(found, str):
        return paragraph(found, "warning") + paper
    caption = "The same comparison here: each rater's mean F1 against each of the others"
    return (
        paragraph(study_line(found)) + table(readers_grid(found), caption) + paragraph(verdict(found)) + paper
    )


def _figure_2(results: Results) -> str:
    if results.figure_2 is None:
        return paragraph("No image of the test part could be shown.")
    panels, picture = results.figure_2
    captions = "; ".join(f"({chr(ord('a') + n)}) {one['caption']}" for n, one in enumerate(panels))
    note = (
        ""
        if any(one["boxed"] for one in panels)
        else " No image of the test part has a radiologist's box; these have the label and the highest "
        "probability."
    )
    return figure(
        picture,
        "png",
        f"Radiographs beside their class activation maps: {captions}.",
        f"Class activation maps of CheXNet, upscaled to the image (section 6), on the test part.{note}",
    )


def _localisation(results: Results) -> str:
    parts = []
    for name, counts in results.boxed.items():
        parts.append(
            paragraph(
                f"{TITLES[name]}: of {counts['boxed_films']:,} boxed images {counts['there']:,} are there, "
                f"and {counts['of_the_test_part']:,} are in the test part. Images of the other parts are not "
                "scored, since the network knows them."
            )
        )
        if name in results.localisations:
            parts.append(localisation_tables(results.localisations[name]))
    return "".join(parts) or paragraph("No network with activation maps was trained.")


def _training(results: Results) -> str:
    rows = []
    for name, epochs in results.metrics.items():
        losses = [float(one["val_loss"]) for one in epochs]
        best = losses.index(min(losses))
        rows.append(
            [TITLES[name], f"{len(epochs)}", f"{best + 1}", f"{losses[best]:.4f}", epochs[best]["val_auroc"]]
        )
    if not rows:
        return paragraph("No network was trained.")
    head = ["network", "epochs", "best epoch", "validation loss", "mean validation AUROC"]
    drawn = losses_figure({TITLES[name]: epochs for name, epochs in results.metrics.items()})
    return table(Grid(head, rows), "Losses of different networks and tasks do not compare") + figure(
        save(drawn),
        "svg+xml",
        "Training and validation loss of each network by epoch; the lowest is in the table above.",
        "Loss by epoch: training dashed, validation solid.",
    )


def _commands(results: Results) -> str:
    entries = [
        (stage, ", ".join(f"{package} {version}" for package, version in versions.items()))
        for stage, versions in results.software.items()
    ]
    same = len({text for _, text in entries}) == 1
    shown = [("every stage", entries[0][1])] if same else entries
    return (
        preformatted("\n".join(results.commands.values()))
        + definitions(shown)
        + paragraph("Hashes and times of every stage are in reproduction.json.", "note")
    )
