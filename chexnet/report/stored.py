"""Results read back from the JSON that `chexnet evaluate`, `readers` and `localise` write.

The reproduction page is made from these files by the same functions as `chexnet report`. What JSON does
not hold, such as the images behind a curve, is None or empty.
"""

import math
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any

import numpy as np

from chexnet.evaluation import (
    DECISIONS,
    Agreement,
    Confounding,
    EvaluateOptions,
    Evaluation,
    FindingComparison,
    FindingLocalisation,
    FindingResult,
    Gap,
    Inference,
    Localisation,
    MeasuredImages,
    ModelComparison,
    OperatingPoint,
    ReaderComparison,
    Subgroup,
    Thresholds,
)
from chexnet.leakage import Contamination
from chexnet.statistics import CalibrationMeasures, DifferenceTest, Estimate, StandaloneComparison

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


def readers_from_json(content: _Entry) -> ReaderComparison:
    """Read what `readers_json` gave for one finding; writing it again gives the same content.

    Raises:
        ValueError: it is not the JSON of a comparison with readers.
    """
    try:
        return _readers(content)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected the JSON that `chexnet readers --json` writes for one finding; "
            f"{type(error).__name__}: {error}"
        ) from error


def localisation_from_json(content: _Entry) -> Localisation:
    """Read what `localisation_json` gave; writing it again gives the same content.

    Raises:
        ValueError: it is not the JSON of a localisation.
    """
    try:
        return Localisation(
            [_localised(name, one) for name, one in content["findings"].items()],
            films=content["films"],
            without_film=content["without_film"],
            resampled=content["resampled"],
            boxes=content["boxes"],
            model=content["model"],
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"expected the JSON that `chexnet localise --json` writes; {type(error).__name__}: {error}"
        ) from error


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


def _readers(content: _Entry) -> ReaderComparison:
    readers, model = content["readers"], content["model"]
    names = [*readers, model["name"]]
    pairs = np.full((len(names), len(names)), np.nan)
    for pair in content["pairs"]:
        first, second = (names.index(name) for name in pair["raters"])
        pairs[first, second] = pairs[second, first] = np.nan if pair["f1"] is None else pair["f1"]
    nothing = np.empty(0)
    return ReaderComparison(
        model_name=model["name"],
        finding=content["finding"],
        threshold=content["threshold"],
        threshold_source=content["threshold_source"],
        images=content["images"],
        patients=content["patients"],
        not_predicted=content["not_predicted"],
        resampled=content["resampled"],
        present={**{name: one["present"] for name, one in readers.items()}, model["name"]: model["present"]},
        readers={name: _f1(one) for name, one in readers.items()},
        readers_mean=_f1(content["readers_mean"]),
        model=_f1(model),
        difference=_f1(content["difference"]),
        significant=content["difference"]["significant"],
        inference={name: _inference(one) for name, one in content["inference"].items()},
        margin=content["margin"],
        pairs=pairs,
        agreement=_agreement(content["agreement"]),
        against_consensus={
            name: OperatingPoint(
                read_estimate(one, "sensitivity"),
                read_estimate(one, "specificity"),
                one["positives"],
                one["negatives"],
                one["left_out"],
            )
            for name, one in content["against_consensus"].items()
        },
        model_auroc=read_estimate(content, "model_auroc"),
        consensus=nothing,
        probabilities=nothing,
    )


def _f1(entry: _Entry) -> Estimate:
    low, high = entry["ci"] or (None, None)
    return Estimate(entry["f1"], low, high, entry.get("reason"))


def _agreement(entry: _Entry) -> Agreement:
    cohen = {(one["readers"][0], one["readers"][1]): read_estimate(one, "kappa") for one in entry["cohen"]}
    return Agreement(cohen, entry["fleiss"], entry["read_by_all"], entry["krippendorff"])


def _inference(entry: _Entry) -> Inference:
    if "reason" in entry:
        return Inference(None, entry["reason"])
    compared = StandaloneComparison(
        model=read_estimate(entry, "model"),
        readers=(),
        readers_mean=read_estimate(entry, "readers_mean"),
        these_readers=_test(entry["these_readers"]),
        average_reader=_test(entry["average_reader"]),
        one_more_reader=_test(entry["one_more_reader"]),
        bootstrap=read_estimate(entry, "two_way_bootstrap"),
    )
    return Inference(compared, p_holm=entry["average_reader"]["p_holm"])


def _test(entry: _Entry) -> DifferenceTest:
    freedom = entry["degrees_of_freedom"]
    return DifferenceTest(
        read_estimate(entry, "difference"),
        entry["standard_error"],
        math.inf if freedom is None else freedom,
        entry["p_value"],
    )


def _localised(finding: str, entry: _Entry) -> FindingLocalisation:
    def estimates(kind: str) -> list[Estimate]:
        pairs = zip(entry[kind]["value"], entry[kind]["ci"], strict=True)
        return [Estimate(value, *(ends or (None, None))) for value, ends in pairs]

    control = entry["control"]
    return FindingLocalisation(
        finding,
        entry["films"],
        entry["patients"],
        pointing=read_estimate(entry, "pointing"),
        iobb=estimates("iobb"),
        iou=estimates("iou"),
        iobb_false_positives=estimates("iobb_false_positives"),
        iou_false_positives=estimates("iou_false_positives"),
        control_pointing=control["pointing"],
        control_iobb=control["iobb"],
        control_iou=control["iou"],
    )
