"""Predictions of many images as one table, one row per image, on disk as soon as they are there.

Until the last row is there, the rows are in ``<name>.incomplete``: as CSV for a CSV file, as JSON Lines for
the other formats, since a Parquet file or a JSON array that ends early cannot be read. A process that is
killed loses no row that it has written.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from chexnet._files import whole_file
from chexnet.classifier.prediction import INCOMPLETE, ModelIdentity, Prediction, encodable

FORMATS = (".csv", ".json", ".jsonl", ".parquet")

_ROW_GROUP = 10_000
"""Rows of one Parquet row group: a few megabytes of memory."""

Row = dict[str, Any]


class TableWriter:
    """Writes predictions as they come; the file appears under its name when all are there.

    CSV and Parquet have the columns `image`, `status`, `reason`, one probability per finding (blank
    unless "ok"), one raw score per finding (`score_<finding>`), one verdict per finding
    (`present_<finding>`: 1 or 0 at the threshold of `policy`, blank where the model has no validated
    threshold), the model's identity, and `notes`. JSON is the array that `chexnet predict --json` prints,
    JSON Lines has its objects, one per line.

    Args:
        path: its suffix decides the format.
        findings: the model's, in order.
        model: the file that predicts.
        resume: keep the rows that an earlier run of the same model has written, and add to them.

    Raises:
        ValueError: a suffix of no known format, Parquet without its package, rows of an earlier run without
            `resume`, or rows that another model wrote.
    """

    def __init__(
        self, path: Path, findings: Sequence[str], model: ModelIdentity, *, resume: bool = False
    ) -> None:
        self._kind = path.suffix.lower()
        if self._kind not in FORMATS:
            raise ValueError(f"{path}: expected a name that ends in {', '.join(FORMATS)}")
        self._path = path
        self._rows_so_far = path.with_name(path.name + INCOMPLETE)
        self._findings = tuple(findings)
        self._model = model
        self._resume = resume
        self._there: set[str] = set()
        if self._kind == ".parquet":
            _require_pyarrow()

    def __enter__(self) -> "TableWriter":
        if self._path.is_dir():
            raise ValueError(f"{self._path}: a folder; expected a file to write to")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._resume:
            self._take_up()
        elif self._rows_so_far.exists():
            raise ValueError(
                f"{self._rows_so_far}: rows of an earlier run that did not end; go on with it by `resume`, "
                "or delete the file"
            )
        # Whether it can be written to shows now, and not when ten thousand images have been read. A row is
        # with the operating system once its line is whole.
        self._file: TextIO = self._rows_so_far.open("a", buffering=1, newline="", encoding="utf-8")
        if self._kind == ".csv" and not self._rows_so_far.stat().st_size:
            self._write(self._csv_line(self._columns()))
        return self

    def has(self, image: str) -> bool:
        """Whether an earlier run has written a row for this image."""
        return encodable(image) in self._there

    def add(self, prediction: Prediction) -> None:
        """One more row."""
        if self._kind == ".csv":
            self._write(self._csv_line(self._row(prediction).values()))
        else:
            row = self._row(prediction) if self._kind == ".parquet" else prediction.to_dict()
            self._write(encodable(json.dumps(row, ensure_ascii=False)) + "\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if error is not None:
            return
        if self._kind in (".csv", ".jsonl"):
            self._rows_so_far.replace(self._path)
            return
        with self._rows_so_far.open(encoding="utf-8") as lines, whole_file(self._path) as path:
            (self._write_json if self._kind == ".json" else self._write_parquet)(path, lines)
        self._rows_so_far.unlink()

    def _write(self, line: str) -> None:
        self._file.write(line)

    def _columns(self) -> list[str]:
        scores = [f"score_{finding}" for finding in self._findings]
        verdicts = [f"present_{finding}" for finding in self._findings]
        return [
            *("image", "status", "reason", *self._findings, *scores, *verdicts),
            *("policy", "model", "model_sha256", "notes"),
        ]

    def _row(self, prediction: Prediction) -> Row:
        row: Row = dict.fromkeys(self._columns())
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
            "notes": encodable("; ".join(prediction.notes)) or None,
        }

    @staticmethod
    def _csv_line(cells: Iterable[Any]) -> str:
        line = io.StringIO()
        csv.writer(line).writerow(cells)
        return line.getvalue()

    # Resuming

    def _take_up(self) -> None:
        """Bring the rows of an earlier run into the incomplete file, and remember their images."""
        if not self._rows_so_far.exists() and self._path.exists():
            with whole_file(self._rows_so_far) as copy:
                self._copy_finished(copy)
        if self._rows_so_far.exists():
            _cut_torn_line(self._rows_so_far, b"\r\n" if self._kind == ".csv" else b"\n")
            for image, sha256 in self._images_and_models():
                if sha256 != self._model.sha256:
                    raise ValueError(
                        f"{self._rows_so_far}: its rows are of the model {sha256[:12]}, this one is "
                        f"{self._model.sha256[:12]}; resume with the same model, or choose another file"
                    )
                self._there.add(image)

    def _copy_finished(self, copy: Path) -> None:
        if self._kind in (".csv", ".jsonl"):
            shutil.copyfile(self._path, copy)
            return
        with copy.open("w", encoding="utf-8") as file:
            if self._kind == ".json":
                rows: Iterable[Row] = json.loads(self._path.read_text(encoding="utf-8"))
            else:
                import pyarrow.parquet

                finished = pyarrow.parquet.ParquetFile(self._path)
                rows = (row for batch in finished.iter_batches(_ROW_GROUP) for row in batch.to_pylist())
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)

    def _images_and_models(self) -> Iterator[tuple[str, str]]:
        with self._rows_so_far.open(newline="", encoding="utf-8") as file:
            try:
                if self._kind == ".csv":
                    rows = csv.DictReader(file)
                    if rows.fieldnames is not None and list(rows.fieldnames) != self._columns():
                        raise ValueError("other columns")
                    yield from ((row["image"], row["model_sha256"]) for row in rows)
                else:
                    for row in map(json.loads, file):
                        model = row["model_sha256"] if self._kind == ".parquet" else row["model"]["sha256"]
                        yield row["image"], model
            except (ValueError, KeyError, TypeError, csv.Error) as error:
                raise ValueError(
                    f"{self._rows_so_far}: not rows of this version of chexnet predict and this model's "
                    f"findings ({error}); delete the file, or choose another"
                ) from error

    # The other formats, from JSON Lines

    def _write_json(self, path: Path, lines: Iterable[str]) -> None:
        with path.open("w", encoding="utf-8") as file:
            opening = "[\n"
            for line in lines:
                file.write(opening + line.rstrip("\n"))
                opening = ",\n"
            file.write("[]" if opening == "[\n" else "\n]")

    def _write_parquet(self, path: Path, lines: Iterable[str]) -> None:
        import pyarrow
        import pyarrow.parquet

        kinds = {
            **dict.fromkeys(self._columns(), pyarrow.string()),
            **dict.fromkeys(self._findings, pyarrow.float64()),
            **{f"score_{finding}": pyarrow.float64() for finding in self._findings},
            **{f"present_{finding}": pyarrow.int8() for finding in self._findings},
        }
        schema = pyarrow.schema(list(kinds.items()))
        with pyarrow.parquet.ParquetWriter(path, schema) as writer:
            rows = map(json.loads, lines)
            while group := list(islice(rows, _ROW_GROUP)):
                writer.write_table(pyarrow.Table.from_pylist(group, schema))


def _cut_torn_line(path: Path, end: bytes) -> None:
    """Take off what follows the last whole line: a process that was killed may have left half a row."""
    with path.open("r+b") as file:
        size = position = file.seek(0, 2)
        tail = b""
        while position and end not in tail:
            position = max(0, position - 2**16)
            file.seek(position)
            tail = file.read(min(size, position + 2**17) - position)
        place = tail.rfind(end)
        file.truncate(0 if place < 0 else position + place + len(end))


def _require_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ModuleNotFoundError as error:
        raise ValueError(
            "Parquet needs pyarrow, which the light install leaves out; install chexnet[parquet]"
        ) from (error)
