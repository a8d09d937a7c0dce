"""How large a picture a file declares, before anything is decoded."""

from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.jpeg import frame_header, segments

_PNG = b"\x89PNG\r\n\x1a\n"


def declared_pixels(content: bytes) -> int | None:
    """Width times height as the header says; None where it says nothing, which reading will tell of."""
    if content.startswith(_PNG):
        return _png(content)
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg(content)
    return _dicom(content)


def _png(content: bytes) -> int | None:
    """IHDR comes first (ISO/IEC 15948, "Image header")."""
    if content[12:16] != b"IHDR":
        return None
    return int.from_bytes(content[16:20], "big") * int.from_bytes(content[20:24], "big")


def _jpeg(content: bytes) -> int | None:
    try:
        header = frame_header(list(segments(content)))
    except Unfit:
        return None
    return header.width * header.height


def _dicom(content: bytes) -> int | None:
    """(0028,0010) Rows times (0028,0011) Columns."""
    from chexnet.radiograph.dicom.file_format import PARSER_FAILURES, pydicom_muted, read_part10

    try:
        with pydicom_muted():
            elements, _ = read_part10(content, ("Rows", "Columns"), [])
            rows, columns = elements.integer("Rows"), elements.integer("Columns")
    except (Unfit, *PARSER_FAILURES):
        return None
    return None if rows is None or columns is None else rows * columns
