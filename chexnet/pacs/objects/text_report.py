"""The report in words: nothing was called, the image was refused, or no contour can be given."""

from pydicom.dataset import Dataset
from pydicom.uid import EnhancedSRStorage

from chexnet.pacs.objects.content_items import (
    COMMENT,
    NOTICE,
    PRIVATE,
    SOURCE,
    Concept,
    container,
    finding_concept,
    image,
    text,
)
from chexnet.pacs.objects.measurement_report import verdict
from chexnet.pacs.objects.report_document import algorithm, report
from chexnet.pacs.objects.result import Reading, ResultObject, called

TITLE: Concept = ("MODEL_RESULT", PRIVATE, "Result of a research model, not for diagnosis")
"""Not 126000: viewers take that title for measurements, and fail where there are none."""

_FINDINGS: Concept = ("121070", "DCM", "Findings")
_SUMMARY: Concept = ("121111", "DCM", "Summary")


def text_report(reading: Reading) -> ResultObject:
    """An Enhanced SR with a summary, every finding, and what reading the image had to assume."""
    prediction = reading.prediction
    policy = next((finding.policy for finding in prediction.findings if finding.policy), None)
    findings = [
        text(
            "CONTAINS", finding_concept(finding.finding), verdict(finding, reading.worth.get(finding.finding))
        )
        for finding in prediction.findings
    ]
    children: list[Dataset] = [
        container("CONTAINS", _SUMMARY, [text("CONTAINS", COMMENT, line) for line in _summary(reading)]),
        *([container("CONTAINS", _FINDINGS, findings)] if findings else []),
        container(
            "CONTAINS",
            ("111028", "DCM", "Image Library"),
            [
                # A viewer that shows reports as text fails on an image without a name.
                image("CONTAINS", reading.source, SOURCE),
                *algorithm(reading, policy),
            ],
        ),
    ]
    return report(reading, EnhancedSRStorage, TITLE, children)


def _summary(reading: Reading) -> list[str]:
    prediction = reading.prediction
    if prediction.status == "refused":
        reason = (prediction.reason or "").removeprefix(f"{prediction.image}: ")
        return [f"The image was refused: {reason}", NOTICE]
    names = called(prediction)
    verdict = f"At their thresholds: {', '.join(names)}" if names else "No finding at its threshold"
    return [verdict, NOTICE, *prediction.notes]
