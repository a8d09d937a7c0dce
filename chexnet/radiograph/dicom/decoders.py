"""Decoders of single codestreams, called directly: one codestream in, its samples out.

The decoder follows from the codestream itself: Pillow (libjpeg-turbo) for JPEG of 8 bits, and from
imagecodecs libjpeg-turbo for deeper and lossless JPEG, CharLS for JPEG-LS, OpenJPEG for JPEG 2000. All
of them run in this process and answer damage with an exception. Where libjpeg-turbo only warns, and
imagecodecs drops the warning, the checks are made here.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from chexnet.arrays import Integer
from chexnet.radiograph.dicom.codestreams import BASELINE, EXTENDED, LOSSLESS, Codestream
from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.jpeg import SOS, decode_luma, lengthened, segments

Samples = Integer[np.ndarray, "rows columns *samples"]

_DAMAGED = "damaged compressed Pixel Data; expected a complete image"

_PADDING_CODES = 8
"""Codes that the bits after the last sample of a whole stream may make, and two to spare at its end."""


def decode_jpeg(codestream: Codestream) -> Samples:
    """JPEG of every process that DICOM keeps; of 8 bits in colour, its luma.

    Raises:
        Unfit: the codestream is damaged, or of a process that DICOM has retired.
    """
    process, precision = codestream.process, codestream.precision
    if process in (BASELINE, EXTENDED) and precision == 8:
        return decode_luma(codestream.encoded)
    if process == EXTENDED and precision == 12:
        return _extended(codestream)
    if process == LOSSLESS:
        return _lossless(codestream)
    raise Unfit(
        f"JPEG process SOF{process - BASELINE} of {precision} bits; expected baseline, extended or lossless"
    )


def _extended(codestream: Codestream) -> Samples:
    """12 bits. Where data run out, libjpeg fills in blocks of mid-grey, as `decode_luma` knows."""
    samples = _libjpeg(codestream.encoded, codestream.rows, codestream)
    last = samples[(codestream.rows - 1) // 8 * 8 :, (codestream.columns - 1) // 8 * 8 :]
    if (last == 2048).all():
        longer = _libjpeg(lengthened(codestream.encoded), codestream.rows, codestream)
        if not np.array_equal(samples, longer):
            raise Unfit(_DAMAGED)
    return samples


def _lossless(codestream: Codestream) -> Samples:
    """Process 14 (T.81 annex H), decoded with one row more than it declares.

    A whole stream has no data for that row: libjpeg makes it of zero bits, which all give the same
    difference from one sample to the next. Anything else means that data are missing or left over, and
    is looked at again.
    """
    rows = codestream.rows
    decoded = _libjpeg(_with_rows(codestream.encoded, rows + 1), rows + 1, codestream)
    samples = decoded[:rows]
    if int(samples.max()) >= 2**codestream.precision:
        raise Unfit(_DAMAGED)
    if not _ends_with_the_data(decoded[rows], codestream.precision):
        _check_end(codestream, samples)
    return samples


def _ends_with_the_data(surplus: Integer[np.ndarray, "..."], precision: int) -> bool:
    """Whether the row after the last one was made of nothing but zero bits, from its first samples on."""
    levels = 256**surplus.itemsize
    row = surplus.reshape(len(surplus), -1).astype(np.int64)
    steps = np.diff(row[_PADDING_CODES:], axis=0) % levels
    # Where data ran out before, libjpeg does not even try, and leaves such a value.
    untouched = any(bool((row == value).all()) for value in (levels // 2, 2 ** (precision - 1)))
    return len(steps) > 8 and not untouched and bool((steps == steps[0]).all())


def _check_end(codestream: Codestream, samples: Samples) -> None:
    """Whether the last bytes of the data are the last samples of the image, and no others.

    With other bytes at its end and more data after it, a whole stream changes in the samples of those
    bytes. One that has data left over does not change; one that lacks data changes earlier.
    """
    body, scan = codestream.encoded[:-2], _scan_start(codestream.encoded)
    if len(body) - scan < 16:
        return
    changed = bytes(byte ^ 0x55 if byte not in (0, 0xFF, 0xAA) else byte for byte in body[-2:])
    if changed == body[-2:]:
        changed = b"\x55\xaa"
    other = _libjpeg(lengthened(body[:-2] + changed + codestream.encoded[-2:]), codestream.rows, codestream)
    differing = np.flatnonzero(
        (samples != other).reshape(samples.shape[0] * samples.shape[1], -1).any(axis=1)
    )
    # Two bytes are sixteen codes at most, and the bits of a byte before them may belong to one more.
    if not differing.size or differing[0] < samples.shape[0] * samples.shape[1] - 24:
        raise Unfit(_DAMAGED)


def _scan_start(encoded: bytes) -> int:
    """Where the entropy-coded data of the last scan start."""
    found = [segment for segment in segments(encoded) if segment.marker == SOS]
    return found[-1].end - len(found[-1].encoded) + len(found[-1].content) + 4


def _with_rows(encoded: bytes, rows: int) -> bytes:
    """The JPEG with another number of rows in its frame header (T.81 B.2.2)."""
    frame = next(segment for segment in segments(encoded) if segment.marker == LOSSLESS)
    start = frame.end - len(frame.content) + 1
    return encoded[:start] + rows.to_bytes(2, "big") + encoded[start + 2 :]


def _libjpeg(encoded: bytes, rows: int, codestream: Codestream) -> Samples:
    from imagecodecs import jpeg8_decode

    # Components as they are stored: (7FE0,0010) says in the header which colours they are.
    colours = "GRAYSCALE" if codestream.components == 1 else "RGB"
    return _shaped(jpeg8_decode, encoded, rows, codestream, colorspace=colours, outcolorspace=colours)


def decode_jpeg_ls(codestream: Codestream) -> Samples:
    """JPEG-LS by CharLS.

    Raises:
        Unfit: the codestream is damaged.
    """
    from imagecodecs import jpegls_decode

    return _shaped(jpegls_decode, codestream.encoded, codestream.rows, codestream)


def decode_jpeg_2000(codestream: Codestream) -> Samples:
    """JPEG 2000 and High-Throughput JPEG 2000 by OpenJPEG.

    Raises:
        Unfit: the codestream is damaged.
    """
    from imagecodecs import jpeg2k_decode

    return _shaped(jpeg2k_decode, codestream.encoded, codestream.rows, codestream)


def _shaped(
    decode: Callable[..., Any], encoded: bytes, rows: int, codestream: Codestream, **how: Any
) -> Samples:
    """What a decoder of imagecodecs makes of the codestream, which must have the size that it declares."""
    try:
        samples = np.asarray(decode(encoded, **how))
    except (RuntimeError, ValueError, TypeError, NotImplementedError) as error:
        raise Unfit(_DAMAGED) from error
    size = (rows, codestream.columns)
    if codestream.components > 1 and samples.shape == (codestream.components, *size):
        samples = np.moveaxis(samples, 0, -1)
    expected = size if codestream.components == 1 else (*size, codestream.components)
    if samples.shape != expected:
        raise Unfit(_DAMAGED)
    return samples
