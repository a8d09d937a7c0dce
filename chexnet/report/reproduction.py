"""One page of all that was reproduced, beside what was published. Made from numbers that earlier stages left.

It holds no time of day, so that the same numbers give the same bytes; times are in `reproduction.json`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chexnet.paper import PATHOLOGIES, TABLE_1, TABLE_1_DIFFERENCE, TABLE_2
from chexnet.report.figures import save
from chexnet.report.html import (
    bullets,
    definitions,
    figure,
    page,
    paragraph,
    preformatted,
    table,
)
from chexnet.report.page import LIMITATIONS, OF_CHESTXRAY14
from chexnet.report.reproduction_figures import losses_figure, table_2_figure
from chexnet.report.tables import Grid
from chexnet.statistics import Estimate

TITLES = {
    "chexnet": "CheXNet",
    "wang2017": "Wang et al. (2017)",
    "yao2017": "Yao et al. (2017)",
    "pneumonia": "CheXNet for pneumonia",
}
"""What the tables call them; the first three are the columns of Table 2."""


MEANINGLESS = "These numbers mean nothing."
_TABLE_2_ORDER = ("wang2017", "yao2017", "chexnet")


@dataclass(frozen=True)
class Results:
    """What the stages left, as read from their JSON.

    Attributes:
        quick: whether the run was a rehearsal.
        data: the inventory.
        splits: images, patients and hashes of the split of each task.
        audits: what the audit of each split came to.
        packed: number and side of the films that networks learned from; None where from the PNGs.
        evaluations: of each trained network.
        commands: of each training.
        metrics: rows of `metrics.csv` of each training.
        localisations: of each network with maps.
        table_1: the comparison with radiologists, or what is missing.
        figure_2: its captions and its PNG; None where nothing was drawn.
        left_out: stages that did not run.
        software: versions that each stage ran with.
    """

    quick: bool
    data: Mapping[str, Any]
    splits: Mapping[str, Mapping[str, Any]]
    audits: Mapping[str, str]
    packed: Mapping[str, Any] | None
    evaluations: Mapping[str, Mapping[str, Any]]
    commands: Mapping[str, str]
    metrics: Mapping[str, Sequence[Mapping[str, str]]]
    localisations: Mapping[str, Mapping[str, Any]]
    table_1: Mapping[str, Any] | None
    figure_2: tuple[Sequence[Mapping[str, Any]], bytes] | None
    left_out: Sequence[str]
    software: Mapping[str, Mapping[str, str]]


def report_page(results: Results) -> str:
    """The page, with everything inside it."""
    sections = [
        ("Data and splits", _data(results)),
        ("Table 2: 14 pathologies", _table_2(results)),
        ("Pneumonia", _pneumonia(results)),
        ("Table 1: radiologists", _table_1(results.table_1)),
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
            paragraph(MEANINGLESS, "loud"),
            paragraph(
                "This is a rehearsal (quick): few images, small images, random initial weights, hardly any "
                "training. It shows that every stage works, and says nothing of any network.",
                "warning",
            ),
        ]
    measured = results.evaluations.get("chexnet")
    if measured is not None:
        parts.append(
            paragraph(
                f"Mean AUROC of {len(measured['mean_of'])} pathologies: **{_show(measured, 'mean_auroc')}** "
                f"on {measured['data']['images']:,} test images; the paper: {_mean(TABLE_2['CheXNet']):.4f}.",
                "headline",
            )
        )
    used = next(iter(results.splits.values()))["films_used"]
    if used < results.data["expected"]:
        parts.append(
            paragraph(
                f"{used:,} films were used, of {results.data['there']:,} that are there and "
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
    return (
        bullets(str(results.data["message"]).splitlines())
        + table(Grid(["part", "images", "patients", "SHA-256 of the names"], rows), "Splits by patient")
        + bullets([f"{task}: {found['how']}" for task, found in results.splits.items()])
        + _audited_and_packed(results)
    )


def _audited_and_packed(results: Results) -> str:
    lines = [
        f"Audit of {task}: {verdict}. All of it: audit/{task}.txt" for task, verdict in results.audits.items()
    ]
    if results.packed is not None:
        lines.append(
            f"The networks learned from {results.packed['films']:,} films packed at {results.packed['size']} "
            "pixels in 256 grey levels, and their files say so."
        )
    return bullets(lines) if lines else ""


def table_2(evaluations: Mapping[str, Mapping[str, Any]]) -> Grid:
    """AUROC of every trained network of the 14 pathologies, each beside its published column."""
    columns = [(TITLES[name], TABLE_2[TITLES[name]], evaluations.get(name)) for name in _TABLE_2_ORDER]
    head = ["AUROC", "positive", "negative"]
    for title, _, here in columns:
        head.append(f"{title}: published")
        head += [f"{title}: here"] if here else []
    rows = []
    for finding in PATHOLOGIES:
        first = next(iter(evaluations.values()))["findings"][finding]
        row = [finding, f"{first['positives']:,}", f"{first['negatives']:,}"]
        for _, published, here in columns:
            row += [
                f"{published[finding]:.4f}",
                *([_show(here["findings"][finding], "auroc")] if here else []),
            ]
        rows.append(row)
    mean = ["mean", "", ""]
    for _, published, here in columns:
        mean.append(f"{_mean(published):.4f}")
        mean += [_mean_here(here)] if here else []
    return Grid(head, [*rows, mean])


def _mean_here(here: Mapping[str, Any]) -> str:
    of = "" if len(here["mean_of"]) == len(PATHOLOGIES) else f", of {len(here['mean_of'])}"
    return _show(here, "mean_auroc") + of


def _table_2(results: Results) -> str:
    trained = {name: one for name, one in results.evaluations.items() if name != "pneumonia"}
    if not trained:
        return paragraph("No network of the 14 pathologies was trained.")
    caption = (
        "Each network on the same test part, its published column beside it. Published values come from "
        "other random splits; a difference may be the split's."
    )
    parts = [table(table_2(trained), caption)]
    drawn = table_2_figure(
        {
            TITLES[name]: {finding: _measure(one["findings"][finding], "auroc") for finding in PATHOLOGIES}
            for name, one in trained.items()
        }
    )
    alternative = "Dot plot of the AUROCs in the table above, with their intervals; published values hollow."
    parts.append(
        figure(save(drawn), "svg+xml", alternative, "Filled: here, with interval. Hollow: published.")
    )
    parts += [paragraph(line) for line in _comparisons(trained)]
    return "".join(parts)


def _comparisons(evaluations: Mapping[str, Mapping[str, Any]]) -> list[str]:
    lines = []
    for name, one in evaluations.items():
        found = one.get("comparison")
        if found:
            difference = _measure(found, "mean_difference")
            lines.append(
                f"Mean AUROC, {found['first']} minus {found['second']}, paired on {found['images']:,} test "
                f"images: {difference.text(4)}. Single pathologies are in evaluate-{name}/report.html."
            )
    return lines


def _pneumonia(results: Results) -> str:
    one = results.evaluations.get("pneumonia")
    if one is None:
        return paragraph("The network of the pneumonia task was not trained.")
    found = one["findings"]["Pneumonia"]
    rows = [
        ["AUROC", _show(found, "auroc")],
        ["average precision", _show(found, "auprc")],
        ["Brier score", _show(found, "brier")],
    ]
    if "threshold" in found:
        rows += [[name, _show(found, name)] for name in ("f1", "sensitivity", "specificity") if name in found]
    caption = (
        f"One output, weighted loss (section 2.1), on its own test part: {found['positives']:,} films with "
        f"and {found['negatives']:,} without pneumonia by the labels of ChestX-ray14"
    )
    return table(Grid(["pneumonia", "here"], rows), caption)


def _table_1(found: Mapping[str, Any] | None) -> str:
    published = {name: Estimate(value, *interval) for name, (value, interval) in TABLE_1.items()}
    rows = [[name, measure.text(3)] for name, measure in published.items()]
    rows.append(["CheXNet minus average", Estimate(TABLE_1_DIFFERENCE[0], *TABLE_1_DIFFERENCE[1]).text(3)])
    parts = [table(Grid(["F1", "published"], rows), "Table 1 of the paper: pneumonia, 420 films")]
    if found is None or "missing" in found:
        missing = (
            "The network of the pneumonia task was not trained." if found is None else str(found["missing"])
        )
        return paragraph(missing, "warning") + "".join(parts)
    raters = {**found["readers"], "Radiologist avg.": found["readers_mean"]}
    raters |= {found["model"]["name"]: found["model"], "difference": found["difference"]}
    here = [[name, _show(one, "f1", "ci", 3), str(one.get("present", ""))] for name, one in raters.items()]
    caption = (
        f"The same comparison on {found['images']:,} films that were read; threshold "
        f"{found['threshold']:.4g} ({found['threshold_source']})"
    )
    return table(Grid(["F1 against each of the others", "here", "calls present"], here), caption) + "".join(
        parts
    )


def _figure_2(results: Results) -> str:
    if results.figure_2 is None:
        return paragraph("No film of the test part could be shown.")
    panels, picture = results.figure_2
    captions = "; ".join(f"({chr(ord('a') + n)}) {one['caption']}" for n, one in enumerate(panels))
    boxed = any(one["boxed"] for one in panels)
    note = (
        ""
        if boxed
        else " No film of the test part has a radiologist's box; these are the likeliest of the label."
    )
    return figure(
        picture,
        "png",
        f"Films beside their class activation maps: {captions}.",
        f"Class activation maps of CheXNet, upscaled to the film (section 6): films of the test part.{note}",
    )


def _localisation(results: Results) -> str:
    if not results.localisations:
        return paragraph("No network with activation maps was trained.")
    parts = []
    for name, one in results.localisations.items():
        counts = one["counts"]
        line = (
            f"{TITLES[name]}: of {counts['boxed_films']:,} boxed films {counts['there']:,} are there, and "
            f"{counts['of_the_test_part']:,} are in the test part; films of the other parts are not scored, "
            "since the network knows them."
        )
        parts.append(paragraph(line))
        if "localisation" in one:
            parts.append(
                table(_localisation_grid(one["localisation"]), f"{TITLES[name]}: maps against boxes")
            )
    note = (
        "Pointing: the map's highest point lies in a box. T(IoBB): a detected box whose intersection with a "
        "radiologist's is more than T of the detected. Noise: maps of noise on the same films. Wang 2017: "
        "published, on all 984 boxes."
    )
    return "".join(parts) + paragraph(note, "note")


def _localisation_grid(found: Mapping[str, Any]) -> Grid:
    places = {t: found["thresholds"].index(t) for t in (0.1, 0.3, 0.5)}
    head = ["finding", "films", "pointing", "noise"]
    head += ["T(IoBB) = 0.1", "noise", "Wang 2017"]
    for t in places:
        head += [f"T(IoU) = {t}", "noise", "Wang 2017"]
    rows = []
    for finding, one in found["findings"].items():
        row = [
            finding,
            f"{one['films']:,}",
            _show(one, "pointing", digits=3),
            f"{one['control']['pointing']:.3f}",
        ]
        row += _at(one, "iobb", places[0.1], one["wang_2017_iobb"].get("0.1"))
        for place in places.values():
            published = one["wang_2017_iou"][place] if place < len(one["wang_2017_iou"]) else None
            row += _at(one, "iou", place, published)
        rows.append(row)
    return Grid(head, rows)


def _at(one: Mapping[str, Any], kind: str, place: int, published: float | None) -> list[str]:
    value, interval = one[kind]["value"][place], one[kind]["ci"][place]
    measured = Estimate(value, *(interval or (None, None)))
    noise = one["control"][kind][place]
    return [measured.text(3), f"{noise:.3f}", "–" if published is None else f"{published:.3f}"]


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
    parts = [table(Grid(head, rows), "Losses of different networks and tasks do not compare")]
    drawn = losses_figure({TITLES[name]: epochs for name, epochs in results.metrics.items()})
    alternative = "Training and validation loss of each network by epoch; the lowest is in the table above."
    parts.append(
        figure(save(drawn), "svg+xml", alternative, "Loss by epoch: training dashed, validation solid.")
    )
    return "".join(parts)


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


def _measure(entry: Mapping[str, Any], name: str, interval: str | None = None) -> Estimate:
    low, high = entry.get(interval or f"{name}_ci") or (None, None)
    return Estimate(entry[name], low, high)


def _show(entry: Mapping[str, Any], name: str, interval: str | None = None, digits: int = 4) -> str:
    return _measure(entry, name, interval).text(digits)


def _mean(areas: Mapping[str, float]) -> float:
    return sum(areas.values()) / len(areas)
