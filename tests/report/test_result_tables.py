"""How tables are laid out as text."""

import pytest

from chexnet.report.tables import WIDEST, Grid


def grid(columns, cell="0.7617 (0.7390–0.7841)"):
    return Grid(["finding", *(f"group {n}" for n in range(columns))], [["Mass", *[cell] * columns]] * 2)


@pytest.mark.parametrize("columns", [1, 4, 5, 13])
def test_no_line_is_wider_than_a_terminal_and_no_column_is_lost(columns):
    text = grid(columns).markdown()
    assert max(map(len, text.splitlines())) <= WIDEST
    for number in range(columns):
        assert text.count(f"group {number} ") == 1
    parts = text.split("\n\n")
    assert all(part.startswith("| finding ") for part in parts)


def test_a_table_that_fits_stays_whole():
    assert "\n\n" not in grid(3).markdown()


def test_a_cell_wider_than_a_terminal_has_a_part_of_its_own():
    parts = grid(2, cell="x" * 200).parts()
    assert [list(part.head) for part in parts] == [["finding", "group 0"], ["finding", "group 1"]]
