"""What the commands print: text with Markdown tables, to be pasted anywhere."""

from collections.abc import Mapping

from chexnet.evaluation.comparison import ModelComparison
from chexnet.evaluation.discrimination import FEWEST_PATIENTS
from chexnet.evaluation.evaluate import Evaluation
from chexnet.evaluation.reader_comparison import ReaderComparison
from chexnet.findings import display_name
from chexnet.report.tables import (
    comparison_grid,
    consensus_grid,
    gap_grid,
    number,
    operating_points,
    other_measures,
    published_columns,
    readers_grid,
    subgroup_grid,
    table_2,
)
from chexnet.statistics import FEW_PATIENTS

TABLE_2_NOTE = (
    "Bold: the interval lies above all published values. Published values come from other random splits; "
    "a difference may be the split's."
)
FEW_NOTE = (
    f"Few: fewer than {FEWEST_PATIENTS} patients with or without the finding. The number is shown; nothing "
    "is concluded from it."
)
GAPS_NOTE = (
    "Gaps between the highest and the lowest group whose interval excludes zero, with the patients who have "
    f"the finding. Groups with fewer than {FEWEST_PATIENTS} patients in a class take no part. The data pick "
    "the pair, so gaps are somewhat too large, and some arise by chance."
)

MOST_REASONS = 5
"""So many reasons for which images were not scored are told one by one."""


def show_evaluation(evaluation: Evaluation) -> str:
    """All of ``chexnet evaluate``."""
    parts = [*data_lines(evaluation)]
    if evaluation.contamination:
        parts.append(evaluation.contamination.message)
    parts.append(table_2(evaluation).markdown())
    parts += table_2_notes(evaluation)
    parts.append(other_measures(evaluation).markdown())
    if evaluation.thresholds:
        grid = operating_points(evaluation)
        parts.append(f"At thresholds from {evaluation.thresholds.source}:\n\n{grid.markdown()}")
    if evaluation.comparison:
        parts.append(show_comparison(evaluation.comparison))
    if evaluation.subgroups:
        parts.append(subgroup_grid(evaluation.subgroups).markdown())
        parts.append(f"{GAPS_NOTE}\n\n{gap_grid(evaluation.gaps).markdown()}")
    missing = reasons(evaluation)
    if missing:
        parts.append("Not estimable:\n\n" + "\n".join(f"- {line}" for line in missing))
    return "\n\n".join(parts)


def table_2_notes(evaluation: Evaluation) -> list[str]:
    """What a reader of Table 2 must know: what bold means, and which rows rest on few patients."""
    few = any(
        min(one.positive_patients, one.negative_patients) < FEWEST_PATIENTS
        for one in evaluation.findings.values()
    )
    notes = [TABLE_2_NOTE] if published_columns(evaluation) else []
    return notes + [FEW_NOTE] * (few and evaluation.data.patients is not None)


def data_lines(evaluation: Evaluation) -> list[str]:
    """How many images, and which were left out."""
    data, options = evaluation.data, evaluation.options
    who = "; no patient is known" if data.patients is None else f" of {data.patients:,} patients"
    lines = [
        f"{data.images:,} images{who}; {options.confidence:.0%} intervals from "
        f"{options.samples:,} {options.interval} bootstrap samples of "
        f"{'images' if data.patients is None else 'patients'}; with fewer than {FEW_PATIENTS} patients in a "
        "class, score-type intervals."
    ]
    lines += _not_scored(data.not_scored)
    if data.without_labels:
        lines.append(f"Without labels: {data.without_labels:,} predicted images; they count nowhere.")
    if data.not_labelled:
        lines.append(f"Without labels: the columns {', '.join(data.not_labelled)}; they are not measured.")
    if data.joined_by != "name":
        lines.append("Images were matched by file name, without their folders.")
    return lines


def _not_scored(reasons: Mapping[str, int]) -> list[str]:
    """How many images were not scored, with the most frequent of their reasons."""
    if not reasons:
        return []
    total = sum(reasons.values())
    frequent = sorted(reasons.items(), key=lambda entry: -entry[1])[:MOST_REASONS]
    told = [f"{count:,} ({reason})" for reason, count in frequent]
    if others := len(reasons) - len(frequent):
        told.append(f"{total - sum(count for _, count in frequent):,} for {others:,} other reasons")
    return [f"Not scored: {total:,} images: {', '.join(told)}."]


def show_comparison(comparison: ModelComparison) -> str:
    """The paired comparison of two models."""
    left = f", {comparison.left_out:,} only in one file" if comparison.left_out else ""
    grid = comparison_grid(comparison).markdown()
    return f"Paired comparison on {comparison.images:,} images{left}:\n\n{grid}"


def reasons(evaluation: Evaluation) -> list[str]:
    """Why numbers or intervals are missing from the main table."""
    return [
        f"{display_name(name)}: {one.auroc.reason}"
        for name, one in evaluation.findings.items()
        if one.auroc.reason
    ]


def show_readers(one: ReaderComparison) -> str:
    """Table 1 for one finding."""
    lines = [
        study_line(one),
        readers_grid(one).markdown(),
        verdict(one),
        agreement_line(one),
        consensus_grid(one).markdown(),
        f"AUROC of {one.model_name} against the majority of all readers: {one.model_auroc.text(3)}.",
    ]
    missing = "\n".join(f"- {reason}" for reason in reader_reasons(one))
    return "\n\n".join([*lines, missing] if missing else lines)


def study_line(one: ReaderComparison) -> str:
    """How many images, which threshold."""
    left = f" ({one.not_predicted:,} read images have no prediction)" if one.not_predicted else ""
    return (
        f"{one.images:,} images{left}; threshold {one.threshold:.4g} ({one.threshold_source}); "
        f"{one.resampled} resampled."
    )


def agreement_line(one: ReaderComparison) -> str:
    """Agreement of all radiologists at once."""
    return (
        f"Agreement among radiologists: Fleiss' kappa {number(one.agreement.fleiss)} (on the "
        f"{one.agreement.read_by_all:,} images that all of them read), "
        f"Krippendorff's alpha {number(one.agreement.krippendorff)}."
    )


def reader_reasons(one: ReaderComparison) -> list[str]:
    """Why numbers or intervals are missing."""
    named = [
        *one.readers.items(),
        (one.model_name, one.model),
        ("Radiologist avg.", one.readers_mean),
        ("difference", one.difference),
        (f"AUROC of {one.model_name}", one.model_auroc),
    ]
    return [f"{name}: {measure.reason}" for name, measure in named if measure.reason]


def verdict(one: ReaderComparison) -> str:
    """What the difference and its interval say, in the paper's terms."""
    if one.significant is None:
        return "Verdict: none; the difference has no interval on these images."
    if not one.significant:
        return "Verdict: the interval of the difference includes zero; no significant difference is shown."
    above = one.difference.value is not None and one.difference.value > 0
    return (
        "Verdict: the interval of the difference excludes zero; the model's F1 is significantly "
        f"{'higher' if above else 'lower'} than the radiologists' average."
    )
