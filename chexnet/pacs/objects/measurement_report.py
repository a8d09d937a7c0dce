"""The structured report of called findings: TID 1500, built by hand (PS3.16).

Each called finding is a planar group with its contour, because viewers fail on groups without one; what is
not called stands in qualitative evaluations.
"""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.uid import Comprehensive3DSRStorage, ComprehensiveSRStorage

from chexnet.arrays import Float64
from chexnet.classifier import FindingPrediction
from chexnet.findings import display_name
from chexnet.pacs.objects.content_items import (
    CHEST,
    COMMENT,
    FINDING,
    MODALITIES,
    NOTICE,
    PERCENT,
    SOURCE,
    code,
    container,
    finding_concept,
    image,
    number,
    outline,
    private_concept,
    text,
    uid_reference,
)
from chexnet.pacs.objects.identifiers import derived_uid
from chexnet.pacs.objects.report_document import algorithm, report
from chexnet.pacs.objects.result import Reading, ResultObject

Outlines = dict[str, tuple[Float64[np.ndarray, "_ 2"], ...]]
"""Contours of each called finding, in pixels of the source."""

TITLE = ("126000", "DCM", "Imaging Measurement Report")

_GROUP = ("125007", "DCM", "Measurement Group")
_CHEST_RADIOGRAPHY = ("399208008", "SCT", "Plain chest X-ray")


def measurement_report(reading: Reading, outlines: Outlines, form: str) -> ResultObject:
    """The report; `form` is "3d", "comprehensive" or "air"."""
    findings = reading.prediction.findings
    groups = [
        _planar_group(reading, finding, polygon, (part, len(outlines[finding.finding])))
        for finding in findings
        for part, polygon in enumerate(outlines.get(finding.finding, ()), start=1)
    ]
    rest = [finding for finding in findings if not outlines.get(finding.finding)]
    if form == "air":
        groups += [_image_group(reading, finding) for finding in rest]
        rest = []
    children = [
        code("HAS CONCEPT MOD", ("121058", "DCM", "Procedure Reported"), _CHEST_RADIOGRAPHY),
        _image_library(reading),
        container("CONTAINS", ("126010", "DCM", "Imaging Measurements"), groups),
        container(
            "CONTAINS",
            ("C0034375", "UMLS", "Qualitative Evaluations"),
            [*(_evaluation(finding, reading) for finding in rest), *_comments(reading)],
        ),
    ]
    sop_class = ComprehensiveSRStorage if form == "comprehensive" else Comprehensive3DSRStorage
    return report(reading, sop_class, TITLE, children, template="1500")


def _image_library(reading: Reading) -> Dataset:
    """TID 1600, by hand: libraries ask for spacing and orientation, which many radiographs lack."""
    source = reading.source
    entries = [code("HAS ACQ CONTEXT", ("123014", "DCM", "Target Region"), CHEST)]
    if source.modality in MODALITIES:
        entries.insert(0, code("HAS ACQ CONTEXT", ("121139", "DCM", "Modality"), MODALITIES[source.modality]))
    group = container(
        "CONTAINS", ("126200", "DCM", "Image Library Group"), [*entries, image("CONTAINS", source)]
    )
    return container("CONTAINS", ("111028", "DCM", "Image Library"), [group])


def _planar_group(
    reading: Reading,
    finding: FindingPrediction,
    polygon: Float64[np.ndarray, "_ 2"],
    part: tuple[int, int],
) -> Dataset:
    """One contour of a called finding (TID 1410)."""
    children = _heading(reading, finding, part)
    children.append(outline(reading.source, polygon))
    return container("CONTAINS", _GROUP, [*children, *_numbers(finding)], template="1410")


def _image_group(reading: Reading, finding: FindingPrediction) -> Dataset:
    """A finding of the whole image (TID 1501), as IHE AIR asks for it."""
    source = image("CONTAINS", reading.source, SOURCE)
    children = [*_heading(reading, finding, (1, 1)), source, *_numbers(finding)]
    return container("CONTAINS", _GROUP, children, template="1501")


def _heading(reading: Reading, finding: FindingPrediction, part: tuple[int, int]) -> list[Dataset]:
    """Tracking identifiers, the finding, the algorithm."""
    name = display_name(finding.finding)
    label = name if part[1] == 1 else f"{name}, part {part[0]} of {part[1]}"
    tracking = derived_uid(
        "tracking",
        reading.source.sop_instance_uid,
        reading.prediction.model.sha256,
        finding.finding,
        str(part[0]),
    )
    return [
        text("HAS OBS CONTEXT", ("112039", "DCM", "Tracking Identifier"), label),
        uid_reference("HAS OBS CONTEXT", ("112040", "DCM", "Tracking Unique Identifier"), tracking),
        code("CONTAINS", FINDING, finding_concept(finding.finding)),
        *algorithm(reading, finding.policy),
    ]


def _numbers(finding: FindingPrediction) -> list[Dataset]:
    """Probability and threshold; their code meanings name the finding, as viewers show only them."""
    name = display_name(finding.finding)
    numbers = [
        number(
            "CONTAINS",
            private_concept(f"P_{finding.finding}", f"{name} probability"),
            100 * finding.probability,
            PERCENT,
        )
    ]
    if finding.threshold is not None:
        numbers.append(
            number(
                "CONTAINS",
                private_concept(f"T_{finding.finding}", f"{name} threshold"),
                100 * finding.threshold,
                PERCENT,
            )
        )
    return numbers


def _evaluation(finding: FindingPrediction, reading: Reading) -> Dataset:
    """A finding without a contour, in words."""
    return text(
        "CONTAINS", finding_concept(finding.finding), verdict(finding, reading.worth.get(finding.finding))
    )


def verdict(finding: FindingPrediction, worth: str | None = None) -> str:
    """Probability, threshold and policy of a finding in one sentence."""
    line = f"probability {finding.probability:.1%}"
    if finding.threshold is not None:
        side = "at or above" if finding.present else "below"
        line += f", {side} its threshold {finding.threshold:.1%} ({finding.policy})"
    elif not finding.validated:
        line += ", too few to tell"
    return line if worth is None else f"{line}; {worth}"


def _comments(reading: Reading) -> list[Dataset]:
    worth = [
        f"{display_name(finding.finding)}: {reading.worth[finding.finding]}"
        for finding in reading.prediction.findings
        if finding.present and finding.finding in reading.worth
    ]
    return [text("CONTAINS", COMMENT, line) for line in (NOTICE, *worth, *reading.prediction.notes)]
