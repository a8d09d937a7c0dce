"""Tables for the terminal, in Markdown so that they can be pasted anywhere."""

from collections.abc import Iterable, Sequence

from chexnet.evaluation.comparison import ModelComparison
from chexnet.evaluation.evaluate import DECISIONS, Evaluation
from chexnet.evaluation.literature import TABLE_2_COLUMNS
from chexnet.evaluation.measures import Measure
from chexnet.evaluation.readers import ReaderComparison
from chexnet.evaluation.subgroups import Gap, Subgroup
from chexnet.paper import PATHOLOGIES


def show_evaluation(evaluation: Evaluation) -> str:
    """All of ``chexnet evaluate``, as text."""
    parts = [show_data(evaluation)]
    if evaluation.contamination:
        parts.append(evaluation.contamination.message)
    parts.append(table_2(evaluation))
    parts.append(other_measures(evaluation))
    if evaluation.thresholds:
        parts.append(f"At thresholds from {evaluation.thresholds.source}:\n\n{operating_points(evaluation)}")
    if evaluation.comparison:
        parts.append(show_comparison(evaluation.comparison))
    if evaluation.subgroups:
        parts.append(show_subgroups(evaluation.subgroups, evaluation.gaps))
    parts.extend(reasons(evaluation))
    return "\n\n".join(parts)


def show_data(evaluation: Evaluation) -> str:
    """How many images, and which were left out."""
    cohort, options = evaluation.cohort, evaluation.options
    who = "images (no patient is known)" if cohort.patients is None else f"{cohort.patients:,} patients"
    lines = [
        f"{len(cohort.labels.images):,} images of {who}; {options.confidence:.0%} intervals from "
        f"{options.samples:,} {options.interval} bootstrap samples of "
        f"{'images' if cohort.patients is None else 'patients'}."
    ]
    for reason, number in cohort.predictions.not_scored.items():
        lines.append(f"Not scored: {number:,} images ({reason}).")
    if cohort.without_labels:
        lines.append(f"Without labels: {cohort.without_labels:,} predicted images; they count nowhere.")
    if cohort.joined_by != "name":
        lines.append("Images were matched by file name, without their folders.")
    return "\n".join(lines)


def table_2(evaluation: Evaluation) -> str:
    """AUROC beside Wang, Yao and CheXNet; bold where the interval lies above all three."""
    published = [column for column in TABLE_2_COLUMNS if set(evaluation.findings) & set(PATHOLOGIES)]
    head = [
        "AUROC",
        "positive",
        "negative",
        f"{evaluation.cohort.predictions.name} ({evaluation.options.split})",
        *(f"{column.system} ({column.split})" for column in published),
    ]
    rows = []
    for name, result in evaluation.findings.items():
        measured = result.auroc.show()
        if published and len(result.above) == len(published):
            measured = f"**{measured}**"
        others = [f"{column.auroc[name]:.4f}" if name in column.auroc else "–" for column in published]
        rows.append([name, f"{result.positives:,}", f"{result.negatives:,}", measured, *others])
    mean_of = f"mean of {len(evaluation.mean_of)}"
    # A mean over other findings than the paper's 14 has no counterpart in the paper.
    comparable = set(evaluation.mean_of) == set(PATHOLOGIES)
    means = [f"{column.mean:.4f}" if comparable else "–" for column in published]
    rows.append([mean_of, "", "", evaluation.mean_auroc.show(), *means])
    note = (
        "\n\nBold: the interval lies above all published values. Published values come from other random "
        "splits; a difference may be the split's."
    )
    return markdown(head, rows) + (note if published else "")


def other_measures(evaluation: Evaluation) -> str:
    """AUPRC and calibration."""
    return markdown(
        ["finding", "prevalence", "AUPRC", "Brier score", "ECE (15 bins)"],
        [
            [
                name,
                _share(one.positives, one.positives + one.negatives),
                one.auprc.show(),
                one.brier.show(),
                "–" if one.ece is None else f"{one.ece:.4f}",
            ]
            for name, one in evaluation.findings.items()
        ],
    )


def operating_points(evaluation: Evaluation) -> str:
    """F1, sensitivity, specificity, PPV and NPV at the thresholds."""
    rows = []
    for name, one in evaluation.findings.items():
        if one.threshold is None:
            continue
        rows.append([name, f"{one.threshold:.4g}", *(one.decisions[which].show(3) for which in DECISIONS)])
    return markdown(["finding", "threshold", "F1", "sensitivity", "specificity", "PPV", "NPV"], rows)


def show_comparison(comparison: ModelComparison) -> str:
    """Paired differences with Holm's correction."""
    rows = [
        [name, one.first.show(), one.second.show(), _signed(one.difference), _p(one.p_value), _p(one.p_holm)]
        for name, one in comparison.findings.items()
    ]
    rows.append(["mean", "", "", _signed(comparison.mean_difference), "", ""])
    head = ["AUROC", comparison.first, comparison.second, "difference", "p (DeLong)", "p (Holm)"]
    left = f", {comparison.left_out:,} only in one file" if comparison.left_out else ""
    return f"Paired comparison on {comparison.images:,} images{left}:\n\n{markdown(head, rows)}"


def show_subgroups(subgroups: Sequence[Subgroup], gaps: Sequence[Gap]) -> str:
    """AUROC by sex, age and view, and the widest gaps."""
    findings = list(subgroups[0].auroc)
    head = ["AUROC", *(f"{one.grouping}: {one.name} ({one.images:,})" for one in subgroups)]
    rows = [[name, *(one.auroc[name].show(3) for one in subgroups)] for name in findings]
    clear = [gap for gap in gaps if gap.difference.low is not None and gap.difference.low > 0]
    lines = [
        f"- {gap.finding}, {gap.grouping}: {gap.highest} above {gap.lowest} by {gap.difference.show(3)}"
        for gap in sorted(clear, key=lambda gap: -(gap.difference.value or 0))
    ]
    note = (
        f"Gaps between the highest and the lowest group whose interval excludes zero ({len(clear)} of "
        f"{len(gaps)}; the data pick the pair, so gaps are somewhat too large and some arise by chance):"
    )
    return "\n\n".join([markdown(head, rows), note, "\n".join(lines) or "- none"])


def show_readers(comparison: ReaderComparison) -> str:
    """Table 1 for one finding, as text."""
    one = comparison
    rows = [[name, f"{one.present[name]}", f1.show(3)] for name, f1 in one.readers.items()]
    rows.append(["Radiologist avg.", "", one.readers_mean.show(3)])
    rows.append([one.model_name, f"{one.present[one.model_name]}", one.model.show(3)])
    rows.append(["difference", "", one.difference.show(3)])
    head = [f"{one.finding}: F1 against each of the others", "calls present", "mean F1 (95 % CI)"]
    left = f" ({one.not_predicted:,} read images have no prediction)" if one.not_predicted else ""
    lines = [
        f"{one.images:,} images{left}; threshold {one.threshold:.4g} ({one.threshold_source}); "
        f"{one.resampled} resampled.",
        markdown(head, rows),
        verdict(one),
        f"Agreement among radiologists: Fleiss' kappa {_number(one.agreement.fleiss)}, "
        f"Krippendorff's alpha {_number(one.agreement.krippendorff)}.",
        markdown(
            ["against the majority", "sensitivity", "specificity", "positive", "negative", "left out"],
            [
                [
                    f"{name} (of the other readers)" if name in one.readers else name,
                    _number(point.sensitivity),
                    _number(point.specificity),
                    f"{point.positives}",
                    f"{point.negatives}",
                    f"{point.left_out}",
                ]
                for name, point in one.against_consensus.items()
            ],
        ),
        f"AUROC of {one.model_name} against the majority of all readers: {one.model_auroc.show(3)}.",
    ]
    missing = {
        m.reason for m in (*one.readers.values(), one.model, one.difference, one.model_auroc) if m.reason
    }
    return "\n\n".join(lines + [f"- {reason}" for reason in sorted(missing)])


def verdict(comparison: ReaderComparison) -> str:
    """What the difference and its interval say, in the paper's terms."""
    if comparison.significant is None:
        return "Verdict: none; the difference has no interval on these images."
    if not comparison.significant:
        return "Verdict: the interval of the difference includes zero; no significant difference is shown."
    above = comparison.difference.value is not None and comparison.difference.value > 0
    return (
        f"Verdict: the interval of the difference excludes zero; the model's F1 is significantly "
        f"{'higher' if above else 'lower'} than the radiologists' average."
    )


def _number(value: float | None) -> str:
    return "not estimable" if value is None else f"{value:.3f}"


def reasons(evaluation: Evaluation) -> list[str]:
    """Why numbers or intervals are missing from the main table."""
    lines = [f"- {name}: {one.auroc.reason}" for name, one in evaluation.findings.items() if one.auroc.reason]
    return ["Not estimable:\n\n" + "\n".join(lines)] if lines else []


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    table = [list(head), *(list(row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in table
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def _signed(measure: Measure) -> str:
    if measure.value is None:
        return "not estimable"
    if measure.low is None or measure.high is None:
        return f"{measure.value:+.4f}"
    return f"{measure.value:+.4f} ({measure.low:+.4f} to {measure.high:+.4f})"


def _p(value: float | None) -> str:
    if value is None:
        return "not estimable"
    return "<0.0001" if value < 0.0001 else f"{value:.4f}"


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "–"
