"""Which images show the same picture, although their files differ.

A fingerprint is 255 bits (a perceptual hash): the image is shrunk to 32×32, its 16×16 lowest frequencies
are taken (discrete cosine transform), all but the mean, and each bit says whether one exceeds their median.
Contrast and brightness do not change it; another size or JPEG changes a few bits.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chexnet._options import Progress
from chexnet.arrays import Bool, Integer
from chexnet.radiograph import Preprocessing, Radiograph, UnreadableImage, network_input, read_radiograph

BITS = 255

NEAR = 24
"""Bits that near-duplicates may differ in. Of the 883,785 pairs of 1,330 images of ChestX-ray14, all but one
differ in 50 or more, and that one in none: its pixels are the same. Fifty images stored again differ in at
most 6 (JPEG of quality 50), 2 (224 pixels wide), 4 (30 % less contrast), 26 (gamma of 1.5) and 32 (cropped by
2 of 256 pixels)."""

_SIDE, _FREQUENCIES = 32, 16
_PLAIN = Preprocessing(size=_SIDE, mean=(0.0, 0.0, 0.0), std=(1.0, 1.0, 1.0))
_COSINES = np.cos(np.pi * (2 * np.arange(_SIDE) + 1) * np.arange(_FREQUENCIES)[:, np.newaxis] / (2 * _SIDE))
_ROWS, _COLUMNS = 64, 4096
"""Of a block of pairs: small enough for a processor's cache."""


@dataclass(frozen=True)
class Fingerprints:
    """Of images by name, and the images that could not be read, with the reason."""

    names: tuple[str, ...]
    bits: Bool[np.ndarray, "images 255"]
    unreadable: Mapping[str, str]


@dataclass(frozen=True)
class Twins:
    """Two images that differ in few bits."""

    first: str
    second: str
    bits: int


def fingerprint(radiograph: Radiograph) -> Bool[np.ndarray, "255"]:
    """The 255 bits of an image; an image of one grey has none set."""
    shrunk = network_input(radiograph, _PLAIN)[0].astype(np.float64)
    frequencies = (_COSINES @ shrunk @ _COSINES.T).ravel()[1:]
    # Rounding noise of a flat image must not look like a picture.
    bits: Bool[np.ndarray, "255"] = frequencies > max(float(np.median(frequencies)), 1e-6)
    return bits


def fingerprint_files(
    files: Mapping[str, Path], *, workers: int = 0, progress: Progress | None = None
) -> Fingerprints:
    """Read images and take their fingerprints.

    Args:
        workers: processes that read; 0 reads in this one.
        progress: called with the number done and the number of all.
    """
    names, bits, unreadable = [], [], {}
    with ProcessPoolExecutor(workers) if workers else nullcontext() as pool:
        results: Iterator[Bool[np.ndarray, "255"] | str]
        results = pool.map(_read, files.values(), chunksize=16) if pool else map(_read, files.values())
        for done, (name, found) in enumerate(zip(files, results, strict=True), start=1):
            if isinstance(found, str):
                unreadable[name] = found
            else:
                names.append(name)
                bits.append(found)
            if progress:
                progress(done, len(files))
    return Fingerprints(tuple(names), np.array(bits, dtype=bool).reshape(-1, BITS), unreadable)


def find_twins(fingerprints: Fingerprints, near: int = NEAR) -> list[Twins]:
    """All pairs that differ in at most `near` bits, the nearest first.

    Every pair is looked at, in blocks: memory stays small, and the 6.3 thousand million pairs of ChestX-ray14
    would take about 20 s of one core (0.65 s measured for 20,000 fingerprints).
    """
    if not 0 <= near < BITS // 2:
        raise ValueError(f"near is {near} bits; expected 0 to {BITS // 2 - 1} of {BITS}")
    # The padding bit is the same everywhere, so no distance exceeds 255 and fits a byte.
    words = np.packbits(np.pad(fingerprints.bits, ((0, 0), (0, 1))), axis=1).view(np.uint64).T.copy()
    pairs = [
        Twins(fingerprints.names[one], fingerprints.names[other], bits)
        for one, other, bits in _near_pairs(words, near)
    ]
    return sorted(pairs, key=lambda pair: (pair.bits, pair.first, pair.second))


def _near_pairs(words: Integer[np.ndarray, "4 images"], near: int) -> Iterator[tuple[int, int, int]]:
    films = words.shape[1]
    for start in range(0, films, _ROWS):
        rows = words[:, start : start + _ROWS, np.newaxis]
        for from_ in range(start, films, _COLUMNS):
            columns = words[:, np.newaxis, from_ : from_ + _COLUMNS]
            bits = np.bitwise_count(rows[0] ^ columns[0])
            for row, column in zip(rows[1:], columns[1:], strict=True):
                bits += np.bitwise_count(row ^ column)
            if bits.min() > near:
                continue
            for row, column in np.argwhere(bits <= near).tolist():
                if start + row < from_ + column:
                    yield start + row, from_ + column, int(bits[row, column])


def _read(file: Path) -> Bool[np.ndarray, "255"] | str:
    try:
        return fingerprint(read_radiograph(file))
    except (UnreadableImage, OSError) as error:
        return str(error)
