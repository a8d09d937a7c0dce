"""Images and maps as PNG and as raw grey values."""

import io

import numpy as np
from PIL import Image

from chexnet.arrays import UInt8, UInt16
from chexnet.classifier import AGAINST, FOR, STRONGEST_OPACITY, overlay, upscale
from chexnet.service.documents import full_scale
from chexnet.service.store import Grey, Result, StoredImage

Scaled = UInt8[np.ndarray, "rows columns"] | UInt16[np.ndarray, "rows columns"]

MAP_SIDE = 512
"""Longer side of a map's picture: it has 7 by 7 values, so more pixels would tell no more."""


def image_png(image: StoredImage, longest_side: int | None, bits: int) -> bytes:
    """The image as read, grey, 8 or 16 bits."""
    grey = _with_bits(_scaled(image.grey, longest_side), bits)
    return _png(Image.fromarray(grey))


def image_raw(image: StoredImage, longest_side: int | None) -> tuple[bytes, int, int]:
    """Grey values row by row, 8 bits or 16 little-endian, with the width and the height."""
    grey = _scaled(image.grey, longest_side)
    height, width = grey.shape
    return grey.astype(grey.dtype.newbyteorder("<"), copy=False).tobytes(), width, height


def overlay_png(result: Result, finding: str) -> bytes:
    """The image beside its map, with caption and colour bar, as `chexnet predict --heatmaps` draws it."""
    return _png(overlay(result.image.radiograph(), result.prediction, finding).picture)


def map_png(result: Result, finding: str) -> bytes:
    """The evidence alone, transparent where there is none, to be laid over the image."""
    height, width = result.image.grey.shape
    scale = MAP_SIDE / max(height, width)
    size = max(1, round(height * scale)), max(1, round(width * scale))
    layer = upscale(result.prediction.evidence_of(finding), *size)
    strength = np.clip(np.abs(layer) / full_scale(result, finding), 0, 1) * STRONGEST_OPACITY
    picture: UInt8[np.ndarray, "height width 4"] = np.empty((*size, 4), np.uint8)
    picture[..., :3] = np.where(layer[..., None] > 0, np.array(FOR), np.array(AGAINST))
    picture[..., 3] = np.rint(strength * 255)
    return _png(Image.fromarray(picture))


def _scaled(grey: Grey, longest_side: int | None) -> Scaled:
    """No side longer than that, antialiased; never enlarged."""
    height, width = grey.shape
    if longest_side is None or longest_side >= max(height, width):
        return grey
    scale = longest_side / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    highest = np.iinfo(grey.dtype).max
    # Pillow resizes 16-bit pictures only as floats.
    image = Image.fromarray(grey.astype(np.float32)).resize(size, Image.Resampling.BILINEAR)
    return np.clip(np.rint(np.asarray(image)), 0, highest).astype(grey.dtype)


def _with_bits(grey: Grey, bits: int) -> Grey:
    if grey.dtype.itemsize * 8 == bits:
        return grey
    if bits == 16:
        return grey.astype(np.uint16) * np.uint16(257)
    return np.rint(grey / np.float32(257)).astype(np.uint8)


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
