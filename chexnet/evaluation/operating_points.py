"""Thresholds, from validation images only."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from chexnet.arrays import Bool
from chexnet.evaluation.discrimination import Sample, sample_of
from chexnet.leakage import Side, refuse_shared_patients
from chexnet.statistics import POLICIES, NotEstimable, OperatingRule, Policy
from chexnet.tables import (
    Cohort,
    ColumnNames,
    Predictions,
    Readings,
    closest,
    join_file,
    prediction_columns,
    read_cohort,
    read_table,
    same_finding,
)

_RULES = {
    "max_f1": OperatingRule("max_f1"),
    "youden": OperatingRule("youden"),
    "sensitivity_90": OperatingRule("sensitivity", 0.9),
}
"""The rules behind the names of policies; reader_f1 of the paper has none."""


@dataclass(frozen=True)
class Thresholds:
    """One threshold a finding: present where ``probability >= threshold``.

    Attributes:
        source: where they come from, for the reader of a table.
        not_estimable: findings without a threshold, with the reason.
        rule: how they were chosen; None where they were given, or by a rule without a name here.
        validation: the images they were chosen on, by finding, so that their uncertainty can be counted.
    """

    values: Mapping[str, float]
    source: str
    not_estimable: Mapping[str, str]
    rule: OperatingRule | None = None
    validation: Mapping[str, Sample] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for finding, value in self.values.items():
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise ValueError(f"threshold of {finding} is {value}; expected a probability in [0, 1]")

    def get(self, finding: str) -> float | None:
        """The threshold of one finding, however its name is spelled; None where there is none."""
        key = same_finding(finding)
        return next((value for name, value in self.values.items() if same_finding(name) == key), None)

    def chosen(self, finding: str) -> tuple[OperatingRule, Sample] | None:
        """The rule and the validation images behind a finding's threshold; None where it was given."""
        key = same_finding(finding)
        sample = next((one for name, one in self.validation.items() if same_finding(name) == key), None)
        return None if self.rule is None or sample is None else (self.rule, sample)

    def of(self, finding: str) -> float:
        """The threshold of one finding, however its name is spelled.

        Raises:
            ValueError: there is none.
        """
        value = self.get(finding)
        if value is not None:
            return value
        reason = self.not_estimable.get(finding, "give one with `threshold`, as NAME=T")
        raise ValueError(f"{finding}: no threshold {self.source}; {reason}")


def find_thresholds(
    test: Predictions | Path,
    labels: Path,
    names: ColumnNames,
    *,
    given: Path | None,
    validation: Path | None,
    validation_labels: Path | None,
    policy: Policy | OperatingRule,
) -> Thresholds | None:
    """Thresholds from a JSON file, or chosen on validation predictions; None if neither is named.

    A threshold probability is its own threshold, and needs no validation images.

    Raises:
        ValueError: both are named, or validation and test share an image or a patient, or a threshold is
            of a finding that was not predicted.
    """
    if given and validation:
        raise ValueError("give thresholds or validation predictions, not both")
    if validation_labels and not validation:
        raise ValueError("`validation_labels` without `validation`; name the predictions they belong to")
    if given:
        return _for_findings_of(test, thresholds_from_json(given), given, names)
    if not validation:
        return _without_validation(test, names, policy)
    chosen = read_cohort(validation, validation_labels or labels, names)
    tested = read_cohort(test, labels, names) if isinstance(test, Path) else join_file(test, labels, names)
    refuse_shared_patients(
        _side("the test images", tested),
        _side("the validation images", chosen),
        "thresholds must come from other images and other patients",
    )
    return choose_thresholds(chosen, policy)


def find_reader_thresholds(
    given: Mapping[str, float],
    readings: Readings,
    *,
    validation: Path | None,
    validation_labels: Path | None,
    policy: Policy | OperatingRule,
    names: ColumnNames,
) -> Thresholds:
    """The model's thresholds for a reader study, never from the images that were read.

    Args:
        given: finding to threshold; empty to choose them.
        validation: predictions to choose thresholds on. Images that were read, and all other images of
            those patients, are left out of it.

    Raises:
        ValueError: neither or both are given.
    """
    if bool(given) == (validation is not None):
        raise ValueError(
            "give the model's threshold with `threshold`, or predictions of validation images with "
            "`validation` and `validation_labels`; a threshold chosen on the images that were read would "
            "flatter the model"
        )
    if validation is None:
        return Thresholds(given, "given", {})
    if validation_labels is None:
        raise ValueError("`validation` needs `validation_labels`, such as Data_Entry_2017_v2020.csv")
    cohort = read_cohort(validation, validation_labels, names)
    return choose_thresholds(cohort, policy, _not_read(cohort, readings))


def choose_thresholds(
    validation: Cohort,
    policy: Policy | OperatingRule = "max_f1",
    rows: Bool[np.ndarray, " images"] | None = None,
) -> Thresholds:
    """A threshold for each finding, chosen on validation images.

    Args:
        policy: the name of a policy, or a rule such as ``OperatingRule("sensitivity", 0.9)``.
        rows: the validation images to use; all by default.
    """
    rows = np.ones(len(validation.labels.images), dtype=bool) if rows is None else rows
    rule = policy if isinstance(policy, OperatingRule) else _RULES.get(policy)
    values, reasons, samples = {}, {}, {}
    for finding in validation.findings:
        sample = sample_of(validation, finding, rows)
        try:
            if isinstance(policy, OperatingRule):
                values[finding] = policy.choose(sample.present, sample.probabilities)
            else:
                values[finding] = POLICIES[policy](sample.present, sample.probabilities)
            samples[finding] = sample
        except NotEstimable as error:
            reasons[finding] = f"no threshold: {error}"
    patients = np.unique(validation.clusters[rows]).size
    name = policy if isinstance(policy, str) else f"{policy.name} {policy.value:g}"
    source = f"{name} on {int(rows.sum()):,} validation images of {patients:,} patients"
    return Thresholds(values, source, reasons, rule, samples)


def _without_validation(
    test: Predictions | Path, names: ColumnNames, policy: Policy | OperatingRule
) -> Thresholds | None:
    """The threshold probability itself for every finding that was predicted; None for other policies."""
    if not isinstance(policy, OperatingRule):
        return None
    if policy.name != "threshold_probability" or policy.value is None:
        raise ValueError(f"a threshold by {policy.name} is chosen on `validation` images; name them")
    findings = prediction_columns(read_table(test), names) if isinstance(test, Path) else test.findings
    return Thresholds(dict.fromkeys(findings, policy.value), f"threshold probability {policy.value:g}", {})


def thresholds_from_json(path: Path) -> Thresholds:
    """Thresholds from a JSON object of finding to number.

    Raises:
        ValueError: it is anything else.
    """
    if not Path(path).is_file():
        raise ValueError(f'{path}: no such file; expected JSON such as {{"Pneumonia": 0.12}}')
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{path}: not JSON ({error})") from error
    if not isinstance(content, dict) or not all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in content.values()
    ):
        raise ValueError(f'{path}: expected an object such as {{"Pneumonia": 0.12}}')
    return Thresholds({name: float(v) for name, v in content.items()}, f"given in {Path(path).name}", {})


def _side(name: str, cohort: Cohort) -> Side:
    return Side(name, cohort.labels.images, cohort.labels.patients)


def _for_findings_of(
    test: Predictions | Path, thresholds: Thresholds, given: Path, names: ColumnNames
) -> Thresholds:
    """The thresholds, if each is of a finding that was predicted."""
    offered = (
        list(prediction_columns(read_table(test), names)) if isinstance(test, Path) else list(test.findings)
    )
    for name in thresholds.values:
        if same_finding(name) not in map(same_finding, offered):
            near = closest(name, offered)
            hint = f"did you mean {near!r}?" if near else f"there are {', '.join(map(repr, offered))}"
            raise ValueError(f"{given}: the predictions have no finding {name!r}; {hint}")
    return thresholds


def _not_read(cohort: Cohort, readings: Readings) -> Bool[np.ndarray, " images"]:
    """Validation images whose patient was not read; patients by the validation labels and the readings."""
    images = np.array(cohort.labels.images)
    read = np.isin(images, np.array(readings.images))
    if cohort.labels.patients is None:
        return ~read
    patients = np.array(cohort.labels.patients)
    seen = np.union1d(patients[read], np.array(readings.patients or [], dtype=patients.dtype))
    kept: Bool[np.ndarray, " images"] = ~np.isin(patients, seen)
    if not kept.any():
        raise ValueError("every validation image is of a patient who was read; use other images")
    return kept
