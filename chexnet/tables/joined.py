"""Predictions joined to labels: the images that a measurement is about."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chexnet.arrays import Bool, Float, Int
from chexnet.statistics import clusters_of
from chexnet.tables.columns import ColumnNames
from chexnet.tables.image_names import match_images
from chexnet.tables.labels import Labels, label_columns, labels_of, match_findings
from chexnet.tables.predictions import Predictions, prediction_columns, predictions_of
from chexnet.tables.table import read_table

_EXAMPLES = 3
_OWN_PREFIXES = ("score_", "present_")


@dataclass(frozen=True)
class Cohort:
    """Images with both predictions and labels, row by row the same.

    Attributes:
        clusters: each image's patient, numbered from 0; every image its own where no patient is known.
        without_labels: predicted images that the labels lack; they are counted nowhere else.
        without_predictions: labelled images that were not predicted.
        not_labelled: columns of numbers among the predictions that the labels lack; they are not measured.
        joined_by: "name"; or "file name", or "last 3 parts of the path", where one side names other folders.
    """

    predictions: Predictions
    labels: Labels
    clusters: Int[np.ndarray, " images"]
    without_labels: int
    without_predictions: int
    joined_by: str
    not_labelled: Sequence[str] = ()

    @property
    def findings(self) -> Sequence[str]:
        """Findings that both sides have."""
        return self.labels.findings

    @property
    def patients(self) -> int | None:
        """Number of patients, where the labels say."""
        return None if self.labels.patients is None else int(self.clusters.max()) + 1

    def known(self, finding: str) -> Bool[np.ndarray, " images"]:
        """The images whose label for the finding is not blank."""
        known: Bool[np.ndarray, " images"] = ~np.isnan(self.labels.of(finding))
        return known

    def present(self, finding: str) -> Bool[np.ndarray, " images"]:
        """The images labelled with the finding; false also where unknown."""
        present: Bool[np.ndarray, " images"] = self.labels.of(finding) == 1
        return present

    def take(self, rows: Int[np.ndarray, " rows"]) -> "Cohort":
        """Some of the images, in that order."""
        labels = self.labels.take(rows)
        owners = None if labels.patients is None else np.array(labels.patients)
        return replace(
            self,
            predictions=_take(self.predictions, rows, self.findings),
            labels=labels,
            clusters=clusters_of(owners, len(rows)),
        )

    def probabilities(self, finding: str) -> Float[np.ndarray, " images"]:
        """The predictions of the finding."""
        return self.predictions.of(finding)


def read_cohort(
    predictions: Path, labels: Path, names: ColumnNames | None = None, name: str | None = None
) -> Cohort:
    """Read and join a table of predictions and a table of labels.

    Raises:
        BadTable: see ``read_predictions``, ``read_labels`` and ``join``.
    """
    names = names or ColumnNames()
    predicted, labelled = read_table(predictions), read_table(labels)
    offered = label_columns(labelled, names)
    numeric = list(prediction_columns(predicted, names))
    common = match_findings(numeric, offered, labelled.path)
    joined = join(
        predictions_of(predicted, names, name, list(common)), labels_of(labelled, list(common), names)
    )
    # A column without a name is the row number that pandas writes.
    other = [one for one in numeric if one and one not in common]
    return replace(joined, not_labelled=[one for one in other if not _of_a_finding(one, numeric)])


def _of_a_finding(column: str, findings: Sequence[str]) -> bool:
    """Whether `chexnet predict` writes the column beside a finding's probability: score or verdict."""
    return any(column.startswith(one) and column.removeprefix(one) in findings for one in _OWN_PREFIXES)


def join_file(predictions: Predictions, labels: Path, names: ColumnNames | None = None) -> Cohort:
    """Join predictions, such as a model has just made, to a table of labels."""
    names = names or ColumnNames()
    table = read_table(labels)
    common = match_findings(predictions.findings, label_columns(table, names), table.path)
    joined = join(predictions, labels_of(table, list(common), names))
    return replace(joined, not_labelled=[one for one in predictions.findings if one not in common])


def join(predictions: Predictions, labels: Labels) -> Cohort:
    """Put predictions and labels of the same image into the same row, in the predictions' order.

    Images are matched by ``match_images``: by name; where no name matches, by the end of their paths.

    Raises:
        ValueError: no image has both.
    """
    matched = match_images(predictions.images, labels.images)
    pairs = [(row, known) for row, known in enumerate(matched.rows) if known is not None]
    if not pairs:
        raise ValueError(
            f"no image has both predictions and labels; predictions name images like "
            f"{', '.join(predictions.images[:_EXAMPLES])}, labels like {', '.join(labels.images[:_EXAMPLES])}"
        )
    taken, rows = (np.array(side) for side in zip(*pairs, strict=True))
    chosen = labels.take(rows)
    return Cohort(
        predictions=_take(predictions, taken, chosen.findings),
        labels=chosen,
        clusters=clusters_of(None if chosen.patients is None else np.array(chosen.patients), len(pairs)),
        without_labels=len(predictions.images) - len(pairs),
        without_predictions=len(labels.images) - len(pairs),
        joined_by=matched.by,
    )


def _take(predictions: Predictions, rows: Int[np.ndarray, " rows"], findings: Sequence[str]) -> Predictions:
    columns = [list(predictions.findings).index(finding) for finding in findings]
    return Predictions(
        name=predictions.name,
        images=[predictions.images[row] for row in rows],
        findings=tuple(findings),
        probabilities=predictions.probabilities[rows][:, columns],
        not_scored=predictions.not_scored,
        source=predictions.source,
    )
