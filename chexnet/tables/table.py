"""Reading CSV, TSV, Excel's exports and Parquet: the only reader of tables that come from outside."""

import csv
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import ModuleType

from chexnet._files import file_sha256
from chexnet.tables.columns import (
    USUAL_COLUMNS,
    USUAL_NAMES,
    BadTable,
    ColumnNames,
    closest,
    find_column,
    finding_columns,
)
from chexnet.tables.image_names import image_name

_SEPARATORS = (",", "\t", ";")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""What Excel's "Unicode text" begins with."""
_DECIMAL_COMMA = re.compile(r"^(-?\d*),(\d+)$")
_EXCEL = (".xlsx", ".xls", ".xlsm", ".ods")


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

    def column(self, role: str, names: ColumnNames | None = None) -> list[str] | None:
        """The cells of the column that plays a role, such as "patient"; None where there is none.

        Raises:
            BadTable: two columns may be meant.
        """
        try:
            found = find_column(self.columns, role, (names or USUAL_COLUMNS).asked(role))
        except ValueError as error:
            raise BadTable(f"{self.path}: {error}") from error
        return None if found is None else self.columns[found]

    def filled(self, role: str, names: ColumnNames | None = None) -> list[str]:
        """The cells of a column that has to be there, none of them empty.

        Raises:
            BadTable: there is no such column, or a cell is empty.
        """
        cells = self.column(role, names)
        if cells is None:
            raise BadTable(self._no_column(role, names))
        if "" in cells:
            raise BadTable(f"{self.where(cells.index(''))}: {role} is blank")
        return cells

    def images(self, names: ColumnNames | None = None) -> list[str]:
        """The image names, relative to the image root where they lie below it.

        Raises:
            BadTable: there is no such column, or a name is empty.
        """
        root = None if names is None else names.image_root
        return [image_name(cell, root) for cell in self.filled("image", names)]

    def findings(self, names: ColumnNames, besides: Sequence[str] = ()) -> dict[str, str]:
        """The columns that may be findings: the finding's name to the column's name.

        Args:
            besides: further roles that are not findings.

        Raises:
            BadTable: two columns come to have the same name.
        """
        try:
            return finding_columns(self.columns, names, besides)
        except ValueError as error:
            raise BadTable(f"{self.path}: {error}") from error

    def _no_column(self, role: str, names: ColumnNames | None) -> str:
        asked = (names or USUAL_COLUMNS).asked(role)
        wanted = repr(asked) if asked else "one of " + ", ".join(map(repr, USUAL_NAMES[role]))
        hint = f"; name it with `{role}_column`" if role in ("image", "patient") else ""
        return (
            f"{self.path}: no column {role!r}: expected {wanted}; found "
            f"{', '.join(map(repr, self.columns))}{hint}"
        )


def read_table(path: Path, *, short_rows: bool = False) -> Table:
    """Read a CSV, a TSV, what Excel exports as text, or a Parquet file.

    Columns are separated by commas, tabs or semicolons, whichever the header has most of. Text is UTF-8, or
    UTF-16 with a byte order mark, as Excel's "Unicode text". Where semicolons separate, a number may have a
    decimal comma, as Excel writes it in much of the world.

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
    """Refuse a column or a renaming that none of the tables has: it is a misspelling.

    Args:
        paths: tables in which a name may occur. If one cannot be read, nothing is refused here, as whoever
            reads it will say more.

    Raises:
        BadTable: a name is a column of none.
    """
    headers = [_header(Path(path)) for path in paths if path is not None]
    if not headers or not all(headers):
        return
    found = list(dict.fromkeys(column for header in headers for column in header))
    if not any(column.startswith(names.prefix) for column in found):
        raise BadTable(
            f"`prefix`: no table has a column that begins with {names.prefix!r}; there are "
            f"{', '.join(map(repr, found))}"
        )
    asked = {
        "image_column": [names.image],
        "patient_column": [names.patient],
        "rename": names.rename,
        "groups": names.groups,
    }
    for argument, columns in asked.items():
        for column in columns:
            if column is not None and column not in found and names.prefix + column not in found:
                near = closest(column, found)
                raise BadTable(
                    f"`{argument}`: no table has a column {column!r}; "
                    + (f"did you mean {near!r}?" if near else f"there are {', '.join(map(repr, found))}")
                )


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


def _read_csv(path: Path, short_rows: bool) -> Table:
    text = _read_text(path)
    try:
        separator = _separator(text)
        reader = csv.reader(StringIO(text, newline=""), delimiter=separator)
        lines, rows = [], []
        for row in reader:
            if row:
                lines.append(reader.line_num)
                rows.append([cell.strip() for cell in row])
    except csv.Error as error:
        raise BadTable(f"{path}: not a CSV in UTF-8 ({error})") from error
    if not rows:
        raise BadTable(f"{path}: the file is empty; expected a header and rows")
    header = rows[0]
    _cut(header, 1)
    _refuse_repeated_columns(header, path)
    for line, row in zip(lines, rows, strict=True):
        _cut(row, len(header))
        if short_rows:
            row.extend([""] * (len(header) - len(row)))
        if len(row) != len(header):
            raise BadTable(f"{path}: row {line} has {len(row)} cells, the header {len(header)}")
    if separator == ";":
        rows = [header, *([_DECIMAL_COMMA.sub(r"\1.\2", cell) for cell in row] for row in rows[1:])]
    columns = {name: [row[index] for row in rows[1:]] for index, name in enumerate(header)}
    return Table(path, columns, lines[1:])


def _cut(row: list[str], length: int) -> None:
    """Take off empty cells at the end, such as the header of BBox_List_2017.csv has."""
    while len(row) > length and not row[-1]:
        row.pop()


def _read_text(path: Path) -> str:
    if path.suffix.lower() in _EXCEL:
        raise BadTable(f"{path}: a spreadsheet; expected its sheet saved as CSV UTF-8")
    content = path.read_bytes()
    try:
        return content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadTable(f"{path}: not a CSV in UTF-8 ({error}); save it as CSV UTF-8") from error


def _separator(text: str) -> str:
    """The separator that the header has most of; a comma where it has none."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=lambda one: len(next(csv.reader([header], delimiter=one), [])))


def _header(path: Path) -> list[str]:
    """The columns' names; none where there is no file or it is not a table."""
    if not path.is_file() or path.suffix.lower() == ".onnx":
        return []
    try:
        if _is_parquet(path):
            return list(_parquet(path).read_schema(path).names)
        text = _read_text(path)
        rows = csv.reader(StringIO(text, newline=""), delimiter=_separator(text))
        return [name.strip() for name in next(rows, [])]
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
    # Columns without a name carry nothing.
    if repeated and repeated != [""]:
        raise BadTable(f"{path}: column {repeated[0]!r} is there twice")
