"""The doors of the rooms: what a room's ``__init__`` promises is there, whatever was imported before."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "chexnet"


@pytest.mark.parametrize("room", sorted(path.parent.name for path in PACKAGE.glob("*/__init__.py")))
def test_every_public_name_of_a_room_is_there(room: str) -> None:
    door = importlib.import_module(f"chexnet.{room}")
    for name in getattr(door, "__all__", ()):
        assert not isinstance(getattr(door, name), ModuleType), f"{room}: {name}"


def test_a_module_does_not_hide_the_function_of_its_name() -> None:
    program = (
        "import chexnet.statistics.bootstrap, chexnet.statistics.reader_study\n"
        "from chexnet.statistics import bootstrap, reader_study\n"
        "print(callable(bootstrap), callable(reader_study))"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.split() == ["True", "True"]


def test_a_lazy_door_names_what_it_does_not_have() -> None:
    import chexnet.statistics

    with pytest.raises(AttributeError, match=r"module 'chexnet.statistics' has no attribute 'nonsense'"):
        _ = chexnet.statistics.nonsense


def imports_past_a_door(file: Path) -> list[str]:
    """Imports of another room's modules; a room and the folders within it are doors."""
    own = file.relative_to(PACKAGE).parts[0]
    return [
        f"{file.relative_to(PACKAGE)}, line {node.lineno}: {node.module}"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("chexnet.")
        for parts in [node.module.split(".")[1:]]
        if len(parts) > 1 and parts[0] != own and not PACKAGE.joinpath(*parts, "__init__.py").exists()
    ]


def test_a_room_is_entered_through_its_door() -> None:
    past = [one for file in sorted(PACKAGE.rglob("*.py")) for one in imports_past_a_door(file)]
    assert not past, "import from the room's __init__: " + "; ".join(past)


def test_an_import_past_a_door_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    for room in ("tables", "cli"):
        (tmp_path / room).mkdir()
    caller = tmp_path / "cli" / "caller.py"
    caller.write_text("from chexnet.tables import read_table\nfrom chexnet.tables.table import read_table\n")
    assert imports_past_a_door(caller) == ["cli/caller.py, line 2: chexnet.tables.table"]
