"""(7FE0,0010) Pixel Data to bit patterns, for every transfer syntax of a radiograph (PS3.5 8 and annex A).

What a codestream declares is compared with the header before a decoder sees it, and a codestream
that does not end as it should is refused: decoders would fill the missing part with grey.
"""

import itertools
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Integer, UInt16
from chexnet.radiograph.dicom.codestreams import Codestream, jpeg_2000_codestream, jpeg_codestream
from chexnet.radiograph.dicom.decoders import decode_jpeg, decode_jpeg_2000, decode_jpeg_ls
from chexnet.radiograph.errors import Unfit

IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
RLE = "1.2.840.10008.1.2.5"
_JPEG = "1.2.840.10008.1.2.4."

SEQUENCE_DELIMITER = b"\xfe\xff\xdd\xe0\0\0\0\0"
"""(FFFE,E0DD) ends the fragments of compressed pixels (PS3.5 A.4)."""

NATIVE = frozenset({IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, DEFLATED, BIG_ENDIAN})


@dataclass(frozen=True)
class PixelHeader:
    """The Image Pixel module of one frame (PS3.3 C.7.6.3)."""

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    samples: int = 1
    by_plane: bool = False
    """(0028,0006) Planar Configuration of uncompressed colour: all of red first, then green, then blue."""

    @property
    def cell_bytes(self) -> int:
        """Bytes of one pixel cell."""
        return self.bits_allocated // 8

    @property
    def frame_bytes(self) -> int:
        """Bytes of the uncompressed frame."""
        return self.rows * self.columns * self.samples * self.cell_bytes

    @property
    def shape(self) -> tuple[int, ...]:
        """Rows and columns of the cells, and of colour the samples."""
        size = (self.rows, self.columns)
        return size if self.samples == 1 else (*size, self.samples)


@dataclass(frozen=True)
class _Coding:
    """How a transfer syntax compresses: who reads the codestream's header, and who decodes it."""

    describe: Callable[[bytes], Codestream]
    decode: Callable[[Codestream], Integer[np.ndarray, "rows columns *samples"]]
    lossy: bool = False


_CODINGS = {
    _JPEG + "50": _Coding(jpeg_codestream, decode_jpeg, lossy=True),
    _JPEG + "51": _Coding(jpeg_codestream, decode_jpeg, lossy=True),
    _JPEG + "57": _Coding(jpeg_codestream, decode_jpeg),
    _JPEG + "70": _Coding(jpeg_codestream, decode_jpeg),
    _JPEG + "80": _Coding(jpeg_codestream, decode_jpeg_ls),
    _JPEG + "81": _Coding(jpeg_codestream, decode_jpeg_ls, lossy=True),
    _JPEG + "90": _Coding(jpeg_2000_codestream, decode_jpeg_2000),
    _JPEG + "91": _Coding(jpeg_2000_codestream, decode_jpeg_2000, lossy=True),
    _JPEG + "201": _Coding(jpeg_2000_codestream, decode_jpeg_2000),
    _JPEG + "202": _Coding(jpeg_2000_codestream, decode_jpeg_2000),
    _JPEG + "203": _Coding(jpeg_2000_codestream, decode_jpeg_2000, lossy=True),
}
"""Transfer syntaxes that compress (PS3.5 A.4)."""

TRANSFER_SYNTAXES = NATIVE | {RLE} | _CODINGS.keys()


def native_patterns(
    pixel_data: bytes, header: PixelHeader, *, little_endian: bool, vr: str | None, notes: list[str]
) -> UInt16[np.ndarray, "rows columns *samples"]:
    """Uncompressed pixel cells as bit patterns (PS3.5 8.1.1, 8.2, annex D).

    Raises:
        Unfit: there are fewer bytes than the image needs, or as many as two images need.
    """
    expected = header.frame_bytes
    if len(pixel_data) < expected or len(pixel_data) >= 2 * expected:
        raise Unfit(f"{len(pixel_data)} bytes of Pixel Data; expected {expected}")
    if len(pixel_data) > expected + expected % 2:
        notes.append(f"{len(pixel_data) - expected} bytes after the image were ignored")
    if header.cell_bytes == 1 and not little_endian and vr != "OB":
        # Bytes come in pairs, as big-endian words with the first pixel in the low byte.
        pairs = np.frombuffer(pixel_data[: expected + expected % 2], ">u2")
        cells = pairs.astype("<u2").view(np.uint8)[:expected]
    else:
        order = "<" if little_endian else ">"
        cells = np.frombuffer(pixel_data, f"{order}u{header.cell_bytes}", expected // header.cell_bytes)
    if header.samples > 1 and header.by_plane:
        return _stored_bits(np.moveaxis(cells.reshape(header.samples, *header.shape[:2]), 0, -1), header)
    return _stored_bits(cells.reshape(header.shape), header)


def encapsulated_patterns(
    pixel_data: bytes, header: PixelHeader, transfer_syntax: str, notes: list[str]
) -> UInt16[np.ndarray, "rows columns *samples"]:
    """A compressed frame as bit patterns (PS3.5 A.4).

    Raises:
        Unfit: the frame is damaged, incomplete, or another image than the header describes.
    """
    frame = _frame(pixel_data, notes)
    if len(frame) > 2 * header.frame_bytes + 4096:
        raise Unfit(
            f"a compressed frame of {len(frame)} bytes; expected fewer than twice {header.frame_bytes}"
        )
    if transfer_syntax == RLE:
        return _stored_bits(_rle_cells(frame, header), header)
    coding = _CODINGS[transfer_syntax]
    codestream = coding.describe(frame)
    _check(codestream, header)
    cells = coding.decode(codestream)
    return _samples_to_patterns(cells, codestream, header, lossy=coding.lossy)


def _frame(pixel_data: bytes, notes: list[str]) -> bytes:
    """The fragments after the Basic Offset Table, joined (PS3.5 A.4)."""
    items = list(_items(pixel_data, notes))
    if len(items) < 2 or len(items[0]) > 4:
        raise Unfit(f"{max(len(items) - 1, 0)} fragments of Pixel Data; expected those of one frame")
    return b"".join(items[1:])


def _items(pixel_data: bytes, notes: list[str]) -> Iterator[bytes]:
    position = 0
    while position < len(pixel_data):
        tag = pixel_data[position : position + 4]
        if tag == SEQUENCE_DELIMITER[:4]:
            return
        if not any(pixel_data[position:]):
            # The codestream says whether it is whole.
            notes.append("zeros stand where the fragments of Pixel Data should be delimited")
            return
        if tag != b"\xfe\xff\x00\xe0":
            raise Unfit("damaged fragments of Pixel Data; expected items (FFFE,E000)")
        length = int.from_bytes(pixel_data[position + 4 : position + 8], "little")
        start, position = position + 8, position + 8 + length
        if position > len(pixel_data):
            raise Unfit("truncated fragments of Pixel Data; expected complete items")
        yield pixel_data[start:position]


def _check(codestream: Codestream, header: PixelHeader) -> None:
    found = (codestream.rows, codestream.columns, codestream.components)
    if found != (header.rows, header.columns, header.samples):
        raise Unfit(
            f"a codestream of {found[0]} rows, {found[1]} columns, {found[2]} components; "
            f"expected {header.rows}, {header.columns}, {header.samples} as in the header"
        )
    if not 2 <= codestream.precision <= 16:
        raise Unfit(f"a codestream of {codestream.precision} bits; expected 2 to 16")


def _samples_to_patterns(
    samples: Integer[np.ndarray, "rows columns *samples"],
    codestream: Codestream,
    header: PixelHeader,
    *,
    lossy: bool,
) -> UInt16[np.ndarray, "rows columns *samples"]:
    """Decoded samples as patterns of Bits Stored bits."""
    cells = samples.astype(np.uint16) & np.uint16(2**codestream.precision - 1)
    if codestream.precision > header.bits_stored and not lossy:
        return _stored_bits(cells, header)
    fewer = codestream.precision < header.bits_stored
    if codestream.precision == header.bits_stored or (fewer and not codestream.signed):
        return cells
    return _saturated(cells, codestream, header)


def _saturated(
    cells: UInt16[np.ndarray, "rows columns *samples"], codestream: Codestream, header: PixelHeader
) -> UInt16[np.ndarray, "rows columns *samples"]:
    """The same values in more or fewer bits.

    Overshoot of a lossy codec must saturate: dropping its high bits would turn white into black.
    """
    values = cells.astype(np.int32)
    if codestream.signed or header.signed:
        values = np.where(values >> (codestream.precision - 1), values - 2**codestream.precision, values)
    low = -(2 ** (header.bits_stored - 1)) if header.signed else 0
    values = np.clip(values, low, low + 2**header.bits_stored - 1)
    return (values & (2**header.bits_stored - 1)).astype(np.uint16)


def _stored_bits(
    cells: Integer[np.ndarray, "rows columns *samples"], header: PixelHeader
) -> UInt16[np.ndarray, "rows columns *samples"]:
    """Only the stored bits of each cell: the others may hold overlays or garbage (PS3.5 8.1.1)."""
    shift = header.high_bit + 1 - header.bits_stored
    lowered = cells >> shift if shift else cells
    return (lowered & (2**header.bits_stored - 1)).astype(np.uint16, copy=False)


def _rle_cells(frame: bytes, header: PixelHeader) -> Integer[np.ndarray, "rows columns *samples"]:
    """RLE Lossless: one byte plane for each segment, the most significant first (PS3.5 annex G)."""
    if len(frame) < 64:
        raise Unfit(f"an RLE frame of {len(frame)} bytes; expected a header of 64")
    count, *offsets = struct.unpack_from("<16I", frame)
    if count != header.cell_bytes * header.samples:
        raise Unfit(f"{count} RLE segments; expected {header.cell_bytes * header.samples}")
    bounds = [*offsets[:count], len(frame)]
    if bounds != sorted(bounds) or bounds[0] < 64:
        raise Unfit("damaged RLE segment offsets; expected them in order")
    size = header.rows * header.columns
    planes = [_unpack_bits(frame[a:b], size) for a, b in itertools.pairwise(bounds)]
    # Interleaved, the planes of a sample are its cells in big-endian order.
    interleaved = np.stack([np.frombuffer(plane, np.uint8) for plane in planes], axis=-1)
    return interleaved.view(f">u{header.cell_bytes}").reshape(header.shape)


def _unpack_bits(segment: bytes, size: int) -> bytes:
    """The bytes of one segment (PS3.5 G.3.2), decoded into exactly that many, however it was crafted."""
    from imagecodecs import packbits_decode

    # A segment has an even length; the byte that pads it is no control byte.
    for encoded in (segment, segment[:-1]) if segment[-1:] in (b"\0", b"\x80") else (segment,):
        try:
            decoded = bytes(packbits_decode(encoded, out=size))
        except RuntimeError:
            continue
        if len(decoded) == size:
            return decoded
    raise Unfit("a damaged RLE segment; expected one byte for each pixel")
