"""DICOM to Radiograph: header, pixel cells, grey scale. Sections are of the DICOM Standard."""

import numpy as np

from chexnet.arrays import UInt16
from chexnet.radiograph.dicom.description import described
from chexnet.radiograph.dicom.elements import Elements, label
from chexnet.radiograph.dicom.file_format import pydicom_muted, read_part10
from chexnet.radiograph.dicom.grey_scale import grey_of, grey_scale
from chexnet.radiograph.dicom.pixel_data import NATIVE, PixelHeader, encapsulated_patterns, native_patterns
from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.limits import size_problem
from chexnet.radiograph.radiograph import Radiograph

_MODALITIES = ("CR", "DX")

_MODALITY_OF_CLASS = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX",
}
"""SOP classes of radiographs (PS3.4 B.5)."""

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

_KEYWORDS = (
    "SpecificCharacterSet",
    "SOPClassUID",
    "SOPInstanceUID",
    "AccessionNumber",
    "Modality",
    "PresentationIntentType",
    "PatientID",
    "PatientSex",
    "PatientAge",
    "BodyPartExamined",
    "ImagerPixelSpacing",
    "ViewPosition",
    "ViewCodeSequence",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelPaddingValue",
    "PixelPaddingRangeLimit",
    "BurnedInAnnotation",
    "WindowCenter",
    "WindowWidth",
    "RescaleIntercept",
    "RescaleSlope",
    "VOILUTFunction",
    "ModalityLUTSequence",
    "VOILUTSequence",
    "PresentationLUTShape",
    "PixelData",
)
"""All that is read; pydicom skips every other element."""


def read_dicom(data: bytes, name: str, window: int, notes: list[str]) -> Radiograph:
    """The DICOM file as a radiograph; what had to be assumed is appended to the notes.

    Raises:
        Unfit: no CR or DX image of one grey frame, or a damaged one; the message names the element.
    """
    with pydicom_muted():
        elements, transfer_syntax = read_part10(data, _KEYWORDS, notes)
        modality = _modality(elements, notes)
        _check_kind(elements, notes)
        header = _pixel_header(elements, notes)
        scale = grey_scale(elements, header, notes)
        if window and window >= len(scale.voi):
            raise Unfit(f"VOI transformation {window} was asked for; expected less than {len(scale.voi)}")
        patterns = _patterns(elements, header, transfer_syntax, notes)
        description = described(elements, notes)
    pixels = grey_of(patterns, scale, window, notes)
    pixels.flags.writeable = False
    return Radiograph(pixels, name, "DICOM", modality=modality, **description, notes=tuple(notes))


def _modality(elements: Elements, notes: list[str]) -> str | None:
    """(0008,0060) Modality, or what the SOP class implies (PS3.3 C.7.3.1.1.1)."""
    modality = elements.string("Modality")
    if modality is not None:
        if modality.upper() not in _MODALITIES:
            raise Unfit(f'{label("Modality")} is "{modality}"; expected "CR" or "DX"')
        return modality.upper()
    sop_class = elements.string("SOPClassUID")
    if sop_class in _MODALITY_OF_CLASS:
        notes.append(f"{label('Modality')} is missing; taken from the SOP class")
        return _MODALITY_OF_CLASS[sop_class]
    if sop_class in (None, _SECONDARY_CAPTURE):
        notes.append(f"{label('Modality')} is missing; a radiograph was assumed")
        return None
    raise Unfit(f'{label("Modality")} is missing and the SOP class is "{sop_class}"; expected "CR" or "DX"')


def _check_kind(elements: Elements, notes: list[str]) -> None:
    """One grey frame (PS3.3 C.7.6.3.1)."""
    if elements.encoded("PixelData") is None:
        raise Unfit(f"no {label('PixelData')}, or a truncated file; expected an image")
    photometric = elements.string("PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2"):
        raise Unfit(
            f'{label("PhotometricInterpretation")} is "{photometric or ""}"; '
            'expected "MONOCHROME1" or "MONOCHROME2"'
        )
    samples = elements.integer("SamplesPerPixel")
    if samples not in (None, 1):
        raise Unfit(f"{label('SamplesPerPixel')} is {samples}; expected 1")
    frames = elements.numbers("NumberOfFrames")
    if frames and frames[0] != 1:
        raise Unfit(f"{label('NumberOfFrames')} is {frames[0]:g}; expected 1")
    if elements.string("PresentationIntentType") == "FOR PROCESSING":
        notes.append(
            f"{label('PresentationIntentType')} is FOR PROCESSING: grey values not meant for display"
        )


def _pixel_header(elements: Elements, notes: list[str]) -> PixelHeader:
    """The Image Pixel module, checked (PS3.3 C.7.6.3)."""
    rows, columns = _required(elements, "Rows"), _required(elements, "Columns")
    if problem := size_problem(columns, rows):
        raise Unfit(problem)
    allocated, stored = _required(elements, "BitsAllocated"), _required(elements, "BitsStored")
    if allocated not in (8, 16):
        raise Unfit(f"{label('BitsAllocated')} is {allocated}; expected 8 or 16")
    if not 1 <= stored <= allocated:
        raise Unfit(f"{label('BitsStored')} is {stored}; expected 1 to {allocated}")
    high_bit = elements.integer("HighBit")
    if high_bit is None or not stored - 1 <= high_bit < allocated:
        notes.append(f"{label('HighBit')} is {high_bit}; {stored - 1} was assumed")
        high_bit = stored - 1
    signed = elements.integer("PixelRepresentation")
    if signed not in (0, 1):
        notes.append(f"{label('PixelRepresentation')} is {signed}; unsigned was assumed")
    return PixelHeader(rows, columns, allocated, stored, high_bit, signed == 1)


def _required(elements: Elements, keyword: str) -> int:
    value = elements.integer(keyword)
    if value is None:
        raise Unfit(f"no {label(keyword)}; expected a number")
    return value


def _patterns(
    elements: Elements, header: PixelHeader, transfer_syntax: str, notes: list[str]
) -> UInt16[np.ndarray, "rows columns"]:
    encoded = elements.encoded("PixelData") or b""
    length = elements.declared_length("PixelData")
    if length is not None and length != len(encoded):
        raise Unfit(f"{len(encoded)} bytes of {label('PixelData')}; expected {length}")
    if transfer_syntax in NATIVE:
        vr = elements.vr("PixelData")
        return native_patterns(encoded, header, little_endian=elements.little_endian, vr=vr, notes=notes)
    return encapsulated_patterns(encoded, header, transfer_syntax)
