"""What results inherit from the source image: patient and study, repaired or left out where invalid."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydicom import dcmread
from pydicom.charset import convert_encodings, decode_bytes, encode_string, python_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from chexnet.radiograph.dicom import PARSER_FAILURES, pydicom_muted

UTF_8 = "ISO_IR 192"

_TEXT_VRS = ("LO", "SH", "PN", "ST", "LT", "UT", "UC")
"""Value representations that Specific Character Set applies to (PS3.5 6.1.2.2)."""

_DAMAGED = re.compile("[\ufffd\x80-\x9f]")
"""No letters: what decoders put in for bytes that they cannot read, and control characters of Latin-1."""

_DELIMITERS = {0x5C, 0x0D, 0x0A, 0x09, 0x0C}
_NAME_DELIMITERS = {0x5C, 0x5E, 0x3D}

_EMPTY_WHERE_UNKNOWN = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)
"""Type 2 attributes of the Patient and General Study modules (PS3.3 C.7.1.1, C.7.2.1)."""

INHERITED = (
    *_EMPTY_WHERE_UNKNOWN,
    "IssuerOfPatientID",
    "PatientAge",
    "PatientSize",
    "PatientWeight",
    "StudyDescription",
)
"""What every result carries of its source; private attributes are never copied."""

_OF_THE_IMAGE = ("PatientOrientation", "Laterality", "BodyPartExamined")
"""What a derived image and a presentation state carry besides."""

_UNPAIRED = ("CHEST", "LUNG", "THORAX")
"""Body parts that have no Laterality, though some sources give one."""


class NoStudy(ValueError):
    """The source lacks the UIDs under which a result is filed; the message names the first missing one."""


@dataclass(frozen=True)
class SourceHeader:
    """The source image as its results refer to it.

    Attributes:
        study_uid: (0020,000D).
        series_uid: (0020,000E).
        sop_class_uid: (0008,0016).
        sop_instance_uid: (0008,0018).
        modality: (0008,0060), upper case; empty where it is missing.
        character_set: (0008,0005) of the results, one term for each value; empty for the default.
        attributes: inherited values by keyword, decoded, valid for their value representation.
        dataset: the source without its pixels, for the modules that only some results need.
        notes: what was repaired or left out; attributes are named, their values are not.
    """

    study_uid: str
    series_uid: str
    sop_class_uid: str
    sop_instance_uid: str
    modality: str
    character_set: tuple[str, ...]
    attributes: dict[str, str]
    dataset: Dataset
    notes: tuple[str, ...]


def source_header(content: bytes) -> SourceHeader:
    """Read the header of a DICOM file.

    Raises:
        NoStudy: it is not DICOM, or has no valid Study, Series or SOP Instance UID.
    """
    notes: list[str] = []
    with pydicom_muted():
        try:
            dataset = dcmread(io.BytesIO(content), force=True, stop_before_pixels=True)
            raw = {keyword: _raw(dataset, keyword) for keyword in (*INHERITED, *_OF_THE_IMAGE)}
        except PARSER_FAILURES as error:
            raise NoStudy(f"the DICOM header cannot be read ({type(error).__name__})") from error
        uids = [_uid(dataset, keyword) for keyword in _UIDS]
        character_set, texts = _decoded(dataset, raw, notes)
        attributes = _valid(raw, texts, notes)
    study, series, sop_class, instance = uids
    return SourceHeader(
        study_uid=study,
        series_uid=series,
        sop_class_uid=sop_class,
        sop_instance_uid=instance,
        modality=_ascii(_raw(dataset, "Modality")).upper(),
        character_set=character_set,
        attributes=attributes,
        dataset=dataset,
        notes=tuple(notes),
    )


_UIDS = ("StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID", "SOPInstanceUID")


def _raw(dataset: Dataset, keyword: str) -> bytes:
    """The element's bytes as they stand in the file, without padding; empty where there are none."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    if tag not in dataset:
        return b""
    element = dataset.get_item(tag)
    value = element.value if element is not None else None
    if not isinstance(element, RawDataElement):
        # pydicom has decoded it already, as it does with the character set.
        values = value if isinstance(value, MultiValue) else [value or ""]
        value = "\\".join(str(one) for one in values).encode("utf-8", "replace")
    return bytes(value or b"").strip(b"\0 ")


def _ascii(raw: bytes) -> str:
    return raw.decode("ascii", "replace").strip("\0 ")


def _uid(dataset: Dataset, keyword: str) -> str:
    value = _ascii(_raw(dataset, keyword))
    if not value:
        raise NoStudy(f"no {keyword}; expected a DICOM file with the UIDs of study, series and image")
    # A component with a leading zero is invalid but frequent, and the result must name it as it is.
    if not re.fullmatch(r"[0-9.]{1,64}", value):
        raise NoStudy(f"{keyword} is not a UID; expected digits and periods, at most 64 characters")
    return value


def _decoded(
    dataset: Dataset, raw: dict[str, bytes], notes: list[str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """The character set of the results, and each inherited text.

    The source's own set where all of its texts can be read in it and written back; otherwise ISO_IR 192,
    so that no name loses a letter.
    """
    terms = [term.strip("\0 ") for term in _ascii(_raw(dataset, "SpecificCharacterSet")).split("\\")]
    texts = {keyword: value for keyword, value in raw.items() if dictionary_VR(keyword) in _TEXT_VRS}
    if all(value.isascii() and b"\x1b" not in value for value in texts.values()):
        declared = tuple(terms) if _encodings(terms) and any(terms) else ()
        return declared, {keyword: value.decode("ascii") for keyword, value in texts.items()}
    encodings = _encodings(terms) if any(terms) else []
    read = {keyword: _read(keyword, value, encodings) for keyword, value in texts.items()}
    if encodings and all(text is not None for text in read.values()):
        return tuple(terms), {keyword: text or "" for keyword, text in read.items()}
    bad = [keyword for keyword, text in read.items() if text is None]
    notes.append(f"{', '.join(bad)} not in the declared character set; results use {UTF_8}")
    return (UTF_8,), {
        keyword: _guessed(texts[keyword]) if text is None else text for keyword, text in read.items()
    }


def _encodings(terms: list[str]) -> list[str]:
    """Python's names of the DICOM character sets; none where a term is unknown."""
    if not all(term in python_encoding for term in terms):
        return []
    return convert_encodings(list(terms))


def _read(keyword: str, raw: bytes, encodings: list[str]) -> str | None:
    """The text, or None where it cannot be decoded and encoded again without loss."""
    if raw.isascii() and b"\x1b" not in raw:
        return raw.decode("ascii")
    if not encodings:
        return None
    delimiters = _NAME_DELIMITERS if dictionary_VR(keyword) == "PN" else _DELIMITERS
    try:
        text = decode_bytes(raw, encodings, delimiters)
        again = decode_bytes(encode_string(text, encodings), encodings, delimiters)
    except (LookupError, UnicodeError, ValueError):
        return None
    return text if text == again and not _DAMAGED.search(text) else None


def _guessed(raw: bytes) -> str:
    """UTF-8 where the bytes are that, otherwise Latin-1, in which every byte is a letter."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _valid(raw: dict[str, bytes], texts: dict[str, str], notes: list[str]) -> dict[str, str]:
    """Values that their value representation allows; type 2 attributes are empty where there is none."""
    attributes = {}
    for keyword, content in raw.items():
        text = texts.get(keyword, _ascii(content))
        value = _repaired(keyword, text)
        if value != text:
            notes.append(f"{keyword} is invalid; it was {'repaired' if value else 'left out'}")
        if value or keyword in _EMPTY_WHERE_UNKNOWN:
            attributes[keyword] = value
    return attributes


def _repaired(keyword: str, text: str) -> str:
    """The value as the Standard allows it (PS3.5 6.2), or an empty one."""
    if keyword in _CHECKS:
        return _CHECKS[keyword](text)
    return _BY_VR.get(dictionary_VR(keyword), _printable)(text) if text else ""


def _printable(text: str) -> str:
    return "".join(character for character in text if character.isprintable())


def _date(text: str) -> str:
    digits = re.sub(r"[.\-/]", "", text)
    try:
        datetime.strptime(digits, "%Y%m%d")
    except ValueError:
        return ""
    return digits if len(digits) == 8 else ""


def _time(text: str) -> str:
    compact = text.replace(":", "")
    allowed = re.fullmatch(r"([01]\d|2[0-3])([0-5]\d)?([0-5]\d|60)?", compact.split(".")[0])
    fraction = re.fullmatch(r"\d{6}(\.\d{1,6})?|\d{2}|\d{4}", compact)
    return compact if allowed and fraction else ""


def _age(text: str) -> str:
    """`81` is left out: nothing says that it means years."""
    return text if re.fullmatch(r"\d{3}[DWMY]", text) else ""


def _code_string(text: str) -> str:
    values = [value.strip().upper() for value in text.split("\\")]
    return "\\".join(values) if all(re.fullmatch(r"[A-Z0-9_ ]{0,16}", value) for value in values) else ""


def _decimal(text: str) -> str:
    return text if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text) and len(text) <= 16 else ""


def _one_of(*allowed: str) -> Callable[[str], str]:
    return lambda text: text.upper() if text.upper() in allowed else ""


_BY_VR: dict[str, Callable[[str], str]] = {
    "DA": _date,
    "TM": _time,
    "AS": _age,
    "CS": _code_string,
    "DS": _decimal,
}

_CHECKS: dict[str, Callable[[str], str]] = {
    "PatientSex": _one_of("M", "F", "O"),
    "Laterality": _one_of("L", "R"),
}


def inherit(result: Dataset, header: SourceHeader, keywords: tuple[str, ...] = INHERITED) -> None:
    """Set the inherited attributes of a result."""
    if header.character_set:
        result.SpecificCharacterSet = list(header.character_set)
    for keyword in keywords:
        if keyword in header.attributes:
            value: Any = header.attributes[keyword]
            setattr(result, keyword, value.split("\\") if dictionary_VR(keyword) == "CS" else value)


def inherit_orientation(result: Dataset, header: SourceHeader) -> None:
    """Set body part, orientation and side; Laterality is empty where nothing says which part it is.

    An unpaired part has none, and of other parts it is required, if only empty (PS3.3 C.7.3.1).
    """
    inherit(result, header, _OF_THE_IMAGE)
    part = header.attributes.get("BodyPartExamined")
    if part in _UNPAIRED:
        result.pop("Laterality", None)
    elif "Laterality" not in result:
        result.Laterality = ""
