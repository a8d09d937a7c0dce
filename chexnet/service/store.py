"""Results of this process, in memory, bounded in number, bytes and time. Nothing is written to disk."""

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from chexnet.arrays import Float32, UInt8, UInt16
from chexnet.classifier import Prediction
from chexnet.radiograph import Radiograph

Grey = UInt8[np.ndarray, "height width"] | UInt16[np.ndarray, "height width"]

_ROWS = 256
"""Rows at a time: temporary arrays as large as the image would cost more memory than the image."""


@dataclass(frozen=True, eq=False)
class StoredImage:
    """A radiograph that was read, its grey values as compact as they can be.

    Attributes:
        grey: 0 = black to the type's highest value = white, as read (air dark, bone bright).
        described: the radiograph's attributes; its own pixels are left out.
    """

    grey: Grey
    described: dict[str, object]

    @classmethod
    def of(cls, radiograph: Radiograph) -> "StoredImage":
        """Eight bits where they hold every grey value of the radiograph, else sixteen."""
        described = {name: value for name, value in vars(radiograph).items() if name != "pixels"}
        grey = _eight_bits(radiograph.pixels)
        return cls(_sixteen_bits(radiograph.pixels) if grey is None else grey, described)

    @property
    def bits(self) -> int:
        """Of a grey value: 8 or 16."""
        return self.grey.dtype.itemsize * 8

    def radiograph(self) -> Radiograph:
        """The radiograph again, its pixels as floats."""
        pixels = np.divide(self.grey, 2**self.bits - 1, dtype=np.float32)
        return Radiograph(pixels=pixels, **self.described)  # type: ignore[arg-type]


@dataclass(frozen=True, eq=False)
class Result:
    """A prediction, "ok" or "refused", with the image it was made from.

    Attributes:
        id: under which it is asked for.
        prediction: of the image.
        image: as it was read.
        sha256: of the file as it was sent.
        read_at: when, UTC.
    """

    id: str
    prediction: Prediction
    image: StoredImage
    sha256: str
    read_at: datetime

    @property
    def nbytes(self) -> int:
        """Memory that it holds, but for small change."""
        layers = (self.prediction.maps, self.prediction.evidence)
        return self.image.grey.nbytes + sum(layer.nbytes for layer in layers if layer is not None)


def _eight_bits(pixels: Float32[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"] | None:
    """Grey values as bytes; None where bytes cannot hold them."""
    grey: UInt8[np.ndarray, "height width"] = np.empty(pixels.shape, np.uint8)
    for start in range(0, len(pixels), _ROWS):
        exact = pixels[start : start + _ROWS] * np.float32(255)
        rounded = np.rint(exact)
        if np.abs(rounded - exact).max() >= 1e-3:
            return None
        grey[start : start + _ROWS] = rounded
    return grey


def _sixteen_bits(pixels: Float32[np.ndarray, "height width"]) -> UInt16[np.ndarray, "height width"]:
    grey: UInt16[np.ndarray, "height width"] = np.empty(pixels.shape, np.uint16)
    for start in range(0, len(pixels), _ROWS):
        grey[start : start + _ROWS] = np.rint(pixels[start : start + _ROWS] * np.float32(65535))
    return grey


def new_id() -> str:
    """128 random bits: an id cannot be guessed, so it is itself the right to see the result."""
    return secrets.token_urlsafe(16)


class ResultStore:
    """Results by id. The oldest go first where a bound is reached. Safe to share among threads.

    Args:
        most: results.
        most_bytes: of all results together; a larger single one is not kept at all.
        seconds: after which a result is forgotten.
        now: the clock.
    """

    def __init__(
        self, most: int, most_bytes: int, seconds: int, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._most, self._most_bytes, self._seconds, self._now = most, most_bytes, seconds, now
        self._results: OrderedDict[str, tuple[float, Result]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, result: Result) -> None:
        """Keep a result, and forget what is too old or too much."""
        with self._lock:
            self._results[result.id] = (self._now() + self._seconds, result)
            self._bytes += result.nbytes
            self._forget_expired()
            while len(self._results) > self._most or self._bytes > self._most_bytes:
                self._drop(next(iter(self._results)))

    def get(self, id: str) -> Result | None:
        """The result, or None where it is unknown or forgotten."""
        with self._lock:
            self._forget_expired()
            entry = self._results.get(id)
            return None if entry is None else entry[1]

    def find(self, *, sha256: str | None = None, sop_instance_uid: str | None = None) -> list[Result]:
        """The results of a file or of a DICOM instance, the latest first."""
        with self._lock:
            self._forget_expired()
            results = [result for _, result in self._results.values()]
        return [
            result
            for result in reversed(results)
            if sha256 in (None, result.sha256)
            and sop_instance_uid in (None, result.image.described.get("sop_instance_uid"))
        ]

    def remove(self, id: str) -> bool:
        """Forget a result now; whether it was there."""
        with self._lock:
            self._forget_expired()
            if id not in self._results:
                return False
            self._drop(id)
            return True

    def sweep(self) -> None:
        """Forget what has expired, also when nobody asks."""
        with self._lock:
            self._forget_expired()

    @property
    def nbytes(self) -> int:
        """Memory that the results hold."""
        return self._bytes

    def __len__(self) -> int:
        return len(self._results)

    def _forget_expired(self) -> None:
        # All live equally long, so the first to come is the first to expire.
        while self._results and next(iter(self._results.values()))[0] <= self._now():
            self._drop(next(iter(self._results)))

    def _drop(self, id: str) -> None:
        _, result = self._results.pop(id)
        self._bytes -= result.nbytes
