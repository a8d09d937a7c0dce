"""Tables that the model card shares with the README and with the page of results."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chexnet.classifier.metadata import FindingMetadata, ModelMetadata
from chexnet.findings import display_name
from chexnet.statistics import Estimate


def performance_table(metadata: ModelMetadata) -> str:
    """AUROC of every finding with its interval and counts, and whether it is validated."""
    rows = [
        (
            spoken(one),
            "not estimable" if one.auroc is None else area(vars(one.auroc)),
            f"{one.positives} / {one.negatives}",
            "" if one.validated else "not validated",
        )
        for one in metadata.findings
    ]
    return table(("finding", "AUROC (95 % interval)", "films with / without", ""), rows)


def comparison_table(evaluation: Mapping[str, Any]) -> str:
    """Rankings that need no threshold, beside baselines that see no film."""
    rows = [
        (one["what"], one["by"], area(one), f"{one['present']} / {one['absent']}")
        for one in evaluation["comparisons"]
    ]
    return table(("question", "answered by", "AUROC (95 % interval)", "films with / without"), rows)


def comparison_lines(evaluation: Mapping[str, Any]) -> str:
    """The same as a list, one question a line."""
    lines: dict[str, list[str]] = {}
    for one in evaluation["comparisons"]:
        who = "" if one["by"] == "the model" else f"{one['by']} "
        lines.setdefault(one["what"], []).append(f"{who}{area(one)}")
    return "".join(f"- {question}: {'; '.join(answers)}\n" for question, answers in lines.items())


def mean_line(evaluation: Mapping[str, Any]) -> str:
    """The mean AUROC, and its interval over the findings for which resampling gives one."""
    mean = evaluation["mean_auroc"]
    common = mean["common"]
    return (
        f"Mean AUROC of the {mean['findings']} findings: {mean['value']:.3f}; of the {common['findings']} of "
        f"them that five test films or more have: {area(common)}."
    )


def confounds(evaluation: Mapping[str, Any], metadata: ModelMetadata) -> str:
    """What was looked for besides findings, as tables."""
    found = evaluation["confounds"]
    parts = [
        "**View and period.** AUROC of the model's score for what is no finding, among films without any "
        "finding; 0.5 is a model that does not see it. Patient numbers rise with the year of the first film.",
        table(
            ("told apart", "by the score of", "AUROC (95 % interval)", "films"),
            [
                (one["what"], one["score"], area(one), f"{one['present']} / {one['absent']}")
                for one in found["told_apart"]
            ],
        ),
        "**Border, corners, markers.** A region is covered with the film's own mean grey: the border of one "
        "sixteenth of the side; squares of one fifth of the side in the corners, where side markers are; "
        "and, as a control, a square in the centre as large as the border. Also the film mirrored, and in "
        "the middle of a picture that is wider by bars, as captures of a screen are. Change of AUROC, "
        "paired, and mean change of the probability of pneumonia.",
        _covered(found["covered"]),
    ]
    maps = found["mean_maps"]
    if maps:
        parts += [
            "**Mean maps.** Mean class activation map of the test films that have a finding less that of the "
            "films without; its mean is the difference of the mean logits. The share of it in the outermost "
            "cells would be that of their number if the difference were the same everywhere; where it is "
            "larger, more of it lies at the border than chance puts there.",
            table(
                ("finding", "difference of the logits", "share in the outermost cells", "their number"),
                [
                    (
                        display_name(one.finding),
                        f"{maps[one.finding]['logit_difference']:+.2f}",
                        f"{maps[one.finding]['border_share']:.2f}",
                        f"{maps[one.finding]['border_cells']:.2f}",
                    )
                    for one in metadata.findings
                    if one.validated and one.finding in maps
                ],
            ),
        ]
        if "Pneumonia" in maps:
            rows = maps["Pneumonia"]["difference"]
            grid = "\n".join(" ".join(f"{value:+.2f}" for value in row) for row in rows)
            parts.append(f"Pneumonia, cell by cell, as the film lies:\n\n```\n{grid}\n```\n")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def area(found: Mapping[str, Any]) -> str:
    """``0.759 (0.672–0.828)``, or what is missing of it."""
    estimate = Estimate.from_numbers(found)
    missing = "" if estimate.value is None or estimate.interval else ", no interval"
    return estimate.text(3) + missing


def share(found: Mapping[str, Any]) -> str:
    """``0.71 (0.60–0.82)``, as far as it is estimable."""
    return "–" if found["value"] is None else Estimate.from_numbers(found).text(2)


def spoken(finding: FindingMetadata) -> str:
    """The finding's name for people."""
    return display_name(finding.finding)


def _covered(rows: Sequence[Mapping[str, Any]]) -> str:
    questions = ("pneumonia or no finding", "any finding or none", "mean of the findings")
    return table(
        ("covered", *questions, "probability of pneumonia"),
        [
            (
                one["what"],
                *(_change(one[question]) for question in questions),
                f"{one['pneumonia_change']:.3f}",
            )
            for one in rows
        ],
    )


def _change(found: Mapping[str, Any]) -> str:
    if found["low"] is None:
        return f"{found['value']:+.3f}"
    return f"{found['value']:+.3f} ({found['low']:+.3f} to {found['high']:+.3f})"
