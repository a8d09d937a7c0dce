"""What a compressed frame declares of itself, and whether it is complete."""

from dataclasses import dataclass

from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.jpeg import frame_header, segments


@dataclass(frozen=True)
class Codestream:
    """A JPEG, JPEG-LS or JPEG 2000 codestream that ends as it should."""

    encoded: bytes
    rows: int
    columns: int
    components: int
    precision: int
    process: int | None = None
    """Of JPEG and JPEG-LS: the marker of its frame header (T.81 table B.1)."""


def jpeg_codestream(frame: bytes) -> Codestream:
    """A JPEG (T.81) or JPEG-LS (T.87) codestream.

    Raises:
        Unfit: it is damaged, or ends before its end-of-image marker.
    """
    header = frame_header(list(segments(frame)))
    return Codestream(frame, header.height, header.width, header.components, header.precision, header.process)


def jpeg_2000_codestream(frame: bytes) -> Codestream:
    """A JPEG 2000 codestream (T.800 annex A), also where a JP2 file was stored around it.

    Raises:
        Unfit: it is damaged, or ends before its end-of-codestream marker.
    """
    start = frame.find(b"\xff\x4f\xff\x51")
    encoded = frame[max(start, 0) :].rstrip(b"\0")
    if start < 0 or len(encoded) < 49:
        raise Unfit("no JPEG 2000 codestream")
    if not encoded.endswith(b"\xff\xd9"):
        raise Unfit("a truncated JPEG 2000 codestream")
    size = [int.from_bytes(encoded[i : i + 4], "big") for i in range(8, 40, 4)]
    components = int.from_bytes(encoded[40:42], "big")
    precision = (encoded[42] & 0x7F) + 1
    return Codestream(encoded, size[1] - size[3], size[0] - size[2], components, precision)
