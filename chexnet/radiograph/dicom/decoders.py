"""Decoders of single grey codestreams, called directly: one codestream in, its samples out.

The decoder follows from the codestream itself. There is no second choice to fall back on: the
alternatives wrap the same libraries.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np

from chexnet.arrays import Integer
from chexnet.radiograph.dicom.codestreams import BASELINE, EXTENDED, LOSSLESS, Codestream
from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.jpeg import decode_luma

_GDCM_SYNTAX = {
    (EXTENDED, 12): "1.2.840.10008.1.2.4.51",
    **{(LOSSLESS, precision): "1.2.840.10008.1.2.4.57" for precision in range(2, 17)},
}
"""The transfer syntax under which GDCM decodes each process and precision (T.81 tables B.1, B.2)."""

_GDCM_TIMEOUT_S = 120

_DAMAGE = re.compile(rb"Corrupt JPEG data|Premature end")
"""What libjpeg, inside of GDCM, prints when it fills in what is missing."""

_DAMAGED = "damaged compressed Pixel Data; expected a complete image"


def decode_jpeg(codestream: Codestream) -> Integer[np.ndarray, "rows columns"]:
    """JPEG of 8 bits by libjpeg-turbo, deeper and lossless JPEG by GDCM.

    Raises:
        Unfit: the codestream is damaged, or of a process that DICOM has retired.
    """
    if codestream.process in (BASELINE, EXTENDED) and codestream.precision == 8:
        return decode_luma(codestream.encoded)
    kind = (codestream.process, codestream.precision)
    if kind in _GDCM_SYNTAX:
        return _decode_with_gdcm(codestream, _GDCM_SYNTAX[kind])
    raise Unfit(
        f"JPEG process SOF{codestream.process - BASELINE} of {codestream.precision} bits; "
        "expected baseline, extended or lossless"
    )


def _decode_with_gdcm(codestream: Codestream, transfer_syntax: str) -> Integer[np.ndarray, "rows columns"]:
    """In a child process; ``gdcm_worker`` says why."""
    numbers = (str(n) for n in (codestream.rows, codestream.columns, codestream.precision))
    command = [
        sys.executable,
        "-P",
        str(Path(__file__).with_name("gdcm_worker.py")),
        *numbers,
        transfer_syntax,
    ]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    try:
        child = subprocess.run(
            command,
            input=codestream.encoded,
            capture_output=True,
            env=environment,
            timeout=_GDCM_TIMEOUT_S,
            check=True,
        )
    except OSError as error:
        raise Unfit(f"no process for GDCM ({error.strerror}); expected {sys.executable} to start") from error
    except subprocess.SubprocessError as error:
        raise Unfit(_DAMAGED) from error
    if _DAMAGE.search(child.stderr):
        raise Unfit(_DAMAGED)
    return _shaped(child.stdout, codestream)


def decode_jpeg_ls(codestream: Codestream) -> Integer[np.ndarray, "rows columns"]:
    """JPEG-LS by CharLS.

    Raises:
        Unfit: the codestream is damaged.
    """
    from jpeg_ls import decode_buffer  # type: ignore[import-untyped]

    try:
        buffer, _ = decode_buffer(codestream.encoded)
    except (RuntimeError, ValueError) as error:
        raise Unfit(_DAMAGED) from error
    return _shaped(buffer, codestream)


def decode_jpeg_2000(codestream: Codestream) -> Integer[np.ndarray, "rows columns"]:
    """JPEG 2000 and High-Throughput JPEG 2000 by OpenJPEG.

    Raises:
        Unfit: the codestream is damaged.
    """
    from openjpeg.utils import decode

    try:
        samples = np.asarray(decode(codestream.encoded))
    except (RuntimeError, ValueError) as error:
        raise Unfit(_DAMAGED) from error
    if samples.shape != (codestream.rows, codestream.columns):
        raise Unfit(_DAMAGED)
    return samples


def _shaped(buffer: bytes | bytearray, codestream: Codestream) -> Integer[np.ndarray, "rows columns"]:
    samples = np.frombuffer(buffer, np.uint8 if codestream.precision <= 8 else "<u2")
    if samples.size != codestream.rows * codestream.columns:
        raise Unfit(_DAMAGED)
    return samples.reshape(codestream.rows, codestream.columns)
