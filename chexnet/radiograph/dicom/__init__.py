"""One DICOM file -> Radiograph."""

from chexnet.radiograph.dicom.header import read_dicom

__all__ = [
    "read_dicom",
]
