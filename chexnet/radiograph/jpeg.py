"""JPEG file to Radiograph (ITU-T T.81, JFIF, Exif 2.32).

The marker segments are walked here, so that a truncated file is an error and not half an image.
"""

import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chexnet.arrays import Float32, UInt8
from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.limits import size_problem
from chexnet.radiograph.radiograph import Radiograph

SOI, EOI, SOS = 0xD8, 0xD9, 0xDA
_APP0, _APP1, _APP14, _APP15, _COM = 0xE0, 0xE1, 0xEE, 0xEF, 0xFE
LS_FRAME = 0xF7
_FRAME_HEADERS = frozenset({*range(0xC0, 0xD0), LS_FRAME} - {0xC4, 0xC8, 0xCC})
_BASELINE, _EXTENDED, _PROGRESSIVE = 0xC0, 0xC1, 0xC2

_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")
"""In entropy-coded data FF00 is a byte FF and FFD0 to FFD7 are restarts (T.81 B.1.1.5)."""

_LS_MARKER = re.compile(rb"\xff+([\x80-\xcf\xd8-\xfe])")
"""In JPEG-LS a bit 0 is stuffed after each FF, so that FF00 to FF7F are data (T.87 C.2.1)."""

MAX_SCANS = 100
"""Real progressive files have about ten; thousands would keep the decoder busy for hours."""

_TRUNCATED = "a truncated or damaged JPEG; expected segments up to the end-of-image marker"

_ORIENTATION = 0x0112


@dataclass(frozen=True)
class FrameHeader:
    """What the start-of-frame segment declares (T.81 B.2.2)."""

    process: int
    precision: int
    width: int
    height: int
    components: int


@dataclass(frozen=True)
class Segment:
    """One marker segment (T.81 B.1.1.4)."""

    marker: int
    content: bytes
    encoded: bytes
    """The segment as it stands in the file, with the entropy-coded data that follows a scan header."""
    end: int
    """Where the next segment starts."""


def read_jpeg(data: bytes, name: str, notes: list[str]) -> Radiograph:
    """The JPEG as a radiograph: luma, turned upright as its Exif orientation says.

    Raises:
        Unfit: damaged, truncated, not 8-bit baseline, extended or progressive, or of an
            unreasonable size.
    """
    found = list(segments(data))
    header = frame_header(found)
    _check(header, found)
    pixels = _decode(found)
    orientation = _exif_orientation(found)
    if orientation != 1:
        notes.append(f"turned upright: Exif orientation {orientation}")
        pixels = np.ascontiguousarray(_upright(pixels, orientation))
    pixels.flags.writeable = False
    return Radiograph(pixels, name, "JPEG", notes=tuple(notes))


def segments(data: bytes) -> Iterator[Segment]:
    """The marker segments from SOI to EOI (T.81 B.1.1.4).

    Raises:
        Unfit: the data ends before EOI, a marker is missing, or there are too many scans.
    """
    if data[:2] != b"\xff\xd8":
        raise Unfit("no JPEG codestream; expected one that starts with its marker")
    position, in_scan, scans = 2, _MARKER, 0
    while True:
        found = _MARKER.match(data, position)
        if found is None:
            raise Unfit(_TRUNCATED)
        marker, start = found.group(1)[0], found.end()
        if marker == EOI:
            yield Segment(EOI, b"", b"\xff\xd9", start)
            return
        length = int.from_bytes(data[start : start + 2], "big")
        end = start + length
        if length < 2 or end > len(data):
            raise Unfit(_TRUNCATED)
        content = data[start + 2 : end]
        if marker == LS_FRAME:
            in_scan = _LS_MARKER
        if marker == SOS:
            scans += 1
            if scans > MAX_SCANS:
                raise Unfit(f"more than {MAX_SCANS} scans in the JPEG; expected 1 to {MAX_SCANS}")
            end = _scan_end(data, end, in_scan)
        yield Segment(marker, content, b"\xff" + bytes([marker]) + data[start:end], end)
        position = end


_FIRST_CHUNK, _LARGEST_CHUNK = 2**12, 2**20
"""Small at first: a crafted file has very many scans of a few bytes."""


def _scan_end(data: bytes, start: int, marker: re.Pattern[bytes]) -> int:
    """Where the next marker after entropy-coded data starts.

    Every 256th byte of such data is FF, which the pattern stops at. NumPy looks at those bytes together, and
    the pattern only where one may be a marker.
    """
    allowed = np.ones(256, bool)
    allowed[[byte for byte in range(256) if not marker.match(bytes([0xFF, byte]))]] = False
    size = _FIRST_CHUNK
    while start < len(data):
        chunk = np.frombuffer(data, np.uint8, min(size, len(data) - start), start)
        places = np.flatnonzero(chunk[:-1] == 0xFF)
        markers = places[allowed[chunk[places + 1]]]
        if len(markers):
            end = start + int(markers[0])
            while data[end - 1] == 0xFF:  # fill bytes belong to the marker (T.81 B.1.1.2)
                end -= 1
            return end
        if len(chunk) < 2:
            break
        start, size = start + len(chunk) - 1, min(4 * size, _LARGEST_CHUNK)
    raise Unfit(_TRUNCATED)


def frame_header(segments: list[Segment]) -> FrameHeader:
    """The one start-of-frame segment.

    Raises:
        Unfit: there is none, or it is too short.
    """
    headers = [s for s in segments if s.marker in _FRAME_HEADERS]
    if len(headers) != 1 or len(headers[0].content) < 6:
        raise Unfit(f"{len(headers)} frame headers in the JPEG; expected one")
    content = headers[0].content
    height, width = (int.from_bytes(content[i : i + 2], "big") for i in (1, 3))
    return FrameHeader(headers[0].marker, content[0], width, height, content[5])


def _check(header: FrameHeader, segments: list[Segment]) -> None:
    if header.process not in (_BASELINE, _EXTENDED, _PROGRESSIVE) or header.precision != 8:
        raise Unfit(
            f"JPEG process SOF{header.process - 0xC0} with {header.precision} bits; "
            "expected 8-bit baseline, extended or progressive",
        )
    if problem := size_problem(header.width, header.height):
        raise Unfit(problem)
    scans = [s.content for s in segments if s.marker == SOS]
    if not scans:
        raise Unfit(f"no scan in the JPEG; expected 1 to {MAX_SCANS}")
    if not _complete(scans, header.components):
        raise Unfit("a JPEG without all of its scans; expected every coefficient in full precision")


def _complete(scans: list[bytes], components: int) -> bool:
    """Whether the scans bring each coefficient of each component down to its last bit (T.81 B.2.3, G.1)."""
    missing_bits: dict[tuple[int, int], int] = {}
    for scan in scans:
        if len(scan) < 6:
            return False
        selectors, (first, last, approximation) = scan[1:-3:2], scan[-3:]
        for component, coefficient in itertools.product(selectors, range(first, last + 1)):
            missing_bits[component, coefficient] = approximation & 0x0F
    return len(missing_bits) == 64 * components and not any(missing_bits.values())


def _decode(segments: list[Segment]) -> Float32[np.ndarray, "height width"]:
    """Luma from 0 to 1. Of the application segments only those that define the colours are kept."""
    kept = [s.encoded for s in segments if s.marker in (_APP0, _APP14) or not _is_annotation(s.marker)]
    luma = decode_luma(b"\xff\xd8" + b"".join(kept))
    return np.asarray(np.divide(luma, np.float32(255), dtype=np.float32))


def decode_luma(encoded: bytes) -> UInt8[np.ndarray, "height width"]:
    """Luma of an 8-bit JPEG that ends with its end-of-image marker.

    Raises:
        Unfit: the image data are damaged, or end before the last block.
    """
    luma = _luma(encoded)
    # Where data run out before the marker, libjpeg silently fills in blocks of mid-grey. If the last
    # block is one, see whether bytes added at the end would be taken for image data.
    if (_last_block(luma) == 128).all() and not np.array_equal(luma, _luma(lengthened(encoded))):
        raise Unfit(_TRUNCATED)
    return luma


def _luma(encoded: bytes) -> UInt8[np.ndarray, "height width"]:
    from PIL.JpegImagePlugin import JpegImageFile

    try:
        image = JpegImageFile(io.BytesIO(encoded))
        if image.mode == "RGB":
            # The decoder hands out Y of YCbCr as it is stored: no rounding, a third of the time.
            image.draft("L", None)
        return np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:
        raise Unfit("damaged image data in the JPEG; expected a complete image") from error


def _last_block(luma: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "rows columns"]:
    """What the image shows of its last block of 8 × 8 samples."""
    height, width = luma.shape
    return luma[(height - 1) // 8 * 8 :, (width - 1) // 8 * 8 :]


def lengthened(encoded: bytes) -> bytes:
    """The JPEG with bytes before its end marker that no complete image needs, for any restart interval."""
    surplus = b"".join(b"\x55\xaa" * 8 + bytes([0xFF, 0xD0 + n]) for n in range(8))
    return encoded[:-2] + surplus + encoded[-2:]


def _is_annotation(marker: int) -> bool:
    return _APP0 <= marker <= _APP15 or marker == _COM


def _exif_orientation(segments: list[Segment]) -> int:
    """Orientation 1 to 8 of the first Exif segment; 1, upright, if there is none that can be read."""
    for segment in segments:
        if segment.marker == _APP1 and segment.content.startswith(b"Exif\x00\x00"):
            return _tiff_orientation(segment.content[6:])
    return 1


def _tiff_orientation(tiff: bytes) -> int:
    """Tag Orientation in the first image file directory (TIFF 6.0 section 2; Exif 4.6.4)."""
    order = {b"II": "little", b"MM": "big"}.get(tiff[:2])
    if order is None:
        return 1

    def number(start: int, length: int) -> int:
        return int.from_bytes(tiff[start : start + length], order)  # type: ignore[arg-type]

    directory = number(4, 4)
    for entry in range(directory + 2, min(directory + 2 + 12 * number(directory, 2), len(tiff)), 12):
        if number(entry, 2) == _ORIENTATION:
            value = number(entry + 8, 2)
            return value if 1 <= value <= 8 else 1
    return 1


def _upright(
    pixels: Float32[np.ndarray, "height width"], orientation: int
) -> Float32[np.ndarray, "upright_height upright_width"]:
    """Undo the orientation in which the camera stored the image (Exif 4.6.4 A, Orientation)."""
    if orientation >= 5:
        pixels = pixels.T
    # What the stored first row and first column show of the scene, for the eight values.
    upside_down = orientation in (3, 4, 7, 8)
    mirrored = orientation in (2, 3, 6, 7)
    return pixels[:: -1 if upside_down else 1, :: -1 if mirrored else 1]
