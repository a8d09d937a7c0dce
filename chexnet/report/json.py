"""What was measured, as JSON: numbers for other programs, null with a reason where there is none."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chexnet._version import __version__
from chexnet.evaluation import (
    Confounding,
    Evaluation,
    FindingResult,
    Gap,
    Inference,
    MeasuredImages,
    ModelComparison,
    ReaderComparison,
    Subgroup,
)
from chexnet.leakage import Contamination
from chexnet.literature import TABLE_2_COLUMNS
from chexnet.statistics import CalibrationMeasures, DifferenceTest, Estimate


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write a file that any JSON reader accepts: no NaN. Its folder is made where it does not exist."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
    )


def measure_fields(name: str, measure: Estimate) -> dict[str, Any]:
    """``name``, ``name_ci`` as [low, high], and ``name_reason`` where either is null."""
    fields: dict[str, Any] = {name: measure.value, f"{name}_ci": measure.interval}
    return fields if measure.reason is None else fields | {f"{name}_reason": measure.reason}


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """All of ``chexnet evaluate``."""
    options = evaluation.options
    content: dict[str, Any] = {
        "chexnet": __version__,
        "options": {
            "samples": options.samples,
            "interval": options.interval,
            "confidence": options.confidence,
            "seed": options.seed,
            "adjust": list(options.adjusted_for),
            "resampled": "images" if evaluation.data.patients is None else "patients",
        },
        "split": options.split,
        "data": _data(evaluation.data),
        "findings": {name: _finding(one) for name, one in evaluation.findings.items()},
        **measure_fields("mean_auroc", evaluation.mean_auroc),
        "mean_of": list(evaluation.mean_of),
        "published": {
            column.system: {"split": column.split, "auroc": column.auroc, "mean_auroc": column.mean}
            for column in TABLE_2_COLUMNS
            if evaluation.published
        },
        "subgroups": [_subgroup(one) for one in evaluation.subgroups],
        "gaps": [_gap(one) for one in evaluation.gaps],
    }
    if evaluation.thresholds:
        content["thresholds"] = evaluation.thresholds.source
    if evaluation.comparison:
        content["comparison"] = comparison_json(evaluation.comparison)
    if evaluation.contamination:
        content["contamination"] = _contamination(evaluation.contamination)
    return content


def _data(data: MeasuredImages) -> dict[str, Any]:
    """Which files, and how many images of how many patients."""
    return {
        "name": data.name,
        "predictions": _source(data.predictions),
        "labels": _source(data.labels),
        "images": data.images,
        "patients": data.patients,
        "not_scored": sum(data.not_scored.values()),
        "not_scored_reasons": dict(data.not_scored),
        "predictions_without_labels": data.without_labels,
        "labels_without_predictions": data.without_predictions,
        "columns_without_labels": list(data.not_labelled),
        "joined_by": data.joined_by,
    }


def comparison_json(comparison: ModelComparison) -> dict[str, Any]:
    """The paired comparison of two models."""
    return {
        "first": comparison.first,
        "second": comparison.second,
        "images": comparison.images,
        "left_out": comparison.left_out,
        **measure_fields("mean_difference", comparison.mean_difference),
        "findings": {
            name: {
                **measure_fields("first", one.first),
                **measure_fields("second", one.second),
                **measure_fields("difference", one.difference),
                "p_value": one.p_value,
                "p_holm": one.p_holm,
                **({} if one.reason is None else {"p_reason": one.reason}),
            }
            for name, one in comparison.findings.items()
        },
    }


def readers_json(comparison: ReaderComparison) -> dict[str, Any]:
    """Table 1 for one finding, with agreement and operating points."""
    names = [*comparison.readers, comparison.model_name]
    return {
        "finding": comparison.finding,
        "threshold": comparison.threshold,
        "threshold_source": comparison.threshold_source,
        "images": comparison.images,
        "patients": comparison.patients,
        "not_predicted": comparison.not_predicted,
        "resampled": comparison.resampled,
        "readers": {
            name: _f1(one) | {"present": comparison.present[name]} for name, one in comparison.readers.items()
        },
        "readers_mean": _f1(comparison.readers_mean),
        "model": _f1(comparison.model)
        | {"name": comparison.model_name, "present": comparison.present[comparison.model_name]},
        "difference": _f1(comparison.difference) | {"significant": comparison.significant},
        "pairs": [
            {"raters": [names[first], names[second]], "f1": _or_none(comparison.pairs[first, second])}
            for first in range(len(names))
            for second in range(first + 1, len(names))
        ],
        "agreement": {
            "cohen": [
                {"readers": list(pair), **measure_fields("kappa", kappa)}
                for pair, kappa in comparison.agreement.cohen.items()
            ],
            "fleiss": comparison.agreement.fleiss,
            "read_by_all": comparison.agreement.read_by_all,
            "krippendorff": comparison.agreement.krippendorff,
        },
        "against_consensus": {
            name: {
                **measure_fields("sensitivity", point.sensitivity),
                **measure_fields("specificity", point.specificity),
                "positives": point.positives,
                "negatives": point.negatives,
                "left_out": point.left_out,
            }
            for name, point in comparison.against_consensus.items()
        },
        **measure_fields("model_auroc", comparison.model_auroc),
        "margin": comparison.margin,
        "inference": {name: _inference(one) for name, one in comparison.inference.items()},
    }


def _inference(one: Inference) -> dict[str, Any]:
    """One accuracy of the model less the readers', for each question that it may answer."""
    found = one.comparison
    if found is None:
        return {"reason": one.reason}
    return {
        **measure_fields("model", found.model),
        **measure_fields("readers_mean", found.readers_mean),
        "these_readers": _test(found.these_readers),
        "average_reader": _test(found.average_reader) | {"p_holm": one.p_holm},
        "one_more_reader": _test(found.one_more_reader),
        **measure_fields("two_way_bootstrap", found.bootstrap),
    }


def _test(test: DifferenceTest) -> dict[str, Any]:
    freedom = test.degrees_of_freedom
    return {
        **measure_fields("difference", test.difference),
        "standard_error": test.standard_error,
        # Infinite for the normal distribution, which JSON does not know.
        "degrees_of_freedom": freedom if math.isfinite(freedom) else None,
        "p_value": test.p_value,
    }


def readers_content(comparisons: Sequence[ReaderComparison]) -> dict[str, Any]:
    """All of ``chexnet readers``: one finding as it is, several below ``findings``."""
    content = [readers_json(one) for one in comparisons]
    return content[0] if len(content) == 1 else {"findings": {one["finding"]: one for one in content}}


def _f1(measure: Estimate) -> dict[str, Any]:
    fields: dict[str, Any] = {"f1": measure.value, "ci": measure.interval}
    return fields if measure.reason is None else fields | {"reason": measure.reason}


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _finding(result: FindingResult) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "positives": result.positives,
        "negatives": result.negatives,
        "unlabelled": result.unlabelled,
        "positive_patients": result.positive_patients,
        "negative_patients": result.negative_patients,
        **measure_fields("auroc", result.auroc),
        **measure_fields("auprc", result.auprc),
        **measure_fields("brier", result.brier),
        "ece": result.ece,
        **_calibration(result.calibration),
        "above": list(result.above),
        **_confounding(result.confounding),
    }
    if result.threshold is not None:
        fields["threshold"] = result.threshold
        fields["threshold_ci"] = result.threshold_interval
    for name, measure in result.decisions.items():
        fields |= measure_fields(name, measure)
    return fields


def _subgroup(subgroup: Subgroup) -> dict[str, Any]:
    return {
        "grouping": subgroup.grouping,
        "name": subgroup.name,
        "images": subgroup.images,
        "patients": subgroup.patients,
        "findings": {
            name: {
                "positives": subgroup.positives[name],
                "positive_patients": subgroup.patients_of_classes[name][0],
                "negative_patients": subgroup.patients_of_classes[name][1],
                **measure_fields("auroc", measure),
                **_calibration(subgroup.calibration[name]),
                **_errors(subgroup, name),
            }
            for name, measure in subgroup.auroc.items()
        },
    }


def _confounding(found: Confounding | None) -> dict[str, Any]:
    if found is None:
        return {}
    fields = measure_fields("metadata_auroc", found.metadata)
    if found.stratified is not None and found.matched is not None:
        fields |= measure_fields("stratified_auroc", found.stratified)
        fields |= measure_fields("matched_auroc", found.matched)
        fields["positives_without_match"] = found.without_match
    return fields


def _calibration(found: CalibrationMeasures) -> dict[str, Any]:
    return {
        **measure_fields("calibration_slope", found.slope),
        **measure_fields("calibration_intercept", found.intercept),
        **measure_fields("observed_to_expected", found.observed_to_expected),
    }


def _errors(subgroup: Subgroup, finding: str) -> dict[str, Any]:
    """What the threshold misses and what it calls wrongly, where there is one."""
    if finding not in subgroup.underdiagnosis:
        return {}
    return {
        **measure_fields("underdiagnosis", subgroup.underdiagnosis[finding]),
        **measure_fields("overdiagnosis", subgroup.overdiagnosis[finding]),
    }


def _gap(gap: Gap) -> dict[str, Any]:
    return {
        "grouping": gap.grouping,
        "finding": gap.finding,
        "highest": gap.highest,
        "lowest": gap.lowest,
        "positive_patients": list(gap.positive_patients),
        **measure_fields("difference", gap.difference),
        "p_value": gap.p_value,
        "p_holm": gap.p_holm,
    }


def _contamination(found: Contamination) -> dict[str, Any]:
    return {
        "found": found.found,
        "source": found.source,
        "images": found.images,
        "patients": found.patients,
        "same_hash": found.same_hash,
        "training_sha256": found.training_sha256,
        "left_out": found.left_out,
        "listed": found.listed,
        "unknown": found.unknown,
        "message": found.message,
    }


def _source(source: tuple[str, str] | None) -> dict[str, str] | None:
    return None if source is None else {"file": source[0], "sha256": source[1]}
