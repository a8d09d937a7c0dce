"""Predictions of many images as one table: CSV, JSON or Parquet, one row an image."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from chexnet.classifier.prediction import ModelIdentity, Prediction, encodable

FORMATS = (".csv", ".json", ".parquet")


class TableWriter:
    """Writes predictions as they come; the file appears whole when all are there.

    CSV and Parquet have the columns `image`, `status`, `reason`, one probability a finding (blank
    unless "ok"), one raw score a finding (`score_<finding>`), one verdict a finding
    (`present_<finding>`: 1 or 0 at the threshold of `policy`, blank where the model has no validated
    threshold), and the model's identity. JSON is the array that `chexnet predict --json` prints.

    Args:
        path: its suffix decides the format.
        findings: the model's, in order.
        model: the file that predicts.

    Raises:
        ValueError: a suffix of no known format, or Parquet without its package.
    """

    def __init__(self, path: Path, findings: Sequence[str], model: ModelIdentity) -> None:
        if path.suffix.lower() not in FORMATS:
            raise ValueError(f"{path}: expected a name that ends in {', '.join(FORMATS)}")
        self._path = path
        self._findings = tuple(findings)
        self._model = model
        self._rows: list[dict[str, Any]] = []
        if path.suffix.lower() == ".parquet":
            _require_pyarrow()

    def __enter__(self) -> "TableWriter":
        if self._path.is_dir():
            raise ValueError(f"{self._path}: a folder; expected a file to write to")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Whether it can be written to shows now, and not when ten thousand films have been read.
        self._partial.touch()
        return self

    def add(self, prediction: Prediction) -> None:
        """One more row."""
        if self._path.suffix.lower() == ".json":
            self._rows.append(prediction.to_dict())
        else:
            self._rows.append(self._row(prediction))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What was scored before an interruption is worth having, under a name that says it is not all.
        target = self._path if error is None else self._path.with_name(self._path.name + ".incomplete")
        {".csv": self._write_csv, ".json": self._write_json, ".parquet": self._write_parquet}[
            self._path.suffix.lower()
        ](self._partial)
        self._partial.replace(target)

    @property
    def _partial(self) -> Path:
        return self._path.with_name(self._path.name + ".partial")

    def _columns(self) -> list[str]:
        scores = [f"score_{finding}" for finding in self._findings]
        verdicts = [f"present_{finding}" for finding in self._findings]
        return [
            *("image", "status", "reason", *self._findings, *scores, *verdicts),
            *("policy", "model", "model_sha256"),
        ]

    def _row(self, prediction: Prediction) -> dict[str, Any]:
        row: dict[str, Any] = dict.fromkeys(self._columns())
        reason = None if prediction.reason is None else encodable(prediction.reason)
        row |= {"image": encodable(prediction.image), "status": prediction.status, "reason": reason}
        row |= {finding.finding: finding.probability for finding in prediction.findings}
        row |= {f"score_{finding.finding}": finding.score for finding in prediction.findings}
        for finding in prediction.findings:
            if finding.present is not None:
                row |= {f"present_{finding.finding}": int(finding.present), "policy": finding.policy}
        return row | {
            "model": f"{self._model.name} {self._model.version}",
            "model_sha256": self._model.sha256,
        }

    def _write_csv(self, path: Path) -> None:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._columns())
            writer.writeheader()
            writer.writerows(self._rows)

    def _write_json(self, path: Path) -> None:
        path.write_text(encodable(json.dumps(self._rows, indent=1, ensure_ascii=False)), encoding="utf-8")

    def _write_parquet(self, path: Path) -> None:
        import pyarrow
        import pyarrow.parquet

        kinds = {
            **dict.fromkeys(self._columns(), pyarrow.string()),
            **dict.fromkeys(self._findings, pyarrow.float64()),
            **{f"score_{finding}": pyarrow.float64() for finding in self._findings},
            **{f"present_{finding}": pyarrow.int8() for finding in self._findings},
        }
        schema = pyarrow.schema(list(kinds.items()))
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(self._rows, schema), path)


def _require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise ValueError(
            "Parquet needs pyarrow, which the light install leaves out; install chexnet[parquet]"
        ) from (error)
