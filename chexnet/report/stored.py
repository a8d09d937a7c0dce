"""Results read back from the JSON that `chexnet evaluate` and `chexnet readers` write.

The reproduction page is made from these files by the same functions as `chexnet report`. What JSON does
not hold, such as the images behind a curve, is None or empty.
"""

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

from chexnet.evaluation import (
    DECISIONS,
    Confounding,
    EvaluateOptions,
    Evaluation,
    FindingComparison,
    FindingResult,
    Gap,
    MeasuredImages,
    ModelComparison,
    Subgroup,
    Thresholds,
)
from chexnet.leakage import Contamination
from chexnet.statistics import CalibrationMeasures, Estimate

_Entry = Mapping[str, Any]


def evaluation_from_json(content: _Entry) -> Evaluation:
    """Read what `evaluation_json` gave; writing it again gives the same content.

    Raises:
        ValueError: it is not the JSON of an evaluation.
    """
    try:
        return _evaluation(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected the JSON that `chexnet evaluate --json` writes; {type(error).__name__}: {error}"
        ) from error


def _evaluation(content: _Entry) -> Evaluation:
    options, data = content["options"], _data(content["data"])
    findings = {name: _finding(entry) for name, entry in content["findings"].items()}
    return Evaluation(
        data,
        cohort=None,
        options=EvaluateOptions(
            options["samples"],
            options["interval"],
            options["confidence"],
            options["seed"],
            content["split"],
            ",".join(options.get("adjust", ())),
            "always" if content["published"] else "never",
        ),
        findings=findings,
        mean_auroc=read_estimate(content, "mean_auroc"),
        mean_of=list(content["mean_of"]),
        subgroups=[_subgroup(entry) for entry in content["subgroups"]],
        gaps=[_gap(entry) for entry in content["gaps"]],
        thresholds=_thresholds(content.get("thresholds"), findings),
        comparison=None if "comparison" not in content else _comparison(content["comparison"]),
        contamination=None
        if "contamination" not in content
        else _contamination(content["contamination"], data.images),
        published=bool(content["published"]),
    )


def read_estimate(entry: _Entry, name: str, interval: str | None = None) -> Estimate:
    """A number by its key, with its interval and the reason why either is missing."""
    low, high = entry.get(interval or f"{name}_ci") or (None, None)
    return Estimate(entry[name], low, high, entry.get(f"{name}_reason"))


def _data(entry: _Entry) -> MeasuredImages:
    predictions = _source(entry["predictions"])
    return MeasuredImages(
        # Files from before the name was stored: a table is called after its file.
        name=entry.get("name") or (PurePath(predictions[0]).stem if predictions else "model"),
        predictions=predictions,
        labels=_source(entry["labels"]),
        images=entry["images"],
        patients=entry["patients"],
        not_scored=dict(entry["not_scored_reasons"]),
        without_labels=entry["predictions_without_labels"],
        without_predictions=entry["labels_without_predictions"],
        not_labelled=tuple(entry["columns_without_labels"]),
        joined_by=entry["joined_by"],
    )


def _source(entry: _Entry | None) -> tuple[str, str] | None:
    return None if entry is None else (entry["file"], entry["sha256"])


def _finding(entry: _Entry) -> FindingResult:
    return FindingResult(
        positives=entry["positives"],
        negatives=entry["negatives"],
        unlabelled=entry["unlabelled"],
        positive_patients=entry["positive_patients"],
        negative_patients=entry["negative_patients"],
        auroc=read_estimate(entry, "auroc"),
        auprc=read_estimate(entry, "auprc"),
        brier=read_estimate(entry, "brier"),
        calibration=_calibration(entry),
        ece=entry["ece"],
        threshold=entry.get("threshold"),
        threshold_interval=read_estimate(entry, "threshold").interval if "threshold" in entry else None,
        decisions={name: read_estimate(entry, name) for name in DECISIONS if name in entry},
        above=list(entry["above"]),
        confounding=_confounding(entry),
    )


def _confounding(entry: _Entry) -> Confounding | None:
    if "metadata_auroc" not in entry:
        return None
    metadata = read_estimate(entry, "metadata_auroc")
    if "stratified_auroc" not in entry:
        return Confounding(metadata)
    return Confounding(
        metadata,
        read_estimate(entry, "stratified_auroc"),
        read_estimate(entry, "matched_auroc"),
        entry["positives_without_match"],
    )


def _thresholds(source: str | None, findings: Mapping[str, FindingResult]) -> Thresholds | None:
    if source is None:
        return None
    values = {name: one.threshold for name, one in findings.items() if one.threshold is not None}
    return Thresholds(values, source, {})


def _subgroup(entry: _Entry) -> Subgroup:
    findings = entry["findings"]
    return Subgroup(
        entry["grouping"],
        entry["name"],
        images=entry["images"],
        patients=entry["patients"],
        positives={name: one["positives"] for name, one in findings.items()},
        patients_of_classes={
            name: (one["positive_patients"], one["negative_patients"]) for name, one in findings.items()
        },
        auroc={name: read_estimate(one, "auroc") for name, one in findings.items()},
        calibration={name: _calibration(one) for name, one in findings.items()},
        underdiagnosis=_where_given(findings, "underdiagnosis"),
        overdiagnosis=_where_given(findings, "overdiagnosis"),
    )


def _calibration(entry: _Entry) -> CalibrationMeasures:
    return CalibrationMeasures(
        read_estimate(entry, "calibration_slope"),
        read_estimate(entry, "calibration_intercept"),
        read_estimate(entry, "observed_to_expected"),
    )


def _where_given(findings: Mapping[str, _Entry], name: str) -> dict[str, Estimate]:
    return {finding: read_estimate(one, name) for finding, one in findings.items() if name in one}


def _gap(entry: _Entry) -> Gap:
    return Gap(
        entry["grouping"],
        entry["finding"],
        entry["highest"],
        entry["lowest"],
        read_estimate(entry, "difference"),
        (entry["positive_patients"][0], entry["positive_patients"][1]),
        entry["p_value"],
        entry["p_holm"],
    )


def _comparison(entry: _Entry) -> ModelComparison:
    return ModelComparison(
        entry["first"],
        entry["second"],
        entry["images"],
        entry["left_out"],
        findings={
            name: FindingComparison(
                read_estimate(one, "first"),
                read_estimate(one, "second"),
                read_estimate(one, "difference"),
                one["p_value"],
                one["p_holm"],
                one.get("p_reason"),
            )
            for name, one in entry["findings"].items()
        },
        mean_difference=read_estimate(entry, "mean_difference"),
    )


def _contamination(entry: _Entry, images: int) -> Contamination:
    return Contamination(
        entry["source"],
        images,
        entry["images"],
        entry["patients"],
        entry["same_hash"],
        entry["training_sha256"],
        entry.get("left_out"),
        entry.get("listed"),
        entry.get("unknown"),
    )
