"""The objects of one image: which are made, and of what."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chexnet.classifier import Classifier, Prediction, contours_of
from chexnet.pacs.objects.capture import capture
from chexnet.pacs.objects.inherited import source_header
from chexnet.pacs.objects.measurement_report import Outlines, measurement_report
from chexnet.pacs.objects.presentation_state import presentation_state
from chexnet.pacs.objects.result import Predecessor, Reading, ResultObject, called
from chexnet.pacs.objects.text_report import text_report
from chexnet.radiograph import Radiograph

__all__ = ["ObjectSet", "Predecessor", "ResultObject", "measured_worth", "result_objects"]

ReportForm = Literal["3d", "comprehensive", "air", "none"]


@dataclass(frozen=True)
class ObjectSet:
    """Which results an image gets.

    Attributes:
        capture: a Secondary Capture with contours burned in, of images with called findings.
        report: the structured report: Comprehensive 3D SR ("3d"), Comprehensive SR for archives that take
            no 3D SR ("comprehensive"), measurement groups of every finding for displays that follow IHE
            AIR ("air"), or "none".
        presentation_state: contours as a Grayscale Softcopy Presentation State.
    """

    capture: bool = True
    report: ReportForm = "3d"
    presentation_state: bool = False

    def __post_init__(self) -> None:
        if self.report not in ("3d", "comprehensive", "air", "none"):
            raise ValueError(f'report is "{self.report}"; expected "3d", "comprehensive", "air" or "none"')
        if not (self.capture or self.presentation_state) and self.report == "none":
            raise ValueError("no object is asked for; expected a capture, a report or a presentation state")


def result_objects(
    content: bytes,
    radiograph: Radiograph | None,
    prediction: Prediction,
    *,
    made_at: datetime,
    objects: ObjectSet = ObjectSet(),
    worth: dict[str, str] | None = None,
    predecessors: tuple[Predecessor, ...] = (),
) -> list[ResultObject]:
    """Make the DICOM objects of one prediction.

    With called findings: the capture, the report with contours and, if asked for, the presentation state.
    Without, and for a refused image: a text report alone. The same arguments give the same bytes.

    Args:
        content: the source, a DICOM file.
        radiograph: as it was read from the source; a refusal needs none.
        prediction: of it, with status "ok" or "refused".
        made_at: the time that stands in the objects.
        objects: which to make.
        worth: see `measured_worth`.
        predecessors: earlier results of this source that these replace.

    Raises:
        NoStudy: the source has no UIDs to file results under.
        ValueError: the prediction's status is "error".
    """
    if prediction.status == "error":
        raise ValueError(f"{prediction.reason}; expected a prediction or a refusal")
    reading = Reading(source_header(content), prediction, made_at, worth or {}, predecessors)
    if not called(prediction):
        return [] if objects.report == "none" else [text_report(reading)]
    if radiograph is None:
        raise ValueError(f"{prediction.image}: no radiograph; called findings are drawn on it")
    outlines = _outlines(radiograph, prediction)
    results = []
    if objects.capture:
        results.append(capture(reading, radiograph, outlines))
    if objects.report != "none":
        # Viewers fail on measurement reports whose groups have no contour.
        with_contours = objects.report == "air" or any(outlines.values())
        report = measurement_report(reading, outlines, objects.report) if with_contours else None
        results.append(report or text_report(reading))
    if objects.presentation_state:
        results.append(presentation_state(reading, radiograph, outlines))
    return results


def _outlines(radiograph: Radiograph, prediction: Prediction) -> Outlines:
    height, width = radiograph.pixels.shape
    if prediction.evidence is None:
        return dict.fromkeys(called(prediction), ())
    return {
        finding: contours_of(prediction.evidence_of(finding), height, width) for finding in called(prediction)
    }


def measured_worth(classifier: Classifier) -> dict[str, str]:
    """By finding, its AUROC on test images with the 95 % interval, or that it was not measured."""
    worth = {}
    for finding in classifier.metadata.findings:
        auroc = finding.auroc
        if auroc is None or auroc.value is None:
            worth[finding.finding] = "not measured"
            continue
        interval = "" if auroc.low is None else f" ({auroc.low:.2f}-{auroc.high:.2f})"
        images = finding.positives + finding.negatives
        worth[finding.finding] = f"AUROC {auroc.value:.2f}{interval} on {images} test images"
    return worth
