"""The one door: a path or bytes in, a Radiograph out, its format decided by the content."""

import errno
import os
import stat

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
        UnreadableImage: the source is no readable radiograph; the message says why.
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
    try:
        return _decoded(data, name, window)
    except Unfit as error:
        raise UnreadableImage(name, str(error)) from error


def _decoded(data: bytes, name: str, window: int) -> Radiograph:
    # Imported where needed: reading a PNG must not wait for pydicom.
    if len(data) > MAX_FILE_BYTES:
        raise Unfit(f"{len(data)} bytes; expected at most {MAX_FILE_BYTES}")
    match _file_format(data):
        case "DICOM":
            from chexnet.radiograph.dicom.header import read_dicom

            return read_dicom(data, name, window)
        case "PNG":
            from chexnet.radiograph.png import read_png

            return read_png(data, name)
        case "JPEG":
            from chexnet.radiograph.jpeg import read_jpeg

            return read_jpeg(data, name)
    raise Unfit(f"{_describe(data)}; {_EXPECTED}")


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
    (b"BM", "a BMP"),
    (b"%PDF", "a PDF"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x00\x00\x00\x0cjP  ", "a bare JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a bare JPEG 2000 image"),
    (b"\x93NUMPY", "a NumPy array"),
)


def _describe(data: bytes) -> str:
    """What the bytes look like, for the error."""
    if not data:
        return "an empty file"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "a WebP"
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
