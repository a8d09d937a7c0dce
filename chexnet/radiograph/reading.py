"""The one door: a path or bytes in, a Radiograph out, its format decided by the content."""

import errno
import os
import stat
from dataclasses import replace

import numpy as np

from chexnet.radiograph.borders import field_without_borders, margins
from chexnet.radiograph.brightness import brightness_factor
from chexnet.radiograph.errors import Unfit, UnreadableImage
from chexnet.radiograph.limits import MAX_FILE_BYTES
from chexnet.radiograph.radiograph import Radiograph

_EXPECTED = "expected a PNG, JPEG or DICOM file"


def read_radiograph(
    source: str | os.PathLike[str] | bytes, *, name: str | None = None, window: int = 0
) -> Radiograph:
    """Read one PNG, JPEG or DICOM radiograph.

    The format is decided by the first bytes, never by the file's name.

    Args:
        source: path of a regular file, or the file's bytes.
        name: what to call it in ``Radiograph.source`` and in errors, instead of the path.
        window: which of a DICOM file's VOI transformations to apply, counted from 0 through its
            VOI LUTs and then its windows. PNG and JPEG have none, and ignore it.

    Raises:
        UnreadableImage: the source is not a readable radiograph; the message says why. Nothing else is
            raised for any content of a file, damaged or crafted.
        ValueError: the window is negative.
    """
    if window < 0:
        raise ValueError(f"window is {window}; expected 0 for the first")
    if isinstance(source, bytes):
        return _read(source, "<bytes>" if name is None else name, window)
    path = os.fspath(source)
    name = str(path) if name is None else name
    return _read(_content(path, name), name, window)


def _read(data: bytes, name: str, window: int) -> Radiograph:
    """The one door out of every parser and decoder: whatever they raise names the file."""
    notes: list[str] = []
    try:
        return _bright(_without_borders(_decoded(data, name, window, notes)))
    except Unfit as error:
        raise UnreadableImage(name, str(error), tuple(notes)) from error
    except MemoryError as error:
        raise UnreadableImage(name, "not enough memory to read it", tuple(notes)) from error
    except Exception as error:
        # Parsers of other projects meet bytes that nobody foresaw. One file must not end a batch.
        what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        reason = f"damaged, or unlike every file known ({what}); {_EXPECTED}"
        raise UnreadableImage(name, reason, tuple(notes)) from error


def _decoded(data: bytes, name: str, window: int, notes: list[str]) -> Radiograph:
    # Imported where needed: reading a PNG must not wait for pydicom.
    if len(data) > MAX_FILE_BYTES:
        raise Unfit(f"{len(data)} bytes; expected at most {MAX_FILE_BYTES}")
    match _file_format(data):
        case "DICOM":
            from chexnet.radiograph.dicom import read_dicom

            return read_dicom(data, name, window, notes)
        case "PNG":
            from chexnet.radiograph.png import read_png

            return read_png(data, name, notes)
        case "JPEG":
            from chexnet.radiograph.jpeg import read_jpeg

            return read_jpeg(data, name, notes)
    raise Unfit(f"{_describe(data)}; {_EXPECTED}")


def _without_borders(radiograph: Radiograph) -> Radiograph:
    """With the field that is left inside of uniform borders, and a note where it is not all of the image."""
    field = field_without_borders(radiograph.pixels, radiograph.field)
    if field is None:
        return replace(radiograph, field=None)
    note = f"a border was left out: {margins(field, radiograph.pixels.shape)}"
    return replace(radiograph, field=field, notes=(*radiograph.notes, note))


def _bright(radiograph: Radiograph) -> Radiograph:
    """Stretched, with a note, where it is a dark export with enough grey levels left."""
    factor = brightness_factor(radiograph.field_pixels)
    if factor == 1:
        return radiograph
    pixels = np.minimum(radiograph.pixels * np.float32(factor), np.float32(1))
    pixels.flags.writeable = False
    note = f"a dark image: grey values were multiplied by {factor:.2f}"
    return replace(radiograph, pixels=pixels, notes=(*radiograph.notes, note))


def _file_format(data: bytes) -> str | None:
    """The format that the first bytes promise."""
    if data[128:132] == b"DICM":
        return "DICOM"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if _starts_like_a_dataset(data):
        return "DICOM"
    return None


def _starts_like_a_dataset(data: bytes) -> bool:
    """Whether these are little-endian DICOM elements without the preamble (PS3.10 7.1)."""
    group, element = data[:2], data[2:4]
    if len(data) < 8 or group not in (b"\x02\x00", b"\x08\x00"):
        return False
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    implicit = int.from_bytes(data[4:8], "little") <= 1024
    return element[1:] == b"\x00" and (explicit or implicit)


_OTHER_MAGIC = (
    (b"GIF8", "a GIF"),
    (b"II*\x00", "a TIFF"),
    (b"MM\x00*", "a TIFF"),
    (b"II+\x00", "a BigTIFF"),
    (b"MM\x00+", "a BigTIFF"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL"),
    (b"\x5c\x01\x00\x00", "a NIfTI volume"),
    (b"\x00\x00\x01\x5c", "a NIfTI volume"),
    (b"\x1c\x02\x00\x00", "a NIfTI volume"),
    (b"\x00\x00\x02\x1c", "a NIfTI volume"),
    (b"BM", "a BMP"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x00\x00\x00\x0cjP  ", "a bare JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a bare JPEG 2000 image"),
    (b"\x93NUMPY", "a NumPy array"),
)


_ISO_MEDIA = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"), "a HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "an AVIF"),
}
"""Major brands of ISO/IEC 14496-12 files that hold images."""


def _describe(data: bytes) -> str:
    """What the bytes look like, for the error."""
    if not data:
        return "an empty file"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "a WebP"
    if data[4:8] == b"ftyp":
        return _ISO_MEDIA.get(data[8:12], "an ISO media file")
    for magic, described in _OTHER_MAGIC:
        if data.startswith(magic):
            return described
    if all(byte in b"\t\n\r" or byte >= 32 for byte in data[:64]):
        return "text"
    return f"unknown content ({data[:8].hex(' ')} …)"


def _content(path: str, name: str) -> bytes:
    """The bytes of a regular file, of limited size."""
    try:
        # Without O_NONBLOCK, opening a FIFO would wait for its writer for ever.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        raise UnreadableImage(name, f"{_why(error)}; {_EXPECTED}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise UnreadableImage(name, f"{_kind(status.st_mode)}; {_EXPECTED}")
        if status.st_size > MAX_FILE_BYTES:
            raise UnreadableImage(name, f"{status.st_size} bytes; expected at most {MAX_FILE_BYTES}")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(status.st_size)
    except OSError as error:
        raise UnreadableImage(name, f"{_why(error)}; {_EXPECTED}") from error
    finally:
        os.close(descriptor)


def _why(error: OSError | ValueError) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOENT:
        return "no such file"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a directory"
    if stat.S_ISFIFO(mode):
        return "a pipe"
    return "a device or socket"
