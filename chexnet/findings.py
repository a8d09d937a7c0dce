"""The 14 findings as clinical terms: names for people, codes for machines, and how sure each code is."""

from dataclasses import dataclass
from enum import Enum

from chexnet.paper import PATHOLOGIES


class CodeStatus(Enum):
    """How a code was checked. A code that was not is left out rather than guessed."""

    DICOM = "in DICOM PS3.16"
    THIRD_PARTIES = "independent sources agree"
    ONE_SOURCE = "one source only"
    RADLEX = "seen in RadLex"


@dataclass(frozen=True)
class Code:
    """A coded concept, as DICOM writes it (PS3.3, 8.8).

    Attributes:
        value: Code Value (0008,0100).
        scheme: Coding Scheme Designator (0008,0102): SCT is SNOMED CT.
        meaning: Code Meaning (0008,0104).
        status: how the code was checked.
    """

    value: str
    scheme: str
    meaning: str
    status: CodeStatus


@dataclass(frozen=True)
class Finding:
    """A pathology of the paper as radiologists and systems know it.

    Attributes:
        name: as ChestX-ray14 labels it and the model file stores it.
        display: for people.
        code: SNOMED CT, or DICOM's own; None where no checked code is known.
        radlex: RadLex; None likewise.
    """

    name: str
    display: str
    code: Code | None
    radlex: Code | None


def _sct(value: str, meaning: str, status: CodeStatus) -> Code:
    return Code(value, "SCT", meaning, status)


def _radlex(value: str, meaning: str, status: CodeStatus = CodeStatus.RADLEX) -> Code:
    return Code(value, "RADLEX", meaning, status)


_P, _T, _ONE = CodeStatus.DICOM, CodeStatus.THIRD_PARTIES, CodeStatus.ONE_SOURCE

_ALL = (
    Finding(
        "Atelectasis", "Atelectasis", _sct("46621007", "Atelectasis", _T), _radlex("RID28493", "atelectasis")
    ),
    # RadLex has no entry for an enlarged heart as a finding.
    Finding("Cardiomegaly", "Cardiomegaly", _sct("8186001", "Cardiomegaly", _T), None),
    Finding(
        "Effusion",
        "Pleural effusion",
        _sct("60046008", "Pleural effusion", _P),
        _radlex("RID34539", "pleural effusion"),
    ),
    # PS3.16 CID 6104 codes the infiltrate with DICOM's own code; SNOMED CT has no fitting finding.
    Finding("Infiltration", "Infiltration", Code("112121", "DCM", "Infiltrate", _P), None),
    Finding("Mass", "Mass", _sct("4147007", "Mass", _P), _radlex("RID39056", "mass")),
    Finding("Nodule", "Nodule", _sct("27925004", "Nodule", _P), _radlex("RID50149", "nodule")),
    Finding("Pneumonia", "Pneumonia", _sct("233604007", "Pneumonia", _T), _radlex("RID5350", "pneumonia")),
    Finding(
        "Pneumothorax",
        "Pneumothorax",
        _sct("36118008", "Pneumothorax", _P),
        _radlex("RID5352", "pneumothorax"),
    ),
    Finding(
        "Consolidation",
        "Consolidation",
        _sct("95436008", "Lung consolidation", _T),
        _radlex("RID43255", "consolidation"),
    ),
    Finding("Edema", "Pulmonary edema", _sct("19242006", "Pulmonary edema", _P), _radlex("RID4866", "edema")),
    Finding(
        "Emphysema", "Emphysema", _sct("87433001", "Pulmonary emphysema", _T), _radlex("RID4799", "emphysema")
    ),
    Finding(
        "Fibrosis",
        "Fibrosis",
        _sct("51615001", "Fibrosis of lung", _T),
        _radlex("RID3820", "fibrosis", _ONE),
    ),
    # No code for pleural thickening could be checked.
    Finding("Pleural_Thickening", "Pleural thickening", None, None),
    Finding(
        "Hernia", "Hiatal hernia", _sct("84089009", "Hiatal hernia", _T), _radlex("RID4895", "hernia", _ONE)
    ),
)

FINDINGS: dict[str, Finding] = {finding.name: finding for finding in _ALL}
"""By name, in the order of Table 2."""

assert tuple(FINDINGS) == PATHOLOGIES


def display_name(finding: str) -> str:
    """What people read; a name that is not the paper's is shown as it is, without underscores."""
    return FINDINGS[finding].display if finding in FINDINGS else finding.replace("_", " ")
