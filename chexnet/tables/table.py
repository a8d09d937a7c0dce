"""Reading CSV and Parquet tables, and finding out which column is which."""

import csv
import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

from chexnet._files import file_sha256

IMAGE_COLUMNS = ("image", "Image Index", "Image ID", "image_id", "filename")
PATIENT_COLUMNS = ("patient", "patient_id", "Patient ID")
SEX_COLUMNS = ("sex", "Patient Gender", "gender")
AGE_COLUMNS = ("age", "Patient Age")
VIEW_COLUMNS = ("view", "View Position")
READER_COLUMNS = ("reader", "reader_id", "Reader ID")


class BadTable(ValueError):
    """A table that does not say what it must; the message names the file, the row and the remedy."""


@dataclass(frozen=True)
class ColumnNames:
    """How the columns of a foreign table are to be understood.

    Attributes:
        image: the column with the image's name; None looks for one of the usual names.
        prefix: what stands before each pathology's name, such as ``prob_``. In a table that has any
            such column, only those are pathologies.
        rename: old to new name of a pathology, after the prefix is taken off.
    """

    image: str | None = None
    prefix: str = ""
    rename: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Columns of text without surrounding blanks; an empty cell is an empty string.

    Attributes:
        lines: the line of the file that each row ends on; of a Parquet file, its row as a CSV would have it.
    """

    path: Path
    columns: Mapping[str, list[str]]
    lines: Sequence[int]

    def __len__(self) -> int:
        return len(self.lines)

    def where(self, row: int) -> str:
        """File and line, to begin an error with."""
        return f"{self.path}, line {self.lines[row]}"

    def sha256(self) -> str:
        """SHA-256 of the file."""
        return file_sha256(self.path)

    def known_column(self, names: Sequence[str]) -> list[str] | None:
        """The first of the usual columns that is there."""
        return next((self.columns[name] for name in names if name in self.columns), None)

    def images(self, asked: str | None = None) -> list[str]:
        """The image names.

        Raises:
            BadTable: there is no such column, or a name is empty.
        """
        column = _image_column(self, asked)
        names = self.columns[column]
        if "" in names:
            raise BadTable(f"{self.path}: row {names.index('') + 2} has no image name in column {column!r}")
        return names


def read_table(path: Path, *, short_rows: bool = False) -> Table:
    """Read a CSV (any encoding of UTF-8) or a Parquet file.

    Args:
        short_rows: take the cells that a row lacks at its end for empty, as spreadsheets leave them.

    Raises:
        BadTable: the file is missing, empty, ragged, or has two columns of one name.
    """
    path = Path(path)
    if not path.is_file():
        raise BadTable(f"{path}: no such file; expected a CSV or Parquet table")
    table = _read_parquet(path) if _is_parquet(path) else _read_csv(path, short_rows)
    if not len(table):
        raise BadTable(f"{path}: the table has no rows")
    return table


def refuse_unknown_columns(names: ColumnNames, paths: Iterable[Path | None]) -> None:
    """Refuse an image column or a renaming that none of the tables has: it is a misspelling.

    Args:
        paths: tables in which a name may occur. If one cannot be read, nothing is refused here, as whoever
            reads it will say more.

    Raises:
        BadTable: a name is a column of none.
    """
    headers = [_header(Path(path)) for path in paths if path is not None]
    if not all(headers):
        return
    found = list(dict.fromkeys(column for header in headers for column in header))
    asked = {"image_column": [names.image] if names.image is not None else [], "rename": names.rename}
    for argument, columns in asked.items():
        for column in columns:
            if column not in found and names.prefix + column not in found:
                near = closest(column, found)
                raise BadTable(
                    f"`{argument}`: no table has a column {column!r}; "
                    + (f"did you mean {near!r}?" if near else f"there are {', '.join(map(repr, found))}")
                )


def finding_columns(table: Table, names: ColumnNames, besides: Iterable[str] = ()) -> dict[str, str]:
    """The columns that may be findings: the finding's name to the column's name.

    Args:
        besides: columns that are something else.

    Raises:
        BadTable: two columns come to have the same name.
    """
    known = {*IMAGE_COLUMNS, *PATIENT_COLUMNS, *SEX_COLUMNS, *AGE_COLUMNS, *VIEW_COLUMNS, *READER_COLUMNS}
    prefixed = [name for name in table.columns if names.prefix and name.startswith(names.prefix)]
    found: dict[str, str] = {}
    for column in prefixed or table.columns:
        if column in {*known, *besides, names.image}:
            continue
        bare = column.removeprefix(names.prefix)
        finding = names.rename.get(bare, names.rename.get(column, bare))
        if finding in found:
            raise BadTable(f"{table.path}: columns {found[finding]!r} and {column!r} both mean {finding!r}")
        found[finding] = column
    return found


def refuse_repeated_images(images: Sequence[str], path: Path) -> None:
    """Refuse a table in which an image has two rows: which one counts?"""
    seen: dict[str, int] = {}
    for row, image in enumerate(images, start=2):
        if image in seen:
            repeated = len(images) - len(set(images))
            raise BadTable(
                f"{path}: image {image} is in rows {seen[image]} and {row} ({repeated} repeated "
                "rows in all); keep one row for each image"
            )
        seen[image] = row


def same_finding(name: str) -> str:
    """A finding's name for comparison: ``Pleural Thickening`` and ``pleural_thickening`` are one."""
    return name.strip().replace(" ", "_").casefold()


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate that ``name`` may be a misspelling of."""
    by_key = {same_finding(candidate): candidate for candidate in candidates}
    near = difflib.get_close_matches(same_finding(name), by_key, n=1, cutoff=0.8)
    return by_key[near[0]] if near else None


def _read_csv(path: Path, short_rows: bool) -> Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines, rows = [], []
            for row in reader:
                if row:
                    lines.append(reader.line_num)
                    rows.append([cell.strip() for cell in row])
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadTable(f"{path}: not a CSV in UTF-8 ({error})") from error
    if not rows:
        raise BadTable(f"{path}: the file is empty; expected a header and rows")
    header = rows[0]
    _refuse_repeated_columns(header, path)
    for line, row in zip(lines, rows, strict=True):
        if short_rows:
            row.extend([""] * (len(header) - len(row)))
        if len(row) != len(header):
            raise BadTable(f"{path}: row {line} has {len(row)} cells, the header {len(header)}")
    columns = {name: [row[index] for row in rows[1:]] for index, name in enumerate(header)}
    return Table(path, columns, lines[1:])


def _header(path: Path) -> list[str]:
    """The columns' names, quickly; none where there is no file or it is no table."""
    if not path.is_file() or path.suffix.lower() == ".onnx":
        return []
    try:
        if _is_parquet(path):
            return list(_parquet(path).read_schema(path).names)
        with path.open(newline="", encoding="utf-8-sig") as file:
            return [name.strip() for name in next(csv.reader(file), [])]
    except (ValueError, csv.Error):
        return []


def _is_parquet(path: Path) -> bool:
    return path.suffix.lower() in {".parquet", ".pq"}


def _parquet(path: Path) -> ModuleType:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise BadTable(f"{path}: reading Parquet needs pyarrow; pip install 'chexnet[parquet]'") from error
    return parquet


def _read_parquet(path: Path) -> Table:
    parquet = _parquet(path)
    try:
        content = parquet.read_table(path)
    # ArrowInvalid is one.
    except ValueError as error:
        raise BadTable(f"{path}: not a Parquet file ({error})") from error
    _refuse_repeated_columns(content.column_names, path)
    columns = {name: [_text(value) for value in content[name].to_pylist()] for name in content.column_names}
    return Table(path, columns, range(2, content.num_rows + 2))


def _text(value: object) -> str:
    if value is None:
        return ""
    # True and False are how Parquet writes 1 and 0.
    return str(int(value)) if isinstance(value, bool) else str(value).strip()


def _refuse_repeated_columns(header: Sequence[str], path: Path) -> None:
    repeated = sorted({name for name in header if header.count(name) > 1})
    # Columns without a name, such as those at the end of BBox_List_2017.csv, carry nothing.
    if repeated and repeated != [""]:
        raise BadTable(f"{path}: column {repeated[0]!r} is there twice")


def _image_column(table: Table, asked: str | None) -> str:
    if asked is not None and asked in table.columns:
        return asked
    for name in IMAGE_COLUMNS:
        if name in table.columns:
            return name
    wanted = f"{asked!r}" if asked else "one of " + ", ".join(map(repr, IMAGE_COLUMNS))
    raise BadTable(
        f"{table.path}: expected the image names in column {wanted}, found the columns "
        f"{', '.join(map(repr, table.columns))}; name it with `image_column`"
    )
