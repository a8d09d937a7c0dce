"""The doors of the rooms: what a room's ``__init__`` promises is there, whatever was imported before."""

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
