"""What the commands print: text with Markdown tables, to be pasted anywhere."""

from collections.abc import Mapping

from chexnet.evaluation import FEWEST_PATIENTS, Evaluation, ModelComparison, ReaderComparison
from chexnet.findings import display_name
from chexnet.report.tables import (
    comparison_grid,
    confounding_grid,
    consensus_grid,
    error_grids,
    gap_grid,
    inference_grid,
    kappa_grid,
    number,
    operating_points,
    other_measures,
    p_text,
    published_columns,
    readers_grid,
    subgroup_grids,
    table_2,
)
from chexnet.statistics import FEW_PATIENTS

TABLE_2_NOTE = (
    "Bold: the interval lies above all published values. Each published value comes from a random split "
    "of its own; a difference may be the split's."
)
ERRORS_NOTE = (
    "At the thresholds: missed is the share of the positive images that are not called (underdiagnosis), "
    "false alarm the share of the negative images that are called (overdiagnosis)."
)
FEW_NOTE = (
    f"Few: fewer than {FEWEST_PATIENTS} patients with or without the finding. The number is shown; nothing "
    "is concluded from it."
)
GAPS_NOTE = (
    "Gaps between the highest and the lowest group whose interval excludes zero, with the patients who have "
    f"the finding. Groups with fewer than {FEWEST_PATIENTS} patients in a class take no part. The data pick "
    "the pair, so gaps are somewhat too large, and some arise by chance: p is the share of random deals of "
    "the groups that show as large a gap, Holm corrects it for all gaps."
)

QUESTIONS_NOTE = (
    "These readers: on other patients. The average radiologist: of the population that the readers come "
    "from, on other patients (Obuchowski and Rockette, Hillis). One more radiologist: whether the model "
    "stands out from that population."
)
_LEVEL = 0.05
"""Significance level of the verdict."""

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
    if confounding_grid(evaluation).rows:
        parts.append(f"{confounding_note(evaluation)}\n\n{confounding_grid(evaluation).markdown()}")
    if evaluation.thresholds:
        grid = operating_points(evaluation)
        parts.append(f"At thresholds from {evaluation.thresholds.source}:\n\n{grid.markdown()}")
    if evaluation.comparison:
        parts.append(show_comparison(evaluation.comparison))
    if evaluation.subgroups:
        parts += [grid.markdown() for grid in subgroup_grids(evaluation.subgroups).values()]
        errors = error_grids(evaluation.subgroups)
        if errors:
            parts += [ERRORS_NOTE, *(grid.markdown() for grid in errors.values())]
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


def confounding_note(evaluation: Evaluation) -> str:
    """What the baseline is, and what was adjusted for."""
    note = (
        "Metadata alone: the AUROC of a regression on sex, age and view without any image, fitted on other "
        "patients. An AUROC near it may rest on them."
    )
    adjusted = evaluation.options.adjusted_for
    if not adjusted:
        return note
    return (
        f"{note} Adjusted for {', '.join(adjusted)}: only images that share them are compared, over all "
        "pairs (stratified) or with the same weight of each positive image (matched)."
    )


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
        *([inference_grid(one).markdown(), QUESTIONS_NOTE] if inference_grid(one).rows else ()),
        verdict(one),
        agreement_line(one),
        consensus_grid(one).markdown(),
        kappa_grid(one).markdown(),
        f"AUROC of {one.model_name} against the majority of all readers: {one.model_auroc.text(3)}.",
    ]
    missing = "\n".join(f"- {reason}" for reason in reader_reasons(one))
    return "\n\n".join([*lines, missing] if missing else lines)


def study_line(one: ReaderComparison) -> str:
    """How many images of how many patients, which threshold, what was drawn."""
    left = f" ({one.not_predicted:,} read images have no prediction)" if one.not_predicted else ""
    who = "; no patient is known" if one.patients is None else f" of {one.patients:,} patients"
    return (
        f"{one.images:,} images{who}{left}; {len(one.readers)} readers; threshold {one.threshold:.4g} "
        f"({one.threshold_source}); {one.resampled} resampled."
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
    missing = [f"{name}: {measure.reason}" for name, measure in named if measure.reason]
    beyond = [(name, found.reason) for name, found in one.inference.items() if found.reason]
    return missing + [f"other readers, {name}: {reason}" for name, reason in beyond]


def verdict(one: ReaderComparison) -> str:
    """What may be concluded of whom: of the average radiologist where that can be tested, else of these."""
    f1 = one.inference.get("f1")
    if f1 is None or f1.comparison is None:
        return _verdict_of_these(one)
    test, more = f1.comparison.average_reader, f1.comparison.one_more_reader
    p_value = test.p_value if f1.p_holm is None else f1.p_holm
    corrected = "" if f1.p_holm is None else ", corrected for all findings (Holm)"
    if p_value < _LEVEL and test.difference.value is not None:
        direction = "higher" if test.difference.value > 0 else "lower"
        said = f"the model's F1 is significantly {direction} than the average radiologist's"
    else:
        said = "no difference from the average radiologist is shown"
    stands = "stands out" if more.p_value < _LEVEL else "does not stand out"
    parts = [f"Verdict: {said} (p {p_text(p_value)}{corrected}). As one more radiologist the model {stands}."]
    if one.margin is not None:
        shown = "is shown" if test.noninferior(one.margin) else "is not shown"
        parts.append(f"Non-inferiority within {one.margin:g} of F1 {shown}.")
    return " ".join(parts)


def _verdict_of_these(one: ReaderComparison) -> str:
    """The paper's verdict, which does not reach beyond the readers at hand."""
    these = f"these {len(one.readers)} readers"
    if one.significant is None:
        return f"Verdict: none; the difference from {these} has no interval on these images."
    if not one.significant:
        return (
            f"Verdict on {these}: the interval of the difference includes zero; no difference is shown. It "
            "says nothing of other readers."
        )
    above = one.difference.value is not None and one.difference.value > 0
    return (
        f"Verdict on {these}: the interval of the difference excludes zero; the model's F1 is "
        f"{'higher' if above else 'lower'} than their average. It says nothing of other readers."
    )
