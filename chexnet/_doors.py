"""Doors of rooms whose modules load when a name of theirs is first used, which keeps the start quick."""

import sys
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def lazy_door(room: str, homes: Mapping[str, str]) -> None:
    """Let a room load each of its public names on first use.

    Args:
        room: the package, such as "chexnet.statistics".
        homes: for each module of the room, its public names, with spaces between them.
    """
    door = sys.modules[room]
    door.__class__ = _Room
    vars(door)["_homes"] = {name: module for module, names in homes.items() for name in names.split()}


class _Room(ModuleType):
    """A package that finds its public names by PEP 562's rule, also where a module has a name's name."""

    _homes: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        if name not in self._homes:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{self.__name__}.{self._homes[name]}"), name)

    def __setattr__(self, name: str, value: Any) -> None:
        # Importing the module `bootstrap` must not hide the function `bootstrap` of the door.
        if isinstance(value, ModuleType) and self._homes.get(name) == name:
            value = getattr(value, name)
        super().__setattr__(name, value)
