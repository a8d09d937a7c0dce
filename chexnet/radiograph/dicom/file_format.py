"""The DICOM file format (PS3.10): preamble, file meta information, transfer syntax, data set."""

import io
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pydicom.filereader import read_dataset

from chexnet.radiograph.dicom.elements import PARSER_FAILURES, Elements, tag_of
from chexnet.radiograph.dicom.pixel_data import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT_LITTLE_ENDIAN,
    IMPLICIT_LITTLE_ENDIAN,
    TRANSFER_SYNTAXES,
)
from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.limits import MAX_FILE_BYTES

_PREAMBLE_BYTES = 132

_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
"""Value representations with a length of four bytes (PS3.5 7.1.2)."""


def read_part10(data: bytes, keywords: tuple[str, ...], notes: list[str]) -> tuple[Elements, str]:
    """The named elements of the data set, and its Transfer Syntax UID.

    Raises:
        Unfit: the file is damaged, or of a transfer syntax that no radiograph uses.
    """
    transfer_syntax, start = _file_meta(data)
    if transfer_syntax is None:
        transfer_syntax = _guessed_syntax(data, start)
        notes.append("(0002,0010) Transfer Syntax UID is missing; uncompressed little endian was assumed")
    if transfer_syntax not in TRANSFER_SYNTAXES:
        raise Unfit(
            f'(0002,0010) Transfer Syntax UID is "{transfer_syntax}"; expected uncompressed, deflated, '
            "JPEG, JPEG-LS, JPEG 2000 or RLE"
        )
    if transfer_syntax == DEFLATED:
        data, start = _inflate(data[start:]), 0
    file = io.BytesIO(data)
    file.seek(start)
    little_endian = transfer_syntax != BIG_ENDIAN
    implicit = transfer_syntax == IMPLICIT_LITTLE_ENDIAN
    try:
        dataset = read_dataset(file, implicit, little_endian, specific_tags=[tag_of(k) for k in keywords])
    except PARSER_FAILURES as error:
        raise Unfit("damaged DICOM elements; expected a complete DICOM file") from error
    return Elements(dataset, little_endian), transfer_syntax


def _file_meta(data: bytes) -> tuple[str | None, int]:
    """(0002,0010) Transfer Syntax UID, and where the data set starts (PS3.10 7.1)."""
    position = _PREAMBLE_BYTES if data[128:132] == b"DICM" else 0
    transfer_syntax = None
    while data[position : position + 2] == b"\x02\x00":
        # Group 0002 is always explicit VR little endian.
        element, vr = data[position + 2 : position + 4], data[position + 4 : position + 6]
        long = vr in _LONG_VRS
        start = position + (12 if long else 8)
        length = int.from_bytes(data[start - 4 if long else start - 2 : start], "little")
        position = start + length
        if position > len(data):
            raise Unfit("a truncated DICOM file; expected complete file meta information")
        if element == b"\x10\x00":
            transfer_syntax = data[start:position].rstrip(b"\0 ").decode("ascii", "replace")
    return transfer_syntax, position


def _guessed_syntax(data: bytes, start: int) -> str:
    """Whether value representations are spelled out after the first tag (PS3.5 annex A)."""
    vr = data[start + 4 : start + 6]
    return EXPLICIT_LITTLE_ENDIAN if vr.isalpha() and vr.isupper() else IMPLICIT_LITTLE_ENDIAN


def _inflate(deflated: bytes) -> bytes:
    """The data set of a deflated file (PS3.5 A.5), never more than the limit of a file."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        data = inflater.decompress(deflated, MAX_FILE_BYTES)
    except zlib.error as error:
        raise Unfit("a damaged deflated DICOM file; expected a complete one") from error
    if inflater.unconsumed_tail:
        raise Unfit(f"a deflated DICOM file that holds more than {MAX_FILE_BYTES} bytes; expected fewer")
    if not inflater.eof:
        raise Unfit("a truncated deflated DICOM file; expected a complete one")
    return data


_lock = threading.Lock()
_readers = 0
_mute: "warnings.catch_warnings[None] | None" = None


@contextmanager
def pydicom_muted() -> Iterator[None]:
    """Within, pydicom does not warn of elements that break the Standard: that is an error or a note.

    Python's warning filters belong to the whole process, so the first reader of several threads mutes
    and the last one restores.
    """
    global _readers, _mute  # noqa: PLW0603 - the filters are global as well
    with _lock:
        _readers += 1
        if _readers == 1:
            _mute = warnings.catch_warnings()
            _mute.__enter__()
            warnings.filterwarnings("ignore", module=r"pydicom\.")
    try:
        yield
    finally:
        with _lock:
            _readers -= 1
            if _readers == 0 and _mute is not None:
                _mute.__exit__(None, None, None)
                _mute = None
