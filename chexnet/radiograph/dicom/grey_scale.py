"""From stored values to grey: modality transformation, padding, VOI, polarity (PS3.3 C.11, PS3.4 N.2).

MONOCHROME1, in which the lowest value is white, is inverted here. Samples have at most 16 bits, so the
grey of every possible stored value is computed once, in double precision, and the image is one look-up
in that table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from chexnet.arrays import Bool, Float32, Int64, Shaped, UInt16
from chexnet.radiograph.dicom.elements import Elements, label
from chexnet.radiograph.dicom.pixel_data import PixelHeader
from chexnet.radiograph.dicom.transformations import LARGEST, SMALLEST, LookupTable, Values, Window
from chexnet.radiograph.errors import Unfit


@dataclass(frozen=True)
class GreyScale:
    """What the file says about the meaning of its stored values.

    Attributes:
        bits_stored: (0028,0101), at most 16.
        signed: (0028,0103) Pixel Representation is 1.
        modality_lut: (0028,3000), or None.
        slope, intercept: (0028,1053) and (0028,1052), used where there is no Modality LUT.
        padding: lowest and highest value of padding, (0028,0120) and (0028,0121), or None.
        voi: the file's VOI LUTs and windows, in that order.
        inverted: the lowest value is white, as in MONOCHROME1.
    """

    bits_stored: int
    signed: bool
    modality_lut: LookupTable | None = None
    slope: float = 1.0
    intercept: float = 0.0
    padding: tuple[int, int] | None = None
    voi: tuple[LookupTable | Window, ...] = ()
    inverted: bool = False

    @classmethod
    def of_luma(cls, bits: int) -> "GreyScale":
        """Luma of so many bits: 0 is black, and the largest number is white, as in a PNG."""
        return cls(bits_stored=bits, signed=False, voi=(Window(2.0 ** (bits - 1), 2.0**bits),))

    def stored_values(self) -> Values:
        """The value of each possible bit pattern (PS3.5 8.1.1)."""
        patterns = np.arange(2**self.bits_stored, dtype=np.float64)
        if self.signed:
            patterns[len(patterns) // 2 :] -= len(patterns)
        return patterns

    def modality_values(self) -> Values:
        """The output of the modality transformation for each bit pattern (PS3.3 C.11.1)."""
        if self.modality_lut is not None:
            return self.modality_lut(self.stored_values())
        return self.stored_values() * self.slope + self.intercept


def grey_scale(elements: Elements, header: PixelHeader, notes: list[str]) -> GreyScale:
    """What the file says about its stored values.

    Raises:
        Unfit: a Modality LUT is damaged.
    """
    slope, intercept = _rescale(elements, notes)
    modality_lut = _modality_lut(elements, header, notes)
    scale = GreyScale(
        bits_stored=header.bits_stored,
        signed=header.signed,
        modality_lut=modality_lut,
        slope=slope,
        intercept=intercept,
        padding=_padding(elements, header),
        inverted=_inverted(elements, notes),
    )
    signed_input = bool(scale.modality_values().min() < 0)
    voi: tuple[LookupTable | Window, ...] = (
        *_voi_luts(elements, signed_input, notes),
        *_windows(elements, notes),
    )
    if len(voi) > 1:
        notes.append(f"{len(voi)} VOI transformations; the one asked for was applied, by default the first")
    return replace(scale, voi=voi)


def _rescale(elements: Elements, notes: list[str]) -> tuple[float, float]:
    """(0028,1053) and (0028,1052), PS3.3 C.11.1."""
    slope = next(iter(elements.numbers("RescaleSlope")), 1.0)
    intercept = next(iter(elements.numbers("RescaleIntercept")), 0.0)
    if not (SMALLEST <= abs(slope) <= LARGEST and abs(intercept) <= LARGEST):
        notes.append(f"rescale slope {slope:g}, intercept {intercept:g} ignored")
        return 1.0, 0.0
    return slope, intercept


def _modality_lut(elements: Elements, header: PixelHeader, notes: list[str]) -> LookupTable | None:
    """(0028,3000) Modality LUT Sequence, which excludes Rescale Slope (PS3.3 C.11.1)."""
    items = elements.items("ModalityLUTSequence")
    if items and _is_empty(items[0]):
        notes.append(f"{label('ModalityLUTSequence')} has an empty item; it was ignored")
        items = []
    return _lookup_table(items[0], header.signed) if items else None


def _is_empty(item: Elements) -> bool:
    return item.encoded("LUTDescriptor") is None and item.encoded("LUTData") is None


def _lookup_table(item: Elements, signed_input: bool) -> LookupTable:
    """(0028,3002) LUT Descriptor and (0028,3006) LUT Data (PS3.3 C.11.1.1.1, C.11.2.1.1)."""
    descriptor = item.words("LUTDescriptor")
    if len(descriptor) != 3:
        raise Unfit(f"{label('LUTDescriptor')} has {len(descriptor)} values; expected 3")
    count, first, bits = int(descriptor[0]) or 65536, int(descriptor[1]), int(descriptor[2])
    if (signed_input or item.vr("LUTDescriptor") == "SS") and first >= 32768:
        first -= 65536
    encoded = item.encoded("LUTData") or b""
    if len(encoded) in (count, count + count % 2) and bits <= 8:
        entries = np.frombuffer(encoded[:count], np.uint8).astype(np.int64)
    else:
        entries = item.words("LUTData")
    if len(entries) != count or not 1 <= bits <= 16:
        raise Unfit(
            f"{label('LUTData')} has {len(entries)} entries of {bits} bits; expected {count} of 8 to 16"
        )
    return LookupTable(first, entries, bits)


def _voi_luts(elements: Elements, signed_input: bool, notes: list[str]) -> list[LookupTable]:
    """(0028,3010) VOI LUT Sequence. Without one that is damaged, the image is still shown."""
    luts = []
    try:
        for item in elements.items("VOILUTSequence"):
            luts.append(_lookup_table(item, signed_input))
    except Unfit as error:
        notes.append(f"a VOI LUT was ignored: {error}")
    return luts


def _windows(elements: Elements, notes: list[str]) -> list[Window]:
    """(0028,1050) Window Center, (0028,1051) Window Width and (0028,1056) VOI LUT Function."""
    centers, widths = elements.numbers("WindowCenter"), elements.numbers("WindowWidth")
    if len(centers) != len(widths):
        notes.append(f"{len(centers)} window centers and {len(widths)} widths; the pairs were taken")
    function = elements.string("VOILUTFunction") or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes.append(f'{label("VOILUTFunction")} is "{function}"; LINEAR was assumed')
        function = "LINEAR"
    windows = []
    for center, width in zip(centers, widths, strict=False):
        try:
            windows.append(Window(center, width, function))  # type: ignore[arg-type]
        except ValueError as error:
            notes.append(f"a window was ignored: {error}")
    return windows


def _padding(elements: Elements, header: PixelHeader) -> tuple[int, int] | None:
    """(0028,0120) Pixel Padding Value to (0028,0121) Pixel Padding Range Limit (PS3.3 C.7.5.1.1.2)."""
    value = elements.integer("PixelPaddingValue", signed=header.signed)
    limit = elements.integer("PixelPaddingRangeLimit", signed=header.signed)
    if value is None:
        return None
    return value, value if limit is None else limit


def _inverted(elements: Elements, notes: list[str]) -> bool:
    """Whether the lowest value is white: (0028,0004) Photometric Interpretation (PS3.3 C.7.6.3.1.2).

    (2050,0020) Presentation LUT Shape must say the same again (C.8.11.3). Where it does not, it is
    the shape that is wrong in the files known, and that most viewers ignore.
    """
    monochrome1 = elements.string("PhotometricInterpretation") == "MONOCHROME1"
    shape = elements.string("PresentationLUTShape")
    if shape == ("IDENTITY" if monochrome1 else "INVERSE"):
        notes.append(f"{label('PresentationLUTShape')} {shape} contradicts the Photometric Interpretation")
    return monochrome1


def grey_of(
    patterns: UInt16[np.ndarray, "height width"], scale: GreyScale, window: int, notes: list[str]
) -> Float32[np.ndarray, "height width"]:
    """The image, 0 = black to 1 = white, from its bit patterns.

    Args:
        patterns: (7FE0,0010) as unsigned numbers of `bits_stored` bits.
        scale: their meaning.
        window: which of `scale.voi` to apply.
        notes: what had to be assumed is appended here.
    """
    counts = np.zeros(2**scale.bits_stored, np.int64)
    for rows in _blocks(patterns):
        counts += np.bincount(patterns[rows].ravel(), minlength=len(counts))
    table = grey_table(scale, counts, window, notes)
    image = np.empty(patterns.shape, np.float32)
    for rows in _blocks(patterns):
        # No pattern lies outside of the table; with "clip", NumPy need not look twice.
        np.take(table, patterns[rows], out=image[rows], mode="clip")
    return image


def _blocks(image: Shaped[np.ndarray, "height width"]) -> Iterator[slice]:
    """Slices of a few rows each: NumPy widens every index to eight bytes, which must stay in the cache."""
    step = max(1, 2**16 // image.shape[1])
    for start in range(0, len(image), step):
        yield slice(start, start + step)


def grey_table(
    scale: GreyScale, counts: Int64[np.ndarray, " values"], window: int, notes: list[str]
) -> Float32[np.ndarray, " values"]:
    """The grey of each bit pattern; `counts` says how many pixels of the image have it."""
    values = scale.modality_values()
    padding = _is_padding(scale)
    shown = _shown(scale, values, np.where(padding, 0, counts), window, notes)
    if scale.inverted:
        # MONOCHROME1 stores bone dark; flip so that training and serving agree.
        shown = 1 - shown
    # Whatever the polarity, what lies outside of the image must not look like bone.
    shown[padding] = 0
    return shown.astype(np.float32)


def _is_padding(scale: GreyScale) -> Bool[np.ndarray, " values"]:
    """Which values are Pixel Padding (PS3.3 C.7.5.1.1.2), before the modality transformation."""
    stored = scale.stored_values()
    if scale.padding is None:
        return np.zeros(len(stored), bool)
    return (stored >= min(scale.padding)) & (stored <= max(scale.padding))


_LEAST_SHOWN = 0.02
"""Grey range of the middle 98 % of the pixels, below which a VOI transformation shows them alike."""


def _shown(
    scale: GreyScale, values: Values, counts: Int64[np.ndarray, " values"], window: int, notes: list[str]
) -> Values:
    """Through the VOI transformation asked for, or the next one that shows something, or the full range."""
    alike = not _differ(values[counts > 0])
    for number in (*range(window, len(scale.voi)), *range(min(window, len(scale.voi)))):
        transformation = scale.voi[number]
        shown = transformation.shown(values)
        low, high = _quantiles(shown, counts, 0.01)
        if alike or high - low >= _LEAST_SHOWN:
            _note_bits(transformation, notes)
            return shown
        notes.append(f"VOI transformation {number} shows nearly every pixel alike; it was ignored")
    return _full_range(scale, values, counts, notes)


def _note_bits(transformation: LookupTable | Window, notes: list[str]) -> None:
    if isinstance(transformation, LookupTable) and transformation.bits != transformation.bits_in_use:
        notes.append(
            f"the VOI LUT declares {transformation.bits} bits and holds {transformation.bits_in_use}; "
            "what it holds was used"
        )


def _differ(values: Values) -> bool:
    return bool(values.size) and bool(values.min() < values.max())


def _quantiles(values: Values, counts: Int64[np.ndarray, " values"], tail: float) -> tuple[float, float]:
    """The values below and above which lies this share of the pixels; 0 and 0 without any pixel."""
    order = np.argsort(values, kind="stable")
    below = np.cumsum(counts[order])
    if not below[-1]:
        return 0.0, 0.0
    low, high = np.searchsorted(below, [tail * below[-1], (1 - tail) * below[-1]], side="left")
    # Where no pixel is left of the first place, that place itself may not occur in the image.
    present = np.flatnonzero(counts[order])
    low, high = max(low, present[0]), min(high, present[-1])
    return float(values[order[low]]), float(values[order[high]])


_TAIL = 0.001
"""Share of the pixels at each end that may be defects, markers or letters."""

_MARGIN = 0.1
"""How far beyond the other pixels' range those may lie and still decide, as a share of that range."""


def _full_range(
    scale: GreyScale, values: Values, counts: Int64[np.ndarray, " values"], notes: list[str]
) -> Values:
    """Without a window: all that 8 bits can hold, as in a PNG; of deeper images, what they do hold."""
    present = counts > 0
    if scale.bits_stored <= 8 and scale.modality_lut is None:
        present, counts = np.ones_like(present), np.ones_like(counts)
    if not _differ(values[present]):
        notes.append("no window, and all pixels are alike; shown as mid-grey")
        return np.full(len(values), 0.5)
    low, high = float(values[present].min()), float(values[present].max())
    inner_low, inner_high = _quantiles(values, counts, _TAIL)
    if inner_low < inner_high:
        margin = _MARGIN * (inner_high - inner_low)
        low, high = max(low, inner_low - margin), min(high, inner_high + margin)
    notes.append(f"no window; values from {low:g} to {high:g} were shown")
    return np.asarray(np.clip((values - low) / (high - low), 0, 1))
