"""What a compressed frame declares of itself, and whether it is complete."""

from dataclasses import dataclass

from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.jpeg import frame_header, segments

BASELINE, EXTENDED, LOSSLESS, JPEG_LS = 0xC0, 0xC1, 0xC3, 0xF7
"""Processes, named by the marker of their frame header (T.81 table B.1, T.87 table C.1)."""

JPEG_2000 = 0x51
"""JPEG 2000 has one process; its image and tile size marker stands for it."""

_START_OF_CODESTREAM = b"\xff\x4f\xff\x51"
_COMMENT = b"\xff\x64"
_START_OF_TILE_PART, _END_OF_CODESTREAM = b"\xff\x90", b"\xff\xd9"


@dataclass(frozen=True)
class Codestream:
    """A JPEG, JPEG-LS or JPEG 2000 codestream that ends as it should."""

    encoded: bytes
    process: int
    rows: int
    columns: int
    components: int
    precision: int
    signed: bool = False
    """JPEG and JPEG-LS know no signs: their samples are bit patterns."""


def jpeg_codestream(frame: bytes) -> Codestream:
    """A JPEG (T.81) or JPEG-LS (T.87) codestream.

    Raises:
        Unfit: it is damaged, ends before its end-of-image marker, or is followed by another.
    """
    found = list(segments(frame))
    end = found[-1].end
    _refuse_second(b"\xff\xd8\xff", frame, end)
    header = frame_header(found)
    return Codestream(
        frame[:end], header.process, header.height, header.width, header.components, header.precision
    )


def jpeg_2000_codestream(frame: bytes) -> Codestream:
    """A JPEG 2000 codestream (T.800 annex A), also where a JP2 file was stored around it.

    Raises:
        Unfit: it is damaged, or does not hold all of its tile-parts.
    """
    start = frame.find(_START_OF_CODESTREAM)
    encoded = frame[start:] if start >= 0 else b""
    if len(encoded) < 49:
        raise Unfit("no JPEG 2000 codestream; expected one in the Pixel Data")
    last = _last_tile_part_end(encoded)
    end = _after_comments(encoded, last)
    if encoded[end : end + 2] != _END_OF_CODESTREAM:
        raise Unfit("a truncated JPEG 2000 codestream; expected all of its tile-parts")
    _refuse_second(_START_OF_CODESTREAM, encoded, end)
    width, height, left, top = (int.from_bytes(encoded[i : i + 4], "big") for i in (8, 12, 16, 20))
    return Codestream(
        encoded[:last] + _END_OF_CODESTREAM,
        JPEG_2000,
        rows=height - top,
        columns=width - left,
        components=int.from_bytes(encoded[40:42], "big"),
        precision=(encoded[42] & 0x7F) + 1,
        signed=encoded[42] >= 0x80,
    )


def _refuse_second(start_marker: bytes, frame: bytes, end: int) -> None:
    """What follows is padding, or a second frame that the header does not mention."""
    if start_marker in frame[end:]:
        raise Unfit("several frames of Pixel Data; expected one")


def _last_tile_part_end(encoded: bytes) -> int:
    """Where the chain of tile-parts ends (T.800 A.4.2)."""
    position = _main_header_end(encoded)
    while encoded[position : position + 2] == _START_OF_TILE_PART:
        length = int.from_bytes(encoded[position + 6 : position + 10], "big")
        if length == 0:  # until the end of the codestream
            return max(encoded.rfind(_END_OF_CODESTREAM), 0)
        position += max(length, 14)
    return position


def _after_comments(encoded: bytes, position: int) -> int:
    """Where comments end that some encoders write after the last tile-part (T.800 A.9.2)."""
    while encoded[position : position + 2] == _COMMENT:
        position += 2 + max(int.from_bytes(encoded[position + 2 : position + 4], "big"), 2)
    return position


def _main_header_end(encoded: bytes) -> int:
    """Where the first tile-part starts: every marker of the main header has a length (T.800 A.3)."""
    position = 2
    while encoded[position : position + 1] == b"\xff" and encoded[position + 1 : position + 2] != b"\x90":
        position += 2 + int.from_bytes(encoded[position + 2 : position + 4], "big")
    return position
