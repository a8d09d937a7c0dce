"""Thresholds, from validation images only."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chexnet.arrays import Bool
from chexnet.statistics import POLICIES, NotEstimable, Policy
from chexnet.tables.joined import Cohort
from chexnet.tables.table import same_finding


@dataclass(frozen=True)
class Thresholds:
    """One threshold a finding: present where ``probability >= threshold``.

    Attributes:
        source: where they come from, for the reader of a table.
        not_estimable: findings without a threshold, with the reason.
    """

    values: Mapping[str, float]
    source: str
    not_estimable: Mapping[str, str]

    def __post_init__(self) -> None:
        for finding, value in self.values.items():
            if not (math.isfinite(value) and 0 <= value <= 1):
                raise ValueError(f"threshold of {finding} is {value}; expected a probability in [0, 1]")

    def get(self, finding: str) -> float | None:
        """The threshold of one finding, however its name is spelled; None where there is none."""
        key = same_finding(finding)
        return next((value for name, value in self.values.items() if same_finding(name) == key), None)

    def of(self, finding: str) -> float:
        """The threshold of one finding, however its name is spelled.

        Raises:
            ValueError: there is none.
        """
        value = self.get(finding)
        if value is not None:
            return value
        reason = self.not_estimable.get(finding, "give one with --threshold NAME=T")
        raise ValueError(f"{finding}: no threshold {self.source}; {reason}")


def choose_thresholds(
    validation: Cohort, policy: Policy = "max_f1", rows: Bool[np.ndarray, " images"] | None = None
) -> Thresholds:
    """The best threshold for each finding on validation images.

    Args:
        rows: the validation images to use; all by default.
    """
    rows = np.ones(len(validation.labels.images), dtype=bool) if rows is None else rows
    values, reasons = {}, {}
    for finding in validation.findings:
        chosen = rows & validation.known(finding)
        try:
            values[finding] = POLICIES[policy](
                validation.present(finding)[chosen], validation.probabilities(finding)[chosen]
            )
        except NotEstimable as error:
            reasons[finding] = f"no threshold: {error}"
    patients = np.unique(validation.clusters[rows]).size
    source = f"{policy} on {int(rows.sum()):,} validation images of {patients:,} patients"
    return Thresholds(values, source, reasons)


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


def refuse_test_images(
    validation: Cohort, test_images: Sequence[str], test_patients: Sequence[str] | None
) -> None:
    """Refuse validation images or patients that are also in the test set.

    Raises:
        ValueError: a threshold would be chosen on what it is then judged by.
    """
    shared = set(validation.labels.images) & set(test_images)
    if shared:
        raise ValueError(
            f"{len(shared)} validation images are also test images, the first is {min(shared)}; "
            "thresholds must come from other images"
        )
    if validation.labels.patients is None or test_patients is None:
        return
    patients = set(validation.labels.patients) & set(test_patients)
    if patients:
        raise ValueError(
            f"{len(patients)} patients are in both validation and test, the first is {min(patients)}; "
            "thresholds must come from other patients"
        )
