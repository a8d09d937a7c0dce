"""DICOM to Radiograph: header, pixel cells, grey scale. Sections are of the DICOM Standard."""

import numpy as np

from chexnet.arrays import UInt16
from chexnet.radiograph.dicom.collimation import COVERING_KEYWORDS, covered_field
from chexnet.radiograph.dicom.colour import GREY, luma, samples_per_pixel
from chexnet.radiograph.dicom.description import described
from chexnet.radiograph.dicom.elements import Elements, label
from chexnet.radiograph.dicom.file_format import pydicom_muted, read_part10
from chexnet.radiograph.dicom.grey_scale import GreyScale, grey_of, grey_scale
from chexnet.radiograph.dicom.kind import check_frames, checked_modality
from chexnet.radiograph.dicom.pixel_data import (
    NATIVE,
    SEQUENCE_DELIMITER,
    PixelHeader,
    encapsulated_patterns,
    native_patterns,
)
from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.limits import size_problem
from chexnet.radiograph.radiograph import Radiograph

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
    "PatientOrientation",
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
    "PixelAspectRatio",
    "PlanarConfiguration",
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
    "RedPaletteColorLookupTableDescriptor",
    "GreenPaletteColorLookupTableDescriptor",
    "BluePaletteColorLookupTableDescriptor",
    "RedPaletteColorLookupTableData",
    "GreenPaletteColorLookupTableData",
    "BluePaletteColorLookupTableData",
    *COVERING_KEYWORDS,
    "PixelData",
)
"""All that is read; pydicom skips every other element."""


def read_dicom(data: bytes, name: str, window: int, notes: list[str]) -> Radiograph:
    """The DICOM file as a radiograph; what had to be assumed is appended to the notes.

    Raises:
        Unfit: not a single-frame projection, or a damaged one; the message names the element.
    """
    with pydicom_muted():
        elements, transfer_syntax = _elements(data, notes)
        modality = checked_modality(elements, notes)
        check_frames(elements, notes)
        samples = samples_per_pixel(elements, notes)
        header = _pixel_header(elements, samples, notes)
        patterns = _patterns(elements, header, transfer_syntax, notes)
        if elements.string("PhotometricInterpretation") in GREY:
            scale = grey_scale(elements, header, notes)
        else:
            patterns, bits = luma(patterns, elements, header.bits_stored)
            scale = GreyScale.of_luma(bits)
        if window and window >= len(scale.voi):
            raise Unfit(f"VOI transformation {window} was asked for; expected less than {len(scale.voi)}")
        description = described(elements, notes)
        field = covered_field(elements, patterns.shape, notes)
    pixels = grey_of(patterns, scale, window, notes)
    pixels.flags.writeable = False
    return Radiograph(
        pixels, name, "DICOM", modality=modality, **description, notes=tuple(notes), field=field
    )


def _elements(data: bytes, notes: list[str]) -> tuple[Elements, str]:
    """All that is read of the file, also where nothing ends its compressed pixels."""
    elements, transfer_syntax = read_part10(data, _KEYWORDS, notes)
    if elements.encoded("PixelData") is not None or transfer_syntax in NATIVE:
        return elements, transfer_syntax
    complete, _ = read_part10(data + SEQUENCE_DELIMITER, _KEYWORDS, [])
    if complete.encoded("PixelData") is None:
        return elements, transfer_syntax
    notes.append(f"the sequence delimiter after {label('PixelData')} is missing; the file's end was taken")
    return complete, transfer_syntax


def _pixel_header(elements: Elements, samples: int, notes: list[str]) -> PixelHeader:
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
    by_plane = elements.integer("PlanarConfiguration") == 1
    return PixelHeader(rows, columns, allocated, stored, high_bit, signed == 1, samples, by_plane)


def _required(elements: Elements, keyword: str) -> int:
    value = elements.integer(keyword)
    if value is None:
        raise Unfit(f"no {label(keyword)}; expected a number")
    return value


def _patterns(
    elements: Elements, header: PixelHeader, transfer_syntax: str, notes: list[str]
) -> UInt16[np.ndarray, "rows columns *samples"]:
    encoded = elements.encoded("PixelData") or b""
    length = elements.declared_length("PixelData")
    if length is not None and length != len(encoded):
        raise Unfit(f"{len(encoded)} bytes of {label('PixelData')}; expected {length}")
    if transfer_syntax in NATIVE:
        vr = elements.vr("PixelData")
        return native_patterns(encoded, header, little_endian=elements.little_endian, vr=vr, notes=notes)
    return encapsulated_patterns(encoded, header, transfer_syntax, notes)
