"""Reading a radiograph of 2,048 x 2,500 pixels from every transfer syntax, beside pydicom's default pipeline.

Usage: python benchmarks/decoding.py [rounds]. Processor seconds of this process and of its children, the
variants in turns. "Read" is `read_radiograph`, with the grey scale and the search for borders; "decode" is
its step from the compressed frame to the stored values; pydicom's is ``dcmread(...).pixel_array``.
"""

import io
import resource
import statistics
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "radiograph"))

from image_files import data_set, dicom, encapsulated

from chexnet.radiograph import read_radiograph
from chexnet.radiograph.dicom import image

HEIGHT, WIDTH = 2048, 2500


def radiograph(bits: int) -> np.ndarray:
    """Smooth structures with the noise of a detector."""
    generator = np.random.default_rng(0)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    shade = 0.5 + 0.3 * np.sin(x / 260) * np.cos(y / 330) + 0.1 * x / WIDTH
    shade += generator.normal(0, 0.004, shade.shape)
    return np.rint(np.clip(shade, 0, 1) * (2**bits - 1)).astype(np.int64)


def files() -> dict[str, bytes]:
    """One file of each transfer syntax."""
    deep, eight = radiograph(12), radiograph(8)
    words = deep.astype(np.uint16)
    made = {
        syntax.name: dicom(deep, syntax)
        for syntax in (ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless)
    }
    made[JPEGBaseline8Bit.name] = dicom(eight, JPEGBaseline8Bit, bits_stored=8)
    for syntax, frame in (
        (JPEGExtended12Bit, imagecodecs.jpeg8_encode(words, level=95, bitspersample=12)),
        (JPEGLSLossless, imagecodecs.jpegls_encode(words, level=0)),
        (JPEG2000Lossless, imagecodecs.jpeg2k_encode(words, level=0, codecformat="J2K", bitspersample=12)),
        (HTJ2KLossless, imagecodecs.htj2k_encode(words)),
    ):
        made[syntax.name] = encapsulated(data_set(deep), syntax, bytes(frame))
    return made


def spent() -> float:
    """Processor seconds of this process and of those that it has waited for."""
    seconds = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(who)
        seconds += usage.ru_utime + usage.ru_stime
    return seconds


def measured(variant: Callable[[], object]) -> float | None:
    before = spent()
    try:
        variant()
    except Exception:
        return None
    return spent() - before


def stored_values(data: bytes) -> np.ndarray:
    """The same as pydicom's: from the file to its stored values, with all checks of damage."""
    elements, syntax = image._elements(data, [])
    header = image._pixel_header(elements, 1, [])
    return image._patterns(elements, header, syntax, [])


def pixel_array(data: bytes) -> np.ndarray:
    return dcmread(io.BytesIO(data)).pixel_array


def main(rounds: int = 5) -> None:
    warnings.simplefilter("ignore")
    print("| transfer syntax | read, ms | decode, ms | pydicom, ms | pydicom / decode |")
    print("|---|---|---|---|---|")
    for name, data in files().items():
        variants = (read_radiograph, stored_values, pixel_array)
        turns = [[measured(lambda v=v, d=data: v(d)) for v in variants] for _ in range(rounds + 1)][1:]
        read, decode, other = (
            None if None in times else statistics.median(times) * 1000 for times in zip(*turns, strict=True)
        )
        cells = ["cannot" if time is None else f"{time:.0f}" for time in (read, decode, other)]
        ratio = "" if other is None or decode is None else f"{other / decode:.2f}"
        print(f"| {name} | {' | '.join(cells)} | {ratio} |", flush=True)


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
