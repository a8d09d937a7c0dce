"""DICOM to Radiograph: header, pixel cells, grey scale. Sections are of the DICOM Standard."""

from dataclasses import replace
from typing import TypedDict

import numpy as np

from chexnet.arrays import UInt16
from chexnet.radiograph.dicom.elements import Elements, label
from chexnet.radiograph.dicom.file_format import PARSER_FAILURES, pydicom_muted, read_part10
from chexnet.radiograph.dicom.grey_scale import LARGEST, SMALLEST, GreyScale, LookupTable, Window, grey_of
from chexnet.radiograph.dicom.pixel_data import NATIVE, PixelHeader, encapsulated_patterns, native_patterns
from chexnet.radiograph.errors import Unfit
from chexnet.radiograph.limits import size_problem
from chexnet.radiograph.radiograph import Radiograph

MODALITIES = ("CR", "DX")

_MODALITY_OF_CLASS = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX",
}
"""SOP classes of radiographs (PS3.4 B.5)."""

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"

_DAYS_IN = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}

_VIEW_OF_CODE = {
    "272479007": "PA",
    "R-40888": "PA",
    "399348003": "AP",
    "R-10206": "AP",
    "399173006": "LL",
    "R-10236": "LL",
    "399198007": "RL",
    "R-10232": "RL",
}
"""Views of the chest in SNOMED CT, and in the older SNOMED-RT codes for the same (PS3.16 CID 4010)."""

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


def read_dicom(data: bytes, name: str, window: int) -> Radiograph:
    """The DICOM file as a radiograph.

    Raises:
        Unfit: no CR or DX image of one grey frame, or a damaged one; the message names the element.
    """
    notes: list[str] = []
    with pydicom_muted():
        elements, transfer_syntax = read_part10(data, _KEYWORDS, notes)
        modality = _modality(elements, notes)
        _check_kind(elements, notes)
        header = _pixel_header(elements, notes)
        scale = _grey_scale(elements, header, notes)
        if window and window >= len(scale.voi):
            raise Unfit(f"VOI transformation {window} was asked for; expected less than {len(scale.voi)}")
        patterns = _patterns(elements, header, transfer_syntax, notes)
        described = _described(elements)
    pixels = grey_of(patterns, scale, window, notes)
    pixels.flags.writeable = False
    return Radiograph(pixels, name, "DICOM", modality=modality, **described, notes=tuple(notes))


def _modality(elements: Elements, notes: list[str]) -> str | None:
    """(0008,0060) Modality, or what the SOP class implies (PS3.3 C.7.3.1.1.1)."""
    modality = elements.string("Modality")
    if modality is not None:
        if modality.upper() not in MODALITIES:
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


def _grey_scale(elements: Elements, header: PixelHeader, notes: list[str]) -> GreyScale:
    slope, intercept = _rescale(elements, notes)
    modality_lut = _modality_lut(elements, header)
    scale = GreyScale(
        bits_stored=header.bits_stored,
        signed=header.signed,
        modality_lut=modality_lut,
        slope=slope,
        intercept=intercept,
        padding=_padding(elements, header),
        inverted=_inverted(elements, notes),
    )
    signed_input = bool(scale.modality_values().min() < 0)
    voi: tuple[LookupTable | Window, ...] = (
        *_voi_luts(elements, signed_input, notes),
        *_windows(elements, notes),
    )
    if len(voi) > 1:
        notes.append(f"{len(voi)} VOI transformations; the one asked for was applied, by default the first")
    return replace(scale, voi=voi)


def _rescale(elements: Elements, notes: list[str]) -> tuple[float, float]:
    """(0028,1053) and (0028,1052), PS3.3 C.11.1."""
    slope = next(iter(elements.numbers("RescaleSlope")), 1.0)
    intercept = next(iter(elements.numbers("RescaleIntercept")), 0.0)
    if not (SMALLEST <= abs(slope) <= LARGEST and abs(intercept) <= LARGEST):
        notes.append(f"rescale slope {slope:g}, intercept {intercept:g} ignored")
        return 1.0, 0.0
    return slope, intercept


def _modality_lut(elements: Elements, header: PixelHeader) -> LookupTable | None:
    """(0028,3000) Modality LUT Sequence, which excludes Rescale Slope (PS3.3 C.11.1)."""
    items = _items(elements, "ModalityLUTSequence")
    return _lookup_table(items[0], header.signed) if items else None


def _items(elements: Elements, keyword: str) -> list[Elements]:
    try:
        return list(elements.items(keyword))
    except PARSER_FAILURES as error:
        raise Unfit(f"damaged {label(keyword)}; expected a sequence") from error


def _lookup_table(item: Elements, signed_input: bool) -> LookupTable:
    """(0028,3002) LUT Descriptor and (0028,3006) LUT Data (PS3.3 C.11.1.1.1, C.11.2.1.1)."""
    descriptor = item.words("LUTDescriptor")
    if len(descriptor) != 3:
        raise Unfit(f"{label('LUTDescriptor')} has {len(descriptor)} values; expected 3")
    count, first, bits = int(descriptor[0]) or 65536, int(descriptor[1]), int(descriptor[2])
    if (signed_input or item.vr("LUTDescriptor") == "SS") and first >= 32768:
        first -= 65536
    encoded = item.encoded("LUTData") or b""
    if len(encoded) in (count, count + count % 2) and bits <= 8:
        entries = np.frombuffer(encoded[:count], np.uint8).astype(np.int64)
    else:
        entries = item.words("LUTData")
    if len(entries) != count or not 1 <= bits <= 16:
        raise Unfit(
            f"{label('LUTData')} has {len(entries)} entries of {bits} bits; expected {count} of 8 to 16"
        )
    return LookupTable(first, entries, bits)


def _voi_luts(elements: Elements, signed_input: bool, notes: list[str]) -> list[LookupTable]:
    """(0028,3010) VOI LUT Sequence."""
    luts = []
    for item in _items(elements, "VOILUTSequence"):
        try:
            luts.append(_lookup_table(item, signed_input))
        except Unfit as error:
            notes.append(f"a VOI LUT was ignored: {error}")
    return luts


def _windows(elements: Elements, notes: list[str]) -> list[Window]:
    """(0028,1050) Window Center, (0028,1051) Window Width and (0028,1056) VOI LUT Function."""
    centers, widths = elements.numbers("WindowCenter"), elements.numbers("WindowWidth")
    if len(centers) != len(widths):
        notes.append(f"{len(centers)} window centers and {len(widths)} widths; the pairs were taken")
    function = elements.string("VOILUTFunction") or "LINEAR"
    if function not in ("LINEAR", "LINEAR_EXACT", "SIGMOID"):
        notes.append(f'{label("VOILUTFunction")} is "{function}"; LINEAR was assumed')
        function = "LINEAR"
    windows = []
    for center, width in zip(centers, widths, strict=False):
        try:
            windows.append(Window(center, width, function))  # type: ignore[arg-type]
        except ValueError as error:
            notes.append(f"a window was ignored: {error}")
    return windows


def _padding(elements: Elements, header: PixelHeader) -> tuple[int, int] | None:
    """(0028,0120) Pixel Padding Value to (0028,0121) Pixel Padding Range Limit (PS3.3 C.7.5.1.1.2)."""
    value = elements.integer("PixelPaddingValue", signed=header.signed)
    limit = elements.integer("PixelPaddingRangeLimit", signed=header.signed)
    if value is None:
        return None
    return value, value if limit is None else limit


def _inverted(elements: Elements, notes: list[str]) -> bool:
    """Whether the lowest value is white: (0028,0004) Photometric Interpretation (PS3.3 C.7.6.3.1.2).

    (2050,0020) Presentation LUT Shape must say the same again (C.8.11.3). Where it does not, it is
    the shape that is wrong in the files known, and that most viewers ignore.
    """
    monochrome1 = elements.string("PhotometricInterpretation") == "MONOCHROME1"
    shape = elements.string("PresentationLUTShape")
    if shape == ("IDENTITY" if monochrome1 else "INVERSE"):
        notes.append(f"{label('PresentationLUTShape')} {shape} contradicts the Photometric Interpretation")
    return monochrome1


class _Description(TypedDict):
    body_part: str | None
    view_position: str | None
    patient_id: str | None
    patient_sex: str | None
    patient_age_years: float | None
    pixel_spacing_mm: tuple[float, float] | None
    accession_number: str | None
    study_instance_uid: str | None
    series_instance_uid: str | None
    sop_instance_uid: str | None
    sop_class_uid: str | None
    burned_in_annotation: bool | None


def _described(elements: Elements) -> _Description:
    """What the file says of the picture and its patient."""
    sex = (elements.string("PatientSex") or "").upper()
    return {
        "body_part": elements.string("BodyPartExamined"),
        "view_position": _view_position(elements),
        "patient_id": elements.string("PatientID"),
        "patient_sex": sex if sex in ("M", "F", "O") else None,
        "patient_age_years": _age_years(elements.string("PatientAge")),
        "pixel_spacing_mm": _pixel_spacing_mm(elements),
        "accession_number": elements.string("AccessionNumber"),
        "study_instance_uid": elements.string("StudyInstanceUID"),
        "series_instance_uid": elements.string("SeriesInstanceUID"),
        "sop_instance_uid": elements.string("SOPInstanceUID"),
        "sop_class_uid": elements.string("SOPClassUID"),
        "burned_in_annotation": {"YES": True, "NO": False}.get(elements.string("BurnedInAnnotation") or ""),
    }


def _view_position(elements: Elements) -> str | None:
    """(0018,5101) View Position, or else (0054,0220) View Code Sequence (PS3.3 C.8.11.5)."""
    position = elements.string("ViewPosition")
    if position is not None:
        return position.upper()
    codes = (item.string("CodeValue") or "" for item in _items(elements, "ViewCodeSequence"))
    return next((_VIEW_OF_CODE[code] for code in codes if code in _VIEW_OF_CODE), None)


def _age_years(age: str | None) -> float | None:
    """An Age String such as 045Y, 006M, 012W or 003D in years (PS3.5 6.2)."""
    if not age or age[-1].upper() not in _DAYS_IN or not age[:-1].isdecimal():
        return None
    return int(age[:-1]) * _DAYS_IN[age[-1].upper()] / _DAYS_IN["Y"]


def _pixel_spacing_mm(elements: Elements) -> tuple[float, float] | None:
    """Row and column spacing (PS3.3 10.7.1.3)."""
    for keyword in ("PixelSpacing", "ImagerPixelSpacing"):
        spacing = elements.numbers(keyword)
        if len(spacing) == 2 and all(0 < s <= LARGEST for s in spacing):
            return spacing[0], spacing[1]
    return None
