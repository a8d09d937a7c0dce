"""The rows of every table, once, for the terminal and the report alike."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chexnet.evaluation import (
    DECISIONS,
    FEWEST_PATIENTS,
    Evaluation,
    FindingResult,
    Gap,
    ModelComparison,
    ReaderComparison,
    Subgroup,
)
from chexnet.findings import display_name
from chexnet.literature import TABLE_2_COLUMNS, Published
from chexnet.paper import PATHOLOGIES
from chexnet.statistics import Estimate

WIDEST = 120
"""Characters of a line that a terminal shows without breaking it."""

_BETWEEN = len(" | ")
_OTHER_MEASURES = ("AUPRC", "Brier score", "calibration slope", "intercept", "O:E", "ECE (15 bins)")
_ACCURACIES = {"f1": "F1", "sensitivity": "sensitivity", "specificity": "specificity"}


@dataclass(frozen=True)
class Grid:
    """A table: a head, and rows of cells. A cell in ``**`` is bold, as in Markdown."""

    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self, width: int = WIDEST) -> str:
        """With aligned columns. A wider table is split into parts that each repeat the first column."""
        return "\n\n".join(part._aligned() for part in self.parts(width))

    def parts(self, width: int = WIDEST) -> "list[Grid]":
        """Tables of some of the columns each, none wider than ``width`` where that can be."""
        first, *others = self._widths()
        groups: list[list[int]] = []
        left = 0
        for column, needed in enumerate(others, start=1):
            if not groups or needed + _BETWEEN > left:
                groups.append([0])
                left = width - first - _BETWEEN - 1
            groups[-1].append(column)
            left -= needed + _BETWEEN
        if len(groups) < 2:
            return [self]
        return [
            Grid(
                [self.head[column] for column in group],
                [[row[column] for column in group] for row in self.rows],
            )
            for group in groups
        ]

    def _widths(self) -> list[int]:
        table = [self.head, *self.rows]
        return [max(len(row[column]) for row in table) for column in range(len(self.head))]

    def _aligned(self) -> str:
        widths = self._widths()
        lines = [
            "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
            for row in (self.head, *self.rows)
        ]
        lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
        return "\n".join(lines)


def table_2(*evaluations: Evaluation) -> Grid:
    """AUROC of one model or several, beside Wang, Yao and CheXNet; bold where all three lie below."""
    first = evaluations[0]
    published = published_columns(first)
    head = [
        "AUROC",
        "positive",
        "negative",
        "patients",
        *(f"{one.data.name} ({one.options.split})" for one in evaluations),
        *(column.system for column in published),
    ]
    rows = []
    for name, result in first.findings.items():
        measured = [_beside_published(one.findings.get(name), len(published)) for one in evaluations]
        others = [f"{column.auroc[name]:.4f}" if name in column.auroc else "–" for column in published]
        rows.append(
            [
                display_name(name),
                f"{result.positives:,}",
                f"{result.negatives:,}",
                _patients(result, first),
                *measured,
                *others,
            ]
        )
    # A mean over other findings than the paper's 14 has no counterpart in the paper.
    comparable = set(first.mean_of) == set(PATHOLOGIES)
    published_means = [f"{column.mean:.4f}" if comparable else "–" for column in published]
    rows.append([f"mean of {len(first.mean_of)}", "", "", "", *_means(evaluations), *published_means])
    return Grid(head, rows)


def _beside_published(result: FindingResult | None, systems: int) -> str:
    if result is None:
        return "–"
    measured = result.auroc.text(4)
    return f"**{measured}**" if systems and len(result.above) == systems else measured


def published_columns(evaluation: Evaluation) -> Sequence[Published]:
    """Columns of the paper's Table 2 to stand beside an evaluation; none where they do not compare."""
    return TABLE_2_COLUMNS if evaluation.published and set(evaluation.findings) & set(PATHOLOGIES) else ()


def _patients(result: FindingResult, evaluation: Evaluation) -> str:
    if evaluation.data.patients is None:
        return "not known"
    few = min(result.positive_patients, result.negative_patients) < FEWEST_PATIENTS
    return f"{result.positive_patients:,}{' (few)' if few else ''}"


def _means(evaluations: Sequence[Evaluation]) -> list[str]:
    usual = len(evaluations[0].mean_of)
    return [
        one.mean_auroc.text(4) + ("" if len(one.mean_of) == usual else f", of {len(one.mean_of)}")
        for one in evaluations
    ]


def other_measures(evaluation: Evaluation) -> Grid:
    """AUPRC and calibration; unlabelled images have a column where there are any."""
    unlabelled = any(one.unlabelled for one in evaluation.findings.values())
    rows = [
        [
            display_name(name),
            _prevalence(one),
            *([f"{one.unlabelled:,}"] if unlabelled else ()),
            one.auprc.text(4),
            one.brier.text(4),
            one.calibration.slope.text(2),
            one.calibration.intercept.text(2, signed=True),
            one.calibration.observed_to_expected.text(2),
            "–" if one.ece is None else f"{one.ece:.4f}",
        ]
        for name, one in evaluation.findings.items()
    ]
    head = ["finding", "prevalence", *(["unlabelled"] if unlabelled else ()), *_OTHER_MEASURES]
    return Grid(head, rows)


def _prevalence(one: FindingResult) -> str:
    known = one.positives + one.negatives
    return f"{one.positives / known:.2%}" if known else "–"


def confounding_grid(evaluation: Evaluation) -> Grid:
    """Each AUROC beside what the labels' other columns tell without an image, and adjusted for them."""
    adjusted = bool(evaluation.options.adjusted_for)
    rows = []
    for name, one in evaluation.findings.items():
        found = one.confounding
        if found is None:
            continue
        row = [display_name(name), one.auroc.text(3), found.metadata.text(3)]
        if adjusted and found.stratified is not None and found.matched is not None:
            row += [found.stratified.text(3), found.matched.text(3), f"{found.without_match:,}"]
        rows.append(row)
    head = ["finding", "AUROC", "metadata alone"]
    return Grid([*head, *(("stratified", "matched", "without match") if adjusted else ())], rows)


def operating_points(evaluation: Evaluation) -> Grid:
    """F1, sensitivity, specificity, PPV and NPV at the thresholds."""
    rows = [
        [display_name(name), _threshold(one), *(one.decisions[which].text(3) for which in DECISIONS)]
        for name, one in evaluation.findings.items()
        if one.threshold is not None
    ]
    return Grid(["finding", "threshold", "F1", "sensitivity", "specificity", "PPV", "NPV"], rows)


def _threshold(one: FindingResult) -> str:
    """With its interval over the validation patients; small thresholds need four digits that count."""
    if one.threshold_interval is None:
        return f"{one.threshold:.4g}"
    low, high = one.threshold_interval
    return f"{one.threshold:.4g} ({low:.3g}–{high:.3g})"


def comparison_grid(comparison: ModelComparison) -> Grid:
    """Paired differences with Holm's correction."""
    rows = [
        [
            display_name(name),
            one.first.text(4),
            one.second.text(4),
            one.difference.text(4, signed=True),
            p_text(one.p_value),
            p_text(one.p_holm),
        ]
        for name, one in comparison.findings.items()
    ]
    rows.append(["mean", "", "", comparison.mean_difference.text(4, signed=True), "", ""])
    models = (comparison.first, comparison.second)
    return Grid(["AUROC", *models, "difference", "p (permutation)", "p (Holm)"], rows)


def subgroup_grids(subgroups: Sequence[Subgroup]) -> dict[str, Grid]:
    """AUROC within groups: one table for each grouping, findings as rows and groups as columns."""
    grids = {}
    for grouping in dict.fromkeys(one.grouping for one in subgroups):
        groups = [one for one in subgroups if one.grouping == grouping]
        rows = [
            ["images", *(f"{one.images:,}" for one in groups)],
            ["patients", *(f"{one.patients:,}" for one in groups)],
        ]
        for finding in groups[0].auroc:
            rows.append([display_name(finding), *(_in_group(one, finding) for one in groups)])
        grids[grouping] = Grid([f"AUROC by {grouping}", *(one.name for one in groups)], rows)
    return grids


def _in_group(group: Subgroup, finding: str) -> str:
    """An AUROC; marked where few patients are behind it."""
    measured = group.auroc[finding]
    few = measured.value is not None and min(group.patients_of_classes[finding]) < FEWEST_PATIENTS
    return measured.text(3) + (" few" if few else "")


def error_grids(subgroups: Sequence[Subgroup]) -> dict[str, Grid]:
    """What the thresholds miss and call wrongly in each group: findings with a threshold as rows."""
    grids = {}
    for grouping in dict.fromkeys(one.grouping for one in subgroups):
        groups = [one for one in subgroups if one.grouping == grouping]
        findings = [one for one in groups[0].auroc if any(one in group.underdiagnosis for group in groups)]
        rows = [
            [f"{display_name(finding)}: {what}", *(_error(getattr(one, which), finding) for one in groups)]
            for finding in findings
            for what, which in (("missed", "underdiagnosis"), ("false alarm", "overdiagnosis"))
        ]
        if rows:
            grids[grouping] = Grid([f"share by {grouping}", *(one.name for one in groups)], rows)
    return grids


def _error(shares: Mapping[str, Estimate], finding: str) -> str:
    return shares[finding].text(2) if finding in shares else "–"


def gap_grid(gaps: Iterable[Gap]) -> Grid:
    """Gaps between the highest and the lowest group whose interval excludes zero, widest first."""
    clear = [gap for gap in gaps if gap.difference.above(0.0)]
    return Grid(
        [
            "finding",
            "grouping",
            "highest (patients)",
            "lowest (patients)",
            "difference",
            "p",
            "p (Holm)",
        ],
        [
            [
                display_name(gap.finding),
                gap.grouping,
                f"{gap.highest} ({gap.positive_patients[0]:,})",
                f"{gap.lowest} ({gap.positive_patients[1]:,})",
                gap.difference.text(3),
                p_text(gap.p_value),
                p_text(gap.p_holm),
            ]
            for gap in sorted(clear, key=lambda gap: -(gap.difference.value or 0))
        ],
    )


def readers_grid(one: ReaderComparison) -> Grid:
    """Table 1 for one finding."""
    rows = [[name, f"{one.present[name]}", f1.text(3)] for name, f1 in one.readers.items()]
    rows.append(["Radiologist avg.", "", one.readers_mean.text(3)])
    rows.append([one.model_name, f"{one.present[one.model_name]}", one.model.text(3)])
    rows.append(["difference", "", one.difference.text(3, signed=True)])
    return Grid(
        [
            f"{display_name(one.finding)}: F1 against each of the others",
            "calls present",
            "mean F1 (interval)",
        ],
        rows,
    )


def inference_grid(one: ReaderComparison) -> Grid:
    """Model less readers in each accuracy, for these readers, the average one, and one more."""
    rows = []
    for accuracy, found in one.inference.items():
        if found.comparison is None:
            continue
        questions = (
            (f"these {len(one.readers)} readers", found.comparison.these_readers, None),
            ("the average radiologist", found.comparison.average_reader, found.p_holm),
            ("one more radiologist", found.comparison.one_more_reader, None),
        )
        for question, test, adjusted in questions:
            rows.append(
                [
                    f"{_ACCURACIES[accuracy]}: {question}",
                    test.difference.text(3, signed=True),
                    p_text(test.p_value),
                    "" if adjusted is None else p_text(adjusted),
                ]
            )
    return Grid(["model less", "difference (interval)", "p", "p (Holm)"], rows)


def consensus_grid(one: ReaderComparison) -> Grid:
    """Sensitivity and specificity against the majority of radiologists."""
    return Grid(
        ["against the majority", "sensitivity", "specificity", "positive", "negative", "left out"],
        [
            [
                f"{name} (of the other readers)" if name in one.readers else f"{name} (of all readers)",
                point.sensitivity.text(3),
                point.specificity.text(3),
                f"{point.positives}",
                f"{point.negatives}",
                f"{point.left_out}",
            ]
            for name, point in one.against_consensus.items()
        ],
    )


def kappa_grid(one: ReaderComparison) -> Grid:
    """Cohen's kappa of every two radiologists."""
    return Grid(
        ["reader", "reader", "Cohen's kappa"],
        [[first, second, kappa.text(3)] for (first, second), kappa in one.agreement.cohen.items()],
    )


def number(value: float | None) -> str:
    """Three decimals, or that there is none."""
    return "not estimable" if value is None else f"{value:.3f}"


def p_text(value: float | None) -> str:
    """A p-value to four decimals."""
    if value is None:
        return "not estimable"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"
