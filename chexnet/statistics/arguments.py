"""The one door for arrays: what every public function of this room accepts as labels and scores.

``@validated(labels=binary, scores=real)`` converts the named arguments before the function sees them. Labels
may be booleans, integers, floats, a list or a data-frame column; inside the room they are booleans, because
integers would index an array where booleans select from it.
"""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar, cast

import numpy as np

from chexnet.arrays import Bool, Float, Int, Shaped

_P = ParamSpec("_P")
_R = TypeVar("_R")

Kind = Callable[[Any, str], Any]
"""Converts one argument, given its name for the message."""


def validated(**kinds: Kind) -> Callable[[Callable[_P, _R]], Callable[_P, _R]]:
    """Convert the named arguments, and refuse arrays of different numbers of images.

    Raises (from the decorated function):
        ValueError: an argument has another shape or other values than its kind allows, or the arrays
            do not describe the same images.
    """

    def decorate(function: Callable[_P, _R]) -> Callable[_P, _R]:
        names = list(inspect.signature(function).parameters)
        places = {names.index(name): name for name in kinds}

        @functools.wraps(function)
        def checked(*arguments: _P.args, **named: _P.kwargs) -> _R:
            given: list[Any] = list(arguments)
            for place, name in places.items():
                if place < len(given) and given[place] is not None:
                    given[place] = kinds[name](given[place], name)
                elif named.get(name) is not None:
                    named[name] = kinds[name](named[name], name)
            received = {**dict(zip(names, given, strict=False)), **named}
            _check_same_images({name: received.get(name) for name in kinds})
            return function(*given, **named)

        return cast("Callable[_P, _R]", checked)

    return decorate


def binary(values: object, name: str = "labels") -> Bool[np.ndarray, " images"]:
    """One 0 or 1 per image as booleans.

    Raises:
        ValueError: a value is neither 0 nor 1, missing, or text.
    """
    array = _numbers(values, name, "0 and 1, or booleans")
    _check_flat(array, name)
    if array.dtype == np.bool_:
        return array
    wrong = (array != 0) & (array != 1)
    if wrong.any():
        raise ValueError(
            f"expected {name} of 0 and 1, or booleans; got {array[wrong][0]} among {array.size} values; "
            "leave images without a label out"
        )
    present: Bool[np.ndarray, " images"] = array == 1
    return present


def real(values: object, name: str = "scores") -> Float[np.ndarray, " images"]:
    """One number per image, as floats; NaN is left for the function to judge."""
    array = _floats(values, name)
    _check_flat(array, name)
    return array


def table(values: object, name: str = "readings") -> Float[np.ndarray, "readers images"]:
    """One row per reader (or model) and one column per image, as floats; NaN is a value not given."""
    array = _floats(values, name)
    if array.ndim != 2:
        raise ValueError(f"expected {name} as rows of images, a table of two axes; got shape {array.shape}")
    return array


def rows(values: object, name: str = "scores") -> list[Float[np.ndarray, " images"]]:
    """Several models' scores, each one number per image."""
    return [real(one, name) for one in cast("Sequence[object]", values)]


def numbers(values: object, name: str = "values") -> Float[np.ndarray, "*shape"]:
    """Numbers of any shape, as floats."""
    return _floats(values, name)


def identities(values: object, name: str = "patients") -> Shaped[np.ndarray, " images"]:
    """One name or number per image that says whose it is."""
    array = np.asarray(values)
    _check_flat(array, name)
    # A missing name is a float NaN among others; it would silently become one large patient.
    if array.dtype.kind in "fO" and any(one is None or one != one for one in array.tolist()):  # noqa: PLR0124
        raise ValueError(f"expected a patient for every image, got missing values among {name}")
    return array.astype(str) if array.dtype == object else array


def numbered(values: object, name: str = "clusters") -> Int[np.ndarray, " images"]:
    """Each image's patient, counted from 0 (see ``clusters_of``)."""
    array = np.asarray(values)
    _check_flat(array, name)
    if array.dtype.kind not in "iu" or (array.size and array.min() < 0):
        raise ValueError(
            f"expected {name} as numbers counted from 0, as clusters_of gives; got {array.dtype}"
        )
    return array.astype(np.int64, copy=False)


def _numbers(values: object, name: str, expected: str) -> Shaped[np.ndarray, "*shape"]:
    array = np.asarray(values)
    if array.dtype.kind in "biuf":
        return array
    if array.dtype == object and not any(isinstance(one, str | bytes) for one in array.ravel().tolist()):
        try:
            return array.astype(np.float64)
        except (TypeError, ValueError):
            pass
    shown = array.ravel()[:1].tolist()
    raise ValueError(f"expected {name} of {expected}; got values of type {array.dtype}, such as {shown}")


def _floats(values: object, name: str) -> Float[np.ndarray, "*shape"]:
    array = _numbers(values, name, "numbers")
    kept = array.dtype in {np.dtype(np.float32), np.dtype(np.float64)}
    return array if kept else array.astype(np.float64)


def _check_flat(array: Shaped[np.ndarray, "*shape"], name: str) -> None:
    if array.ndim != 1:
        raise ValueError(f"expected {name} as one value per image, got an array of shape {array.shape}")


def _check_same_images(arrays: dict[str, Any]) -> None:
    """The last axis of every array is the images."""
    sizes: dict[str, int] = {}
    for name, array in arrays.items():
        for number, one in enumerate(array if isinstance(array, list) else [array]):
            if isinstance(one, np.ndarray) and one.ndim:
                sizes[f"{name}[{number}]" if isinstance(array, list) else name] = one.shape[-1]
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{size} {name}" for name, size in sizes.items())
        raise ValueError(f"expected one value per image in every array, got {listed}")
