"""A PNG encoder written from the PNG specification: every colour type, depth, filter and interlace."""

import itertools
import struct
import zlib
from collections.abc import Sequence

import numpy as np

CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
SIGNATURE = b"\x89PNG\r\n\x1a\n"

# Starting row and column, and steps, of the seven passes of Adam7.
_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def header(width: int, height: int, depth: int, colour: int, interlaced: bool = False) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced)))


def write_png(
    samples: np.ndarray,
    depth: int,
    colour: int,
    *,
    interlaced: bool = False,
    filters: Sequence[int] = (0, 1, 2, 3, 4),
    chunks: Sequence[tuple[bytes, bytes]] = (),
    parts: int = 1,
) -> bytes:
    """A PNG of height × width × channels samples, its image data in several IDAT chunks."""
    height, width, channels = samples.shape
    assert channels == CHANNELS[colour]
    compressed = zlib.compress(_scanlines(samples, depth, interlaced, filters))
    cuts = np.linspace(0, len(compressed), parts + 1).astype(int)
    data = [chunk(b"IDAT", compressed[a:b]) for a, b in itertools.pairwise(cuts)]
    before = [chunk(kind, content) for kind, content in chunks]
    return b"".join(
        [SIGNATURE, header(width, height, depth, colour, interlaced), *before, *data, chunk(b"IEND", b"")]
    )


def _scanlines(samples: np.ndarray, depth: int, interlaced: bool, filters: Sequence[int]) -> bytes:
    passes = [samples[r::dr, c::dc] for r, c, dr, dc in _ADAM7] if interlaced else [samples]
    step = max(samples.shape[2] * depth // 8, 1)
    return b"".join(_filtered(image, depth, step, filters) for image in passes if image.size)


def _filtered(image: np.ndarray, depth: int, step: int, filters: Sequence[int]) -> bytes:
    previous = None
    lines = []
    for number, row in enumerate(image):
        line = _packed(row.ravel(), depth)
        kind = filters[number % len(filters)]
        above = previous if previous is not None else bytes(len(line))
        lines.append(bytes([kind]) + _filter(line, above, step, kind))
        previous = line
    return b"".join(lines)


def _packed(samples: np.ndarray, depth: int) -> bytes:
    if depth == 16:
        return samples.astype(">u2").tobytes()
    bits = (samples[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.ravel().astype(np.uint8)).tobytes()


def _filter(line: bytes, above: bytes, step: int, kind: int) -> bytes:
    encoded = bytearray()
    for i, byte in enumerate(line):
        left = line[i - step] if i >= step else 0
        corner = above[i - step] if i >= step else 0
        predicted = (0, left, above[i], (left + above[i]) // 2, _paeth(left, above[i], corner))[kind]
        encoded.append((byte - predicted) % 256)
    return bytes(encoded)


def _paeth(left: int, above: int, corner: int) -> int:
    estimate = left + above - corner
    distances = [(abs(estimate - n), order, n) for order, n in enumerate((left, above, corner))]
    return min(distances)[2]
