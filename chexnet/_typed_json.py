"""Dataclasses to JSON and back, where the types of the fields say what is expected."""

import json
import types
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints


@dataclass(frozen=True)
class Key:
    """The key in JSON of a field, where that is not the field's name; goes into `Annotated`."""

    name: str


_MOST_PROBLEMS = 5
_T = TypeVar("_T")


def to_json(value: Any) -> Any:
    """Return what JSON can hold; reasons that are not there are left out."""
    if is_dataclass(value):
        keys = _keys(type(value))
        stored = {keys[one.name]: to_json(getattr(value, one.name)) for one in fields(value)}
        return {key: one for key, one in stored.items() if key != "reason" or one is not None}
    if isinstance(value, Mapping):
        return {key: to_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [to_json(one) for one in value]
    return value


def from_json(kind: type[_T], content: Any) -> _T:
    """Read what `to_json` gave. Keys that the dataclass does not know are ignored.

    Raises:
        ValueError: something is missing or of another type; names the first few places.
    """
    problems: list[str] = []
    read = _read(kind, content, "", problems)
    if problems:
        more = len(problems) - _MOST_PROBLEMS
        raise ValueError("; ".join(problems[:_MOST_PROBLEMS]) + (f"; and {more} more" if more > 0 else ""))
    result: _T = read
    return result


def _read(kind: Any, value: Any, place: str, problems: list[str]) -> Any:
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (present,) = (one for one in inner if one is not type(None))
        return None if value is None else _read(present, value, place, problems)
    if origin is tuple and isinstance(value, list):
        return tuple(_read(inner[0], one, f"{place}[{n}]", problems) for n, one in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {key: _read(inner[1], one, f"{place}.{key}", problems) for key, one in value.items()}
    if is_dataclass(kind) and isinstance(value, dict):
        return _read_fields(kind, value, place, problems)
    # JSON has one kind of number, and True is not a number.
    wanted = {float: (int, float), Any: object}.get(kind, origin or kind)
    fits = isinstance(wanted, type | tuple) and isinstance(value, wanted) and not isinstance(value, bool)
    if fits or kind is Any:
        return value
    problems.append(
        f"{place.lstrip('.') or 'the file'} is {json.dumps(value)[:40]}; expected {_spoken(kind)}"
    )
    return None


def _read_fields(kind: Any, value: Mapping[str, Any], place: str, problems: list[str]) -> Any:
    hints, keys, known, before = get_type_hints(kind), _keys(kind), {}, len(problems)
    for one in fields(kind):
        key = keys[one.name]
        if key in value:
            known[one.name] = _read(hints[one.name], value[key], f"{place}.{key}", problems)
        # An estimate without an interval says so; a forgotten interval would look the same.
        elif (one.default is MISSING and one.default_factory is MISSING) or one.name in ("low", "high"):
            problems.append(f"{place}.{key} is missing".lstrip("."))
    if len(problems) > before:
        return None
    try:
        return kind(**known)
    except ValueError as error:
        problems.append(f"{place.lstrip('.')}: {error}")
        return None


def _keys(kind: type) -> dict[str, str]:
    """The key in JSON of each field."""
    hints = get_type_hints(kind, include_extras=True)
    named = {
        name: [one.name for one in getattr(hint, "__metadata__", ()) if isinstance(one, Key)]
        for name, hint in hints.items()
    }
    return {one.name: (named[one.name] or [one.name])[0] for one in fields(kind)}


def _spoken(kind: Any) -> str:
    if is_dataclass(kind) or get_origin(kind) is dict:
        return "an object"
    if get_origin(kind) is tuple:
        return "a list"
    return {int: "a whole number", float: "a number", str: "text"}.get(kind, str(kind))
