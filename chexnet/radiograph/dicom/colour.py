"""Colour copies of radiographs to grey: luma (PS3.3 C.7.6.3.1.2, C.7.6.3.1.5).

Captures of a screen, exports and scans often hold a grey radiograph in colour. Where red, green and blue
agree, its luma is exactly that grey.
"""

import numpy as np

from chexnet.arrays import Float64, UInt16
from chexnet.radiograph.dicom.elements import Elements, label
from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.png import LUMA

GREY = ("MONOCHROME1", "MONOCHROME2")
_PALETTE = "PALETTE COLOR"
_LUMA_FIRST = ("YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_422", "YBR_PARTIAL_420")
_RED_GREEN_BLUE = ("RGB", "YBR_RCT", "YBR_ICT")
"""The decoder of JPEG 2000 turns YBR_RCT and YBR_ICT back into red, green and blue."""

_COLOURS = (*_LUMA_FIRST, *_RED_GREEN_BLUE)


def samples_per_pixel(elements: Elements, notes: list[str]) -> int:
    """1 for grey and palettes, 3 for colour, as (0028,0004) Photometric Interpretation says.

    Raises:
        Unfit: it names no kind of image that is read, or contradicts (0028,0002) Samples per Pixel.
    """
    photometric = elements.string("PhotometricInterpretation") or ""
    if photometric not in (*GREY, _PALETTE, *_COLOURS):
        raise Unfit(
            f'{label("PhotometricInterpretation")} is "{photometric}"; '
            'expected "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB" or "YBR_FULL"'
        )
    expected = 3 if photometric in _COLOURS else 1
    samples = elements.integer("SamplesPerPixel")
    if samples not in (None, expected):
        raise Unfit(f"{label('SamplesPerPixel')} is {samples}; expected {expected} for {photometric}")
    if photometric not in GREY:
        notes.append(f"{label('PhotometricInterpretation')} is {photometric}; its luma was taken")
    return expected


def luma(
    patterns: UInt16[np.ndarray, "rows columns *samples"], elements: Elements, bits_stored: int
) -> tuple[UInt16[np.ndarray, "rows columns"], int]:
    """The luma of colour, and how many bits it has.

    Raises:
        Unfit: the palette is damaged, or an index lies beyond it.
    """
    photometric = elements.string("PhotometricInterpretation")
    if photometric == _PALETTE:
        return _of_palette(patterns, elements)
    if patterns.ndim == 2:  # the decoder of 8-bit JPEG gives luma itself
        return patterns, bits_stored
    if photometric in _LUMA_FIRST:
        return np.ascontiguousarray(patterns[..., 0]), bits_stored
    return _rounded(patterns @ LUMA), bits_stored


def _rounded(values: Float64[np.ndarray, "*shape"]) -> UInt16[np.ndarray, "*shape"]:
    return np.rint(values).astype(np.uint16)


def _of_palette(
    indices: UInt16[np.ndarray, "rows columns"], elements: Elements
) -> tuple[UInt16[np.ndarray, "rows columns"], int]:
    """Palette Color Lookup Tables: (0028,1101) to (0028,1103), and their data (0028,1201) to (0028,1203)."""
    tables, bits = [], 0
    for colour in ("Red", "Green", "Blue"):
        descriptor = elements.words(f"{colour}PaletteColorLookupTableDescriptor")
        if len(descriptor) != 3:
            raise Unfit(f"no descriptor of the {colour.lower()} palette; expected three numbers")
        count, first, bits = int(descriptor[0]) or 65536, int(descriptor[1]), int(descriptor[2])
        tables.append(_entries(elements, colour, count, bits))
    if len({len(table) for table in tables}) != 1 or bits not in (8, 16):
        raise Unfit("palettes of different lengths, or of other than 8 or 16 bits; expected three alike")
    greys = _rounded(np.stack(tables, axis=-1) @ LUMA)
    # An index beyond either end selects the entry at that end (C.7.6.3.1.5).
    places = np.clip(indices.astype(np.int64) - first, 0, len(greys) - 1)
    return greys[places], bits


def _entries(elements: Elements, colour: str, count: int, bits: int) -> Float64[np.ndarray, " entries"]:
    encoded = elements.encoded(f"{colour}PaletteColorLookupTableData") or b""
    if bits == 8 and len(encoded) in (count, count + count % 2):
        return np.frombuffer(encoded[:count], np.uint8).astype(np.float64)
    words = elements.words(f"{colour}PaletteColorLookupTableData")
    if len(words) != count:
        raise Unfit(f"{len(words)} entries of the {colour.lower()} palette; expected {count}")
    return words.astype(np.float64)
