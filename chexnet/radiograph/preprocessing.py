"""From a radiograph to the network's input: one way for training and prediction (section 3.1)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from chexnet.arrays import Float32, UInt8
from chexnet.paper import IMAGE_SIZE, IMAGENET_MEAN, IMAGENET_STD
from chexnet.radiograph.radiograph import Radiograph


@dataclass(frozen=True)
class Preprocessing:
    """Downscaling and normalisation, "based on the mean and standard deviation of images in ImageNet".

    Attributes:
        size: side of the square input in pixels.
        mean: subtracted, for red, green and blue of pixels in [0, 1].
        std: divided by, likewise.
        eight_bit: whether the resized grey is rounded to 256 levels before it is normalised. It is where a
            network learnt from a pack, which holds images so; the input of an image is then that of its row.

    Raises:
        ValueError: the size is not positive, or the mean and std are not three finite numbers each,
            or a std is not positive.
    """

    size: int = IMAGE_SIZE
    mean: tuple[float, float, float] = IMAGENET_MEAN
    std: tuple[float, float, float] = IMAGENET_STD
    eight_bit: bool = False

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size is {self.size}; expected a positive number of pixels")
        for name, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != 3 or not all(math.isfinite(v) for v in values):
                raise ValueError(f"{name} is {values}; expected three finite numbers")
        if min(self.std) <= 0:
            raise ValueError(f"std is {self.std}; expected positive numbers")

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the model file stores it."""
        stored = {"size": self.size, "mean": list(self.mean), "std": list(self.std)}
        # Left out where it changes nothing, so that software from before it reads the file as well.
        return stored | ({"eight_bit": True} if self.eight_bit else {})

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> "Preprocessing":
        """The inverse of ``to_dict``.

        Raises:
            ValueError: a key is missing, unknown, or holds no possible value.
        """
        expected = {"size", "mean", "std"}
        if set(stored) - {"eight_bit"} != expected:
            raise ValueError(f"preprocessing has the keys {sorted(stored)}; expected {sorted(expected)}")
        size = stored["size"]
        if not isinstance(size, int) or isinstance(size, bool):
            raise ValueError(f"size is {size!r}; expected a positive number of pixels")
        eight_bit = stored.get("eight_bit", False)
        if not isinstance(eight_bit, bool):
            raise ValueError(f"eight_bit is {eight_bit!r}; expected true or false")
        return cls(size, _three("mean", stored["mean"]), _three("std", stored["std"]), eight_bit)


def _three(name: str, values: Any) -> tuple[float, float, float]:
    if not isinstance(values, list | tuple) or len(values) != 3:
        raise ValueError(f"{name} is {values!r}; expected three finite numbers")
    if not all(isinstance(v, int | float) for v in values):
        raise ValueError(f"{name} is {values!r}; expected three finite numbers")
    return float(values[0]), float(values[1]), float(values[2])


_DEFAULT = Preprocessing()


def network_input(
    radiograph: Radiograph, preprocessing: Preprocessing = _DEFAULT
) -> Float32[np.ndarray, "3 size size"]:
    """The radiograph as the network sees it: resized straight to the square, grey on all three channels.

    Borders around the radiograph's field are left out. The aspect ratio is not kept. The resize is
    bilinear with antialiasing (a triangle filter as wide as the scale), computed on floats: without
    antialiasing, thin structures such as vessels and pleural lines would flicker in and out.
    """
    if preprocessing.eight_bit:
        return packed_input(packed_grey(radiograph, preprocessing.size), preprocessing)
    return _normalised(resized(radiograph.field_pixels, preprocessing.size), preprocessing)


def packed_grey(radiograph: Radiograph, size: int) -> UInt8[np.ndarray, "size size"]:
    """The resized radiograph in 256 levels, as a pack holds it; 0 is black and 255 white.

    Rounding moves the grey by half a level at most. An 8-bit image of this very size is not changed.
    """
    return np.rint(resized(radiograph.field_pixels, size) * np.float32(255)).astype(np.uint8)


def packed_input(
    grey: UInt8[np.ndarray, "size size"], preprocessing: Preprocessing
) -> Float32[np.ndarray, "3 size size"]:
    """The network's input from what `packed_grey` made."""
    return _normalised(grey.astype(np.float32) / np.float32(255), preprocessing)


def _normalised(
    grey: Float32[np.ndarray, "size size"], preprocessing: Preprocessing
) -> Float32[np.ndarray, "3 size size"]:
    normalised = np.empty((3, *grey.shape), np.float32)
    for channel, mean, std in zip(normalised, preprocessing.mean, preprocessing.std, strict=True):
        np.divide(grey - np.float32(mean), np.float32(std), out=channel)
    return normalised


def resized(
    pixels: Float32[np.ndarray, "height width"], size: int, axes: tuple[int, ...] = (0, 1)
) -> Float32[np.ndarray, "rows columns"]:
    """The pixels with `size` rows and columns, or only one of both; see `network_input`."""
    if 0 in axes:
        pixels = _shrink_rows(pixels, size)
    if 1 in axes:
        pixels = _shrink_rows(pixels.T, size).T
    return pixels


def _shrink_rows(pixels: Float32[np.ndarray, "height width"], size: int) -> Float32[np.ndarray, "size width"]:
    """Each new row is a weighted mean of old rows.

    Written out here because Pillow, which agrees to the last place, copies a whole image to do it.
    """
    pixels = np.ascontiguousarray(pixels)
    shrunk = np.empty((size, pixels.shape[1]), np.float32)
    for row, (start, weights) in zip(shrunk, _triangles(len(pixels), size), strict=True):
        np.dot(weights, pixels[start : start + len(weights)], out=row)
    return shrunk


@lru_cache(maxsize=64)
def _triangles(old: int, new: int) -> tuple[tuple[int, Float32[np.ndarray, " taps"]], ...]:
    """For each new row, the first old row that it covers and the weights of those that follow."""
    scale = old / new
    support = max(scale, 1.0)
    triangles = []
    for center in (np.arange(new) + 0.5) * scale:
        start = max(int(center - support + 0.5), 0)
        covered = np.arange(start, min(int(center + support + 0.5), old))
        weights = np.maximum(0, 1 - np.abs(covered + 0.5 - center) / support)
        triangles.append((start, (weights / weights.sum()).astype(np.float32)))
    return tuple(triangles)
