"""PNG to Radiograph (ISO/IEC 15948, "PNG (Third Edition)"; clause names as there).

The chunks are walked here, strictly; Pillow only inflates and unfilters the image data. Text,
colour profiles and other ancillary chunks are never decompressed, so they cannot be bombs.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from chexnet.arrays import Float32, Integer, Num, UInt16
from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.limits import size_problem
from chexnet.radiograph.radiograph import Radiograph

if TYPE_CHECKING:
    from PIL.Image import Image

GREY, RGB, PALETTE, GREY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
"""Colour types (IHDR)."""

_DEPTHS = {
    GREY: (1, 2, 4, 8, 16),
    RGB: (8, 16),
    PALETTE: (1, 2, 4, 8),
    GREY_ALPHA: (8, 16),
    RGB_ALPHA: (8, 16),
}

_UNPACK = {
    (GREY, 1): ("P", "P;1"),
    (GREY, 2): ("P", "P;2"),
    (GREY, 4): ("P", "P;4"),
    (GREY, 8): ("L", "L"),
    (GREY, 16): ("I;16", "I;16B"),
    (PALETTE, 1): ("P", "P;1"),
    (PALETTE, 2): ("P", "P;2"),
    (PALETTE, 4): ("P", "P;4"),
    (PALETTE, 8): ("P", "P"),
    (RGB, 8): ("RGB", "RGB"),
    (GREY_ALPHA, 8): ("LA", "LA"),
    (RGB_ALPHA, 8): ("RGBA", "RGBA"),
    # Four bytes a pixel, filtered alike: read as RGBA, its bytes are grey and alpha, high byte first.
    (GREY_ALPHA, 16): ("RGBA", "RGBA"),
}
"""Pillow's mode and raw mode for each colour type and depth, chosen to give samples as stored."""

_CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGB_ALPHA: 4}

_ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row and column, and steps, of each pass."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Rec. 601 luma of red, green and blue, as in JPEG and Pillow."""


@dataclass(frozen=True)
class _Png:
    """The chunks that make the image."""

    width: int
    height: int
    depth: int
    colour: int
    interlaced: bool
    image_data: bytes
    palette: bytes
    transparency: bytes
    significant_bits: bytes


def read_png(data: bytes, name: str, notes: list[str]) -> Radiograph:
    """The PNG as a radiograph.

    Colour becomes luma; transparent parts become black, as air is. Samples of 16 bits are scaled by
    the depth that they really use, which ``notes`` tells.

    Raises:
        Unfit: damaged, truncated, animated, or of an unreasonable size.
    """
    png = _parse(data)
    try:
        pixels = _grey(png, notes)
    except (ValueError, OSError, zlib.error) as error:
        raise Unfit("damaged image data in the PNG; expected a complete image") from error
    pixels.flags.writeable = False
    return Radiograph(pixels, name, "PNG", notes=tuple(notes))


def _parse(data: bytes) -> _Png:
    chunks = list(_chunks(data))
    if not chunks or chunks[0][0] != b"IHDR" or len(chunks[0][1]) != 13:
        raise Unfit("a PNG without a header chunk; expected IHDR first")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", chunks[0][1])
    if problem := size_problem(width, height):
        raise Unfit(problem)
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise Unfit(f"a PNG of colour type {colour} and bit depth {depth}; expected one that PNG defines")
    first = dict(reversed(chunks))
    if b"acTL" in first:
        raise Unfit("an animated PNG; expected one image")
    palette = bytes(first.get(b"PLTE", b""))
    if colour == PALETTE and (not palette or len(palette) % 3):
        raise Unfit("a palette PNG without a palette; expected a PLTE chunk")
    image_data = b"".join(content for kind, content in chunks if kind == b"IDAT")
    if not image_data:
        raise Unfit("a PNG without image data; expected an IDAT chunk")
    return _Png(
        width,
        height,
        depth,
        colour,
        interlace == 1,
        image_data,
        palette,
        bytes(first.get(b"tRNS", b"")),
        bytes(first.get(b"sBIT", b"")),
    )


def _chunks(data: bytes) -> Iterator[tuple[bytes, memoryview]]:
    """Kind and content of each chunk up to IEND, checksums verified ("Chunk layout")."""
    view = memoryview(data)
    position, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, position) if position + 12 <= len(data) else (0, b"")
        end = position + 8 + length
        if not kind or end + 4 > len(data):
            raise Unfit("a truncated PNG; expected an IEND chunk at its end")
        # The checksum covers the kind and the content.
        if zlib.crc32(view[position + 4 : end]) != int.from_bytes(view[end : end + 4], "big"):
            raise Unfit(f"a damaged PNG; expected the checksum of chunk {kind!r} to match")
        yield kind, view[position + 8 : end]
        position = end + 4


def _grey(png: _Png, notes: list[str]) -> Float32[np.ndarray, "height width"]:
    if png.colour == PALETTE:
        return _grey_of_palette(png, notes)
    if png.depth <= 8 and png.colour in (RGB, RGB_ALPHA, GREY_ALPHA):
        return _grey_of_bytes(png, notes)
    samples = _samples(png)
    colours = samples[..., : 3 if png.colour in (RGB, RGB_ALPHA) else 1]
    highest = _white(colours, png, notes)
    luma = colours @ LUMA if colours.shape[-1] == 3 else colours[..., 0]
    grey = np.asarray(np.divide(luma, highest, dtype=np.float32))
    if png.colour in (GREY_ALPHA, RGB_ALPHA):
        return _over_black(grey, samples[..., -1] / np.float32(65535), notes)
    if png.transparency:
        return _over_black(grey, _not_the_key(colours, png.transparency), notes)
    return grey


def _grey_of_bytes(png: _Png, notes: list[str]) -> Float32[np.ndarray, "height width"]:
    """Luma of 8-bit colour, computed by Pillow in bytes: exact where red, green and blue agree."""
    image = _unpack(png)
    grey = _unit(np.asarray(image.convert("L")))
    if png.colour in (RGB_ALPHA, GREY_ALPHA):
        alpha = image.getchannel("A")
        opaque = alpha.getextrema() == (255, 255)
        return grey if opaque else _over_black(grey, _unit(np.asarray(alpha)), notes)
    if png.transparency:
        return _over_black(grey, _not_the_key(np.asarray(image), png.transparency), notes)
    return grey


def _grey_of_palette(png: _Png, notes: list[str]) -> Float32[np.ndarray, "height width"]:
    indices = np.asarray(_unpack(png))
    colours = np.frombuffer(png.palette, np.uint8).reshape(-1, 3)
    if indices.max() >= len(colours):
        raise ValueError("an index lies beyond the palette")
    grey = ((colours @ LUMA) / 255).astype(np.float32)
    alpha = np.ones(len(grey), np.float32)
    if png.transparency:
        opacities = np.frombuffer(png.transparency, np.uint8)[: len(grey)]
        alpha[: len(opacities)] = _unit(opacities)
    return _over_black(grey[indices], alpha[indices], notes)


def _samples(png: _Png) -> Num[np.ndarray, "height width channels"]:
    """The samples as stored, whatever their depth."""
    if png.depth == 16 and png.colour in (RGB, RGB_ALPHA):
        return _sixteen_bit_colour(png)
    samples = np.asarray(_unpack(png))
    if png.depth == 16 and png.colour == GREY_ALPHA:
        return _join(samples[..., 0::2], samples[..., 1::2])
    return samples[..., None]


def _sixteen_bit_colour(png: _Png) -> UInt16[np.ndarray, "height width channels"]:
    """Pillow keeps only one byte of each sample: unpack twice, once for the high and once for the low."""
    mode = "RGB" if png.colour == RGB else "RGBA"
    high, low = (np.asarray(_unpack(png, mode, f"{mode};16{order}")) for order in "BL")
    return _join(high, low)


def _join(
    high: Integer[np.ndarray, "height width channels"], low: Integer[np.ndarray, "height width channels"]
) -> UInt16[np.ndarray, "height width channels"]:
    return np.asarray((high.astype(np.uint16) << 8) | low)


def _unpack(png: _Png, mode: str = "", raw_mode: str = "") -> "Image":
    """Inflate and unfilter.

    Raises:
        ValueError: the image data is too short or damaged.
    """
    from PIL import Image

    if not mode:
        mode, raw_mode = _UNPACK[png.colour, png.depth]
    size = (png.width, png.height)
    image = Image.frombytes(mode, size, png.image_data, "zip", raw_mode, int(png.interlaced))
    # Where the stream ends with whole rows missing, Pillow leaves them zero and does not complain.
    last_row = image.crop((0, png.height - 1, png.width, png.height))
    if png.interlaced or not any(last_row.tobytes()):
        _check_length(png)
    return image


def _check_length(png: _Png) -> None:
    """Inflate, which costs as much as all the rest, to see whether no row is missing."""
    expected = sum(
        rows * (1 + (columns * _CHANNELS[png.colour] * png.depth + 7) // 8)
        for rows, columns in _passes(png)
        if columns
    )
    inflated = zlib.decompressobj().decompress(png.image_data, expected)
    if len(inflated) != expected:
        raise ValueError("rows of image data are missing")


def _passes(png: _Png) -> list[tuple[int, int]]:
    """Rows and columns of the image, or of the seven that interlace it ("Pass extraction")."""
    if not png.interlaced:
        return [(png.height, png.width)]
    return [
        (-(-(png.height - row) // row_step), -(-(png.width - column) // column_step))
        for row, column, row_step, column_step in _ADAM7
    ]


def _white(samples: Num[np.ndarray, "..."], png: _Png, notes: list[str]) -> float:
    """The sample that stands for white.

    Samples should fill their depth ("sBIT": encoders scale up), but 16-bit files often hold values of 9 to
    15 bits as they came from the detector, which would look black.
    """
    if png.depth < 16:
        return float(2**png.depth - 1)
    highest = int(samples.max())
    declared = max(png.significant_bits[:3], default=0)
    if 1 <= declared <= 16:
        bits = declared if highest < 2**declared else 16
    else:
        bits = max(highest.bit_length(), 8)
    if bits < 16:
        notes.append(f"16-bit samples up to {highest}: read as {bits}-bit values")
    return float(2**bits - 1)


def _not_the_key(samples: Num[np.ndarray, "height width channels"], key: bytes) -> Float32[np.ndarray, "..."]:
    """0 where a pixel has the one colour that tRNS declares transparent, else 1."""
    colour = np.frombuffer(key, ">u2")
    if len(colour) != samples.shape[-1]:
        raise ValueError("the transparent colour has another number of channels than the image")
    return np.asarray((samples != colour).any(axis=-1), np.float32)


def _over_black(
    grey: Float32[np.ndarray, "height width"], alpha: Float32[np.ndarray, "height width"], notes: list[str]
) -> Float32[np.ndarray, "height width"]:
    if alpha.min() == 1:
        return grey
    notes.append("transparent parts are shown as black")
    return np.asarray(grey * alpha)


def _unit(levels: Integer[np.ndarray, "*shape"]) -> Float32[np.ndarray, "*shape"]:
    """0 to 255 as 0 to 1."""
    return np.asarray(np.divide(levels, np.float32(255), dtype=np.float32))
