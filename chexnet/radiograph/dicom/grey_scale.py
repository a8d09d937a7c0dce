"""From stored values to grey: modality transformation, padding, VOI, polarity (PS3.3 C.11, PS3.4 N.2).

Samples have at most 16 bits, so the grey of every possible stored value is computed once, in double
precision, and the picture is one look-up in that table.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chexnet.arrays import Bool, Float32, Float64, Int64, Shaped, UInt16

Values = Float64[np.ndarray, " values"]

SMALLEST, LARGEST = 1e-6, 1e9
"""Decimal strings can say 1E-300. Windows and slopes beyond these would overflow, and mean nothing."""


@dataclass(frozen=True)
class LookupTable:
    """A Modality LUT or VOI LUT (PS3.3 C.11.1.1, C.11.2.1.1).

    Attributes:
        first_mapped: the input that selects the first entry; lower inputs select it as well.
        entries: the outputs; inputs beyond the last select the last.
        bits: for each entry, as declared.
    """

    first_mapped: int
    entries: Int64[np.ndarray, " entries"]
    bits: int

    def __call__(self, values: Values) -> Values:
        """The entry that each value selects."""
        index = np.clip(np.rint(values) - self.first_mapped, 0, len(self.entries) - 1)
        return np.asarray(self.entries[index.astype(np.int64)], np.float64)

    def shown(self, values: Values) -> Values:
        """The entry that each value selects, scaled by its bits to 0 … 1."""
        # Some tables hold more than they declare; their largest entry is white, not overflow.
        bits = max(self.bits, int(self.entries.max()).bit_length())
        return np.asarray(self(values) / (2**bits - 1))


@dataclass(frozen=True)
class Window:
    """Window Center and Window Width with their VOI LUT Function (PS3.3 C.11.2.1.2, C.11.2.1.3).

    Raises:
        ValueError: centre or width is no number of a sane size, or the width is smaller than the
            function allows.
    """

    center: float
    width: float
    function: Literal["LINEAR", "LINEAR_EXACT", "SIGMOID"] = "LINEAR"

    def __post_init__(self) -> None:
        least = 1 if self.function == "LINEAR" else SMALLEST
        # NaN fails every comparison.
        if not (abs(self.center) <= LARGEST and least <= self.width <= LARGEST):
            raise ValueError(
                f"window center {self.center:g}, width {self.width:g}; expected a width of at least {least:g}"
            )

    def shown(self, values: Values) -> Values:
        """0 below the window, 1 above, and in between what the function says."""
        if self.function == "SIGMOID":
            # C.11.2.1.3.1. A logistic beyond ±700 overflows, and is 0 or 1 in any case.
            return 1 / (1 + np.exp(np.clip(-4 * (values - self.center) / self.width, -700, 700)))
        if self.function == "LINEAR_EXACT":
            return np.clip((values - self.center) / self.width + 0.5, 0, 1)  # C.11.2.1.3.2
        return self._linear(values)

    def _linear(self, values: Values) -> Values:
        """C.11.2.1.2.1, in which the first and last of `width` integers are black and white."""
        if self.width == 1:
            return (values > self.center - 0.5).astype(np.float64)
        return np.clip((values - (self.center - 0.5)) / (self.width - 1) + 0.5, 0, 1)


@dataclass(frozen=True)
class GreyScale:
    """What the file says about the meaning of its stored values.

    Attributes:
        bits_stored: (0028,0101), at most 16.
        signed: (0028,0103) Pixel Representation is 1.
        modality_lut: (0028,3000), or None.
        slope, intercept: (0028,1053) and (0028,1052), used where there is no Modality LUT.
        padding: lowest and highest value that is no picture, (0028,0120) and (0028,0121), or None.
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


def grey_of(
    patterns: UInt16[np.ndarray, "height width"], scale: GreyScale, window: int, notes: list[str]
) -> Float32[np.ndarray, "height width"]:
    """The picture, 0 = black to 1 = white, from its bit patterns.

    Args:
        patterns: (7FE0,0010) as unsigned numbers of `bits_stored` bits.
        scale: their meaning.
        window: which of `scale.voi` to apply.
        notes: what had to be assumed is appended here.
    """
    counts = np.zeros(2**scale.bits_stored, np.int64)
    for rows in _blocks(patterns):
        counts += np.bincount(patterns[rows].ravel(), minlength=len(counts))
    table = grey_table(scale, counts > 0, window, notes)
    picture = np.empty(patterns.shape, np.float32)
    for rows in _blocks(patterns):
        # No pattern lies outside of the table; with "clip", NumPy need not look twice.
        np.take(table, patterns[rows], out=picture[rows], mode="clip")
    return picture


def _blocks(picture: Shaped[np.ndarray, "height width"]) -> Iterator[slice]:
    """Slices of a few rows each: NumPy widens every index to eight bytes, which must stay in the cache."""
    step = max(1, 2**16 // picture.shape[1])
    for start in range(0, len(picture), step):
        yield slice(start, start + step)


def grey_table(
    scale: GreyScale, present: Bool[np.ndarray, " values"], window: int, notes: list[str]
) -> Float32[np.ndarray, " values"]:
    """The grey of each bit pattern; `present` are those that occur in the picture."""
    values = scale.modality_values()
    padding = _padding(scale)
    shown = _shown(scale, values, present & ~padding, window, notes)
    if scale.inverted:
        # MONOCHROME1 stores bone dark; flip so that training and serving agree.
        shown = 1 - shown
    # Whatever the polarity, what lies outside of the picture must not look like bone.
    shown[padding] = 0
    return shown.astype(np.float32)


def _padding(scale: GreyScale) -> Bool[np.ndarray, " values"]:
    """Which values are Pixel Padding (PS3.3 C.7.5.1.1.2), before the modality transformation."""
    stored = scale.stored_values()
    if scale.padding is None:
        return np.zeros(len(stored), bool)
    return (stored >= min(scale.padding)) & (stored <= max(scale.padding))


def _shown(
    scale: GreyScale, values: Values, present: Bool[np.ndarray, " values"], window: int, notes: list[str]
) -> Values:
    if scale.voi:
        shown = scale.voi[window].shown(values)
        if _differ(shown[present]) or not _differ(values[present]):
            return shown
        notes.append("the window shows every pixel alike; it was ignored")
    return _full_range(scale, values, present, notes)


def _differ(values: Values) -> bool:
    return bool(values.size) and bool(values.min() < values.max())


def _full_range(
    scale: GreyScale, values: Values, present: Bool[np.ndarray, " values"], notes: list[str]
) -> Values:
    """Without a window: all that 8 bits can hold, as in a PNG; of deeper pictures, what they do hold."""
    if scale.bits_stored <= 8 and scale.modality_lut is None:
        present = np.ones_like(present)
    if not _differ(values[present]):
        notes.append("no window, and all pixels are alike; shown as mid-grey")
        return np.full(len(values), 0.5)
    low, high = values[present].min(), values[present].max()
    notes.append(f"no window; values from {low:g} to {high:g} were shown")
    return np.asarray(np.clip((values - low) / (high - low), 0, 1))
