"""One DICOM file -> Radiograph."""

from chexnet.radiograph.dicom.elements import PARSER_FAILURES
from chexnet.radiograph.dicom.file_format import pydicom_muted, read_part10
from chexnet.radiograph.dicom.image import read_dicom

__all__ = [
    "PARSER_FAILURES",
    "pydicom_muted",
    "read_dicom",
    "read_part10",
]
