"""How large an image a file declares, before anything is decoded."""

from typing import NamedTuple

from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.jpeg import frame_header, segments

_PNG = b"\x89PNG\r\n\x1a\n"


class DeclaredSize(NamedTuple):
    """The size of an image as its file declares it, in pixels."""

    width: int
    height: int

    @property
    def pixels(self) -> int:
        """Width times height."""
        return self.width * self.height


def declared_size(content: bytes) -> DeclaredSize | None:
    """The size that the header of a PNG, JPEG or DICOM file declares.

    Nothing is decoded and nothing is raised: where the header declares no size, the result is None,
    and `read_radiograph` says what is wrong with the file.
    """
    if content.startswith(_PNG):
        return _of_png(content)
    if content.startswith(b"\xff\xd8\xff"):
        return _of_jpeg(content)
    return _of_dicom(content)


def _of_png(content: bytes) -> DeclaredSize | None:
    """IHDR comes first (ISO/IEC 15948, "Image header")."""
    if content[12:16] != b"IHDR":
        return None
    return DeclaredSize(int.from_bytes(content[16:20], "big"), int.from_bytes(content[20:24], "big"))


def _of_jpeg(content: bytes) -> DeclaredSize | None:
    try:
        header = frame_header(list(segments(content)))
    except Unfit:
        return None
    return DeclaredSize(header.width, header.height)


def _of_dicom(content: bytes) -> DeclaredSize | None:
    """(0028,0010) Rows and (0028,0011) Columns."""
    from chexnet.radiograph.dicom import pydicom_muted, read_part10

    try:
        with pydicom_muted():
            elements, _ = read_part10(content, ("Rows", "Columns"), [])
            rows, columns = elements.integer("Rows"), elements.integer("Columns")
    except Unfit:
        return None
    return None if rows is None or columns is None else DeclaredSize(columns, rows)
