"""The card's sections on performance; the README and the page of results share their tables."""

from chexnet.classifier import ModelMetadata
from chexnet.findings import display_name
from chexnet.report.model_card.schema import ModelEvaluation, SubgroupAuroc
from chexnet.report.tables import Grid
from chexnet.statistics import Estimate

_AREA = "AUROC (95 % interval)"
_COUNTS = "images with / without"


def describe_performance(metadata: ModelMetadata, evaluation: ModelEvaluation | None) -> str:
    """Return the section on performance."""
    own = (
        f"Each finding against all images without it, {metadata.test_data}; intervals by patient. A finding "
        "is validated where the interval lies above 0.5 and enough images have it.\n\n"
        f"{performance_table(metadata)}"
    )
    if evaluation is None:
        return own
    difference = evaluation.reproduced.largest_auroc_difference
    return (
        f"{own}\n{mean_line(evaluation)} Measured from the file itself, the AUROCs differ by at most "
        f"{difference:.4f} from those that training wrote into it.\n\n"
        "Easier questions, and beside them what is known without looking at the image. A baseline gets the "
        f"better of its two directions.\n\n{_comparison_table(evaluation)}"
    )


def performance_table(metadata: ModelMetadata) -> str:
    """Return AUROC of every finding with its interval and counts, and whether it is validated."""
    rows = [
        (
            display_name(one.finding),
            "not estimable" if one.auroc is None else area(one.auroc),
            f"{one.positives} / {one.negatives}",
            "" if one.validated else "too few to tell",
        )
        for one in metadata.findings
    ]
    return Grid(("finding", _AREA, _COUNTS, ""), rows).markdown() + "\n"


def _comparison_table(evaluation: ModelEvaluation) -> str:
    rows = [(one.what, one.by, area(one), f"{one.present} / {one.absent}") for one in evaluation.comparisons]
    return Grid(("question", "answered by", _AREA, _COUNTS), rows).markdown() + "\n"


def comparison_lines(evaluation: ModelEvaluation) -> str:
    """Return the questions as a list, one line per question, with the model's answer and the baselines'."""
    lines: dict[str, list[str]] = {}
    for one in evaluation.comparisons:
        who = "" if one.by == "the model" else f"{one.by} "
        lines.setdefault(one.what, []).append(f"{who}{area(one)}")
    return "".join(f"- {question}: {'; '.join(answers)}\n" for question, answers in lines.items())


def mean_line(evaluation: ModelEvaluation) -> str:
    """Return the mean AUROC, and its interval over the findings for which resampling gives one."""
    mean = evaluation.mean_auroc
    return (
        f"Mean AUROC of the {mean.findings} findings: {mean.value:.3f}; of the {mean.common.findings} of "
        f"them that five test images or more have: {area(mean.common)}."
    )


def area(found: Estimate) -> str:
    """Return ``0.759 (0.672–0.828)``, or what is missing of it."""
    missing = "" if found.value is None or found.interval else ", no interval"
    return found.text(3) + missing


def describe_subgroups(evaluation: ModelEvaluation, metadata: ModelMetadata) -> str:
    """Return AUROC of the validated findings in each group, one table per grouping."""
    parts = [
        "AUROC of the validated findings (95 % interval), and the number of images that have the finding. "
        "A wide interval can show a gross difference between groups, but never that there is none.\n"
    ]
    for grouping in dict.fromkeys(one.grouping for one in evaluation.subgroups):
        members = [one for one in evaluation.subgroups if one.grouping == grouping]
        rows = [
            (display_name(entry.finding), *(_in_group(one.findings[entry.finding]) for one in members))
            for entry in metadata.findings
            if entry.validated
        ]
        head = (grouping, *(f"{one.name}: {one.images} images" for one in members))
        parts.append(Grid(head, rows).markdown() + "\n")
    return "\n".join(parts)


def _in_group(found: SubgroupAuroc) -> str:
    return f"{found.text(2) if found.interval else '–'}, {found.positives}"


def describe_operating_points(metadata: ModelMetadata, evaluation: ModelEvaluation | None) -> str:
    """Return the thresholds of each policy, and what they do on the test images."""
    intro = (
        "Chosen on validation images, by policy; a finding is called present at or above its threshold. "
        f"`{metadata.policy}` applies unless another is asked for (`--policy`). Findings that are not "
        "validated have no threshold and no verdict.\n"
    )
    if evaluation is None:
        return f"{intro}\n{_threshold_table(metadata)}"
    rows = [
        (
            display_name(finding),
            policy,
            f"{point.threshold:.3f}",
            *map(_share, (point.sensitivity, point.specificity, point.ppv, point.npv, point.f1)),
        )
        for finding in (one.finding for one in metadata.findings)
        for policy, points in evaluation.operating_points.items()
        if (point := points.get(finding)) is not None
    ]
    head = ("finding", "policy", "threshold", "sensitivity", "specificity", "PPV", "NPV", "F1")
    return f"{intro}\nOn the test images:\n\n{Grid(head, rows).markdown()}\n"


def _threshold_table(metadata: ModelMetadata) -> str:
    policies = sorted({name for one in metadata.findings for name in one.thresholds})
    rows = [
        (display_name(one.finding), *(f"{one.thresholds[name]:.3f}" for name in policies))
        for one in metadata.findings
        if one.validated
    ]
    return Grid(("finding", *policies), rows).markdown() + "\n"


def _share(found: Estimate) -> str:
    return "–" if found.value is None else found.text(2)
