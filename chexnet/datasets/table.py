"""CSV tables as people save them: with a byte order mark, Windows newlines, short rows."""

import csv
from collections import Counter
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        where: file and line, to begin an error with.
        cells: by column, without surrounding blanks; "" where the row ends early.
    """

    where: str
    cells: dict[str, str]


@dataclass(frozen=True)
class Table:
    """A table as it was read: at least one row, no column twice."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def read_table(path: Path) -> Table:
    """Read a CSV file with a header.

    Raises:
        ValueError: no readable table, no rows, two columns of one name, or a row of more cells than columns.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if cells]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path}: not a readable CSV table ({error})") from error
    if len(lines) < 2:
        raise ValueError(f"{path}: the table has no rows; expected a header and one row an image")
    columns = tuple(lines[0][1])
    repeated = [column for column, count in Counter(columns).items() if column and count > 1]
    if repeated:
        raise ValueError(f"{path}: more than one column {repeated[0]!r}")
    return Table(columns, tuple(_row(f"{path}, line {line}", columns, cells) for line, cells in lines[1:]))


def _row(where: str, columns: tuple[str, ...], cells: list[str]) -> Row:
    if len(cells) > len(columns):
        raise ValueError(f"{where}: {len(cells)} cells, more than the header has columns ({len(columns)})")
    return Row(where, dict(zip_longest(columns, cells, fillvalue="")))
