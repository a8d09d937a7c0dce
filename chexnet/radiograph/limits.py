"""How large a file and an image may be. Checked on what a file declares, before memory is spent on it."""

MAX_FILE_BYTES = 256 * 2**20
"""A 100-megapixel image of 16 bits, uncompressed, fits."""

MIN_SIDE = 32
"""A shorter side holds no chest: one pixel would be more than a centimetre."""

MAX_SIDE = 20_000
MAX_PIXELS = 100_000_000
"""A 14 by 17 inch radiograph digitised at 50 micrometres has 61 megapixels."""

MAX_ASPECT_RATIO = 8
"""Chest detectors lie below 1.3; strips are fragments or attacks."""


def size_problem(width: int, height: int) -> str | None:
    """Why an image of this many pixels is refused, or None if it may be decoded."""
    if min(width, height) < MIN_SIDE:
        return f"{width}×{height} pixels; expected at least {MIN_SIDE}×{MIN_SIDE}"
    if max(width, height) > MAX_SIDE:
        return f"{width}×{height} pixels; expected at most {MAX_SIDE} a side"
    if width * height > MAX_PIXELS:
        return f"{width}×{height} pixels; expected at most {MAX_PIXELS // 1_000_000} megapixels"
    if max(width, height) > MAX_ASPECT_RATIO * min(width, height):
        return f"{width}×{height} pixels; expected sides within a ratio of {MAX_ASPECT_RATIO}"
    return None
