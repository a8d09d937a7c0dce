"""(7FE0,0010) Pixel Data to bit patterns, for every transfer syntax of a radiograph (PS3.5 8 and annex A).

What a codestream declares is compared with the header before a decoder sees it, and a codestream
that does not end as it should is refused: decoders would fill the missing part with grey.
"""

import itertools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64, Integer

from chexnet.radiograph.codestreams import Codestream, jpeg_2000_codestream, jpeg_codestream
from chexnet.radiograph.decoders import charls, gdcm_jpeg, openjpeg, pillow_jpeg
from chexnet.radiograph.errors import Unfit

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
_JPEG = "1.2.840.10008.1.2.4."

NATIVE = frozenset({IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, DEFLATED, BIG_ENDIAN})


@dataclass(frozen=True)
class PixelHeader:
    """The Image Pixel module of one grey frame (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @property
    def cell_bytes(self) -> int:
        """Bytes of one pixel cell."""
        return self.bits_allocated // 8

    @property
    def frame_bytes(self) -> int:
        """Bytes of the uncompressed frame."""
        return self.rows * self.columns * self.cell_bytes


Cells = Integer[np.ndarray, "rows columns"]
Decoder = Callable[[Codestream], Cells]


@dataclass(frozen=True)
class _Coding:
    """How a transfer syntax compresses: who reads its header, who decodes it (first to last)."""

    describe: Callable[[bytes], Codestream]
    decoders: tuple[Decoder, ...]
    lossy: bool = False


_CODINGS = {
    _JPEG + "50": _Coding(jpeg_codestream, (pillow_jpeg, gdcm_jpeg), lossy=True),
    _JPEG + "51": _Coding(jpeg_codestream, (pillow_jpeg, gdcm_jpeg), lossy=True),
    _JPEG + "57": _Coding(jpeg_codestream, (gdcm_jpeg,)),
    _JPEG + "70": _Coding(jpeg_codestream, (gdcm_jpeg,)),
    _JPEG + "80": _Coding(jpeg_codestream, (charls, gdcm_jpeg)),
    _JPEG + "81": _Coding(jpeg_codestream, (charls, gdcm_jpeg), lossy=True),
    _JPEG + "90": _Coding(jpeg_2000_codestream, (openjpeg,)),
    _JPEG + "91": _Coding(jpeg_2000_codestream, (openjpeg,), lossy=True),
    _JPEG + "201": _Coding(jpeg_2000_codestream, (openjpeg,)),
    _JPEG + "202": _Coding(jpeg_2000_codestream, (openjpeg,)),
    _JPEG + "203": _Coding(jpeg_2000_codestream, (openjpeg,), lossy=True),
}

TRANSFER_SYNTAXES = NATIVE | {RLE} | _CODINGS.keys()


def native_patterns(
    pixel_data: bytes, header: PixelHeader, *, little_endian: bool, vr: str | None, notes: list[str]
) -> Int64[np.ndarray, "rows columns"]:
    """Uncompressed pixel cells as bit patterns (PS3.5 8.1.1, 8.2, annex D).

    Raises:
        Unfit: there are fewer bytes than the picture needs, or as many as two pictures need.
    """
    expected = header.frame_bytes
    if len(pixel_data) < expected or len(pixel_data) >= 2 * expected:
        raise Unfit(f"{len(pixel_data)} bytes of Pixel Data; expected {expected}")
    if len(pixel_data) > expected + expected % 2:
        notes.append(f"{len(pixel_data) - expected} bytes after the picture were ignored")
    if header.cell_bytes == 1 and not little_endian and vr != "OB":
        # Bytes come in pairs, as big-endian words with the first pixel in the low byte.
        pairs = np.frombuffer(pixel_data[: expected + expected % 2], ">u2")
        cells = pairs.astype("<u2").view(np.uint8)[:expected]
    else:
        order = "<" if little_endian else ">"
        cells = np.frombuffer(pixel_data, f"{order}u{header.cell_bytes}", header.rows * header.columns)
    return _stored_bits(cells.reshape(header.rows, header.columns), header)


def encapsulated_patterns(
    pixel_data: bytes, header: PixelHeader, transfer_syntax: str
) -> Int64[np.ndarray, "rows columns"]:
    """A compressed frame as bit patterns (PS3.5 A.4).

    Raises:
        Unfit: the frame is damaged, incomplete, or another picture than the header describes.
    """
    frame = _frame(pixel_data)
    if len(frame) > 2 * header.frame_bytes + 4096:
        raise Unfit(f"a compressed frame of {len(frame)} bytes for a picture of {header.frame_bytes}")
    if transfer_syntax == RLE:
        return _stored_bits(_rle_cells(frame, header), header)
    coding = _CODINGS[transfer_syntax]
    codestream = coding.describe(frame)
    _check(codestream, header)
    cells = _decode(coding, codestream)
    return _samples_to_patterns(cells, codestream.precision, header, lossy=coding.lossy)


def _frame(pixel_data: bytes) -> bytes:
    """The fragments after the Basic Offset Table, joined (PS3.5 A.4)."""
    items = list(_items(pixel_data))
    if len(items) < 2 or len(items[0]) > 4:
        raise Unfit(f"{max(len(items) - 1, 0)} fragments of Pixel Data; expected those of one frame")
    return b"".join(items[1:])


def _items(pixel_data: bytes) -> Iterator[bytes]:
    position = 0
    while position < len(pixel_data):
        if pixel_data[position : position + 4] == b"\xfe\xff\xdd\xe0":
            return
        if pixel_data[position : position + 4] != b"\xfe\xff\x00\xe0":
            raise Unfit("damaged fragments of Pixel Data")
        length = int.from_bytes(pixel_data[position + 4 : position + 8], "little")
        start, position = position + 8, position + 8 + length
        if position > len(pixel_data):
            raise Unfit("truncated fragments of Pixel Data")
        yield pixel_data[start:position]


def _check(codestream: Codestream, header: PixelHeader) -> None:
    found = (codestream.rows, codestream.columns, codestream.components)
    if found != (header.rows, header.columns, 1):
        raise Unfit(
            f"a codestream of {found[0]} rows, {found[1]} columns, {found[2]} components; "
            f"expected {header.rows}, {header.columns}, 1 as in the header"
        )
    if not 2 <= codestream.precision <= 16:
        raise Unfit(f"a codestream of {codestream.precision} bits; expected 2 to 16")


def _decode(coding: _Coding, codestream: Codestream) -> Cells:
    """The samples, from the first decoder that can."""
    failures = []
    for decoder in coding.decoders:
        try:
            cells = decoder(codestream)
        except (ValueError, RuntimeError, OSError, SyntaxError) as error:
            failures.append(f"{decoder.__name__}: {error}")
            continue
        if cells.shape == (codestream.rows, codestream.columns):
            return cells
        failures.append(f"{decoder.__name__}: {cells.shape[0]} rows")
    raise Unfit(f"damaged compressed Pixel Data ({'; '.join(failures)})")


def _samples_to_patterns(
    cells: Cells, precision: int, header: PixelHeader, *, lossy: bool
) -> Int64[np.ndarray, "rows columns"]:
    """Decoded samples of `precision` bits as patterns of Bits Stored bits."""
    patterns = cells.astype(np.int64) & (2**precision - 1)
    if header.signed or precision > header.bits_stored:
        if not lossy and precision > header.bits_stored:
            return _stored_bits(patterns, header)
        if header.signed:
            patterns -= (patterns >> (precision - 1)) << precision
        half = 2 ** (header.bits_stored - 1)
        low, high = (-half, half - 1) if header.signed else (0, 2 * half - 1)
        # Overshoot of a lossy codec must saturate; dropping its high bits would turn white to black.
        patterns = np.clip(patterns, low, high) & (2**header.bits_stored - 1)
    return np.asarray(patterns)


def _stored_bits(
    cells: Integer[np.ndarray, "rows columns"], header: PixelHeader
) -> Int64[np.ndarray, "rows columns"]:
    """Only the stored bits of each cell: the others may hold overlays or garbage (PS3.5 8.1.1)."""
    shift = header.high_bit + 1 - header.bits_stored
    return np.asarray((cells.astype(np.int64) >> shift) & (2**header.bits_stored - 1))


def _rle_cells(frame: bytes, header: PixelHeader) -> Integer[np.ndarray, "rows columns"]:
    """RLE Lossless: one byte plane for each segment, the most significant first (PS3.5 annex G)."""
    if len(frame) < 64:
        raise Unfit("an RLE frame without its header of 64 bytes")
    count, *offsets = struct.unpack_from("<16I", frame)
    if count != header.cell_bytes:
        raise Unfit(f"{count} RLE segments; expected {header.cell_bytes}")
    bounds = [*offsets[:count], len(frame)]
    if bounds != sorted(bounds) or bounds[0] < 64:
        raise Unfit("damaged RLE segment offsets")
    size = header.rows * header.columns
    planes = [_unpack_bits(frame[a:b], size) for a, b in itertools.pairwise(bounds)]
    cells = np.zeros(size, np.int64)
    for plane in planes:
        cells = (cells << 8) | np.frombuffer(plane, np.uint8)
    return cells.reshape(header.rows, header.columns)


def _unpack_bits(segment: bytes, size: int) -> bytes:
    """The bytes of one segment (PS3.5 G.3.2); never more than `size`, however it was crafted."""
    decoded = bytearray()
    position = 0
    while len(decoded) < size:
        if position + 1 >= len(segment):
            raise Unfit("a truncated RLE segment")
        control = segment[position]
        if control < 128:
            literal = segment[position + 1 : position + 2 + control]
            if len(literal) != control + 1:
                raise Unfit("a truncated RLE segment")
            decoded += literal
            position += 2 + control
        elif control > 128:
            decoded += segment[position + 1 : position + 2] * (257 - control)
            position += 2
        else:
            position += 1
    if len(decoded) != size:
        raise Unfit("an RLE segment that is longer than the picture")
    return bytes(decoded)
