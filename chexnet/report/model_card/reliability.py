"""The card's section on calibration, and its picture."""

from chexnet.classifier import CalibrationTest, ModelMetadata
from chexnet.findings import display_name
from chexnet.report.model_card.schema import ModelEvaluation
from chexnet.report.tables import Grid


def describe_calibration(
    metadata: ModelMetadata, evaluation: ModelEvaluation | None, picture: str | None
) -> str:
    """Return the section on calibration, with a link to the picture of the diagrams if there is one."""
    tests = _calibration_tests(metadata, evaluation)
    if not tests:
        return "Not measured.\n"
    rows = [
        (
            display_name(one.finding),
            "none" if one.calibration.is_identity else "Platt",
            *(f"{when.ece:.3f}" for when in (test.before, test.after)),
            *(f"{when.brier:.4f}" for when in (test.before, test.after)),
            "" if one.validated else "too few to tell",
        )
        for one in metadata.findings
        if (test := tests.get(one.finding)) is not None
    ]
    head = ("finding", "scaling", "ECE before", "after", "Brier before", "after", "")
    text = (
        "Platt scaling, fitted on validation images; a finding with too few of them keeps the plain "
        "sigmoid. Measured on the test images. ECE has 15 bins of equal width. Even for a perfect model it "
        "is not 0 and grows as images get fewer, so small differences say nothing.\n\n"
        f"{Grid(head, rows).markdown()}\n"
    )
    return (
        text if picture is None else f"{text}\n![Reliability diagrams of the validated findings]({picture})\n"
    )


def draw_reliability(metadata: ModelMetadata, evaluation: ModelEvaluation | None) -> bytes:
    """Return the reliability diagrams of the validated findings, as SVG.

    Raises:
        ValueError: there is none to draw.
    """
    # Imported here: a card without a picture needs no matplotlib.
    from chexnet.report.figures import calibration_figure, save

    tests = _calibration_tests(metadata, evaluation)
    shown = {
        one.finding: {"before": vars(test.before), "after": vars(test.after)}
        for one in metadata.findings
        if one.validated and (test := tests.get(one.finding)) is not None
    }
    if not shown:
        raise ValueError("no reliability diagram to draw: no validated finding has one")
    return save(calibration_figure(shown))


def _calibration_tests(
    metadata: ModelMetadata, evaluation: ModelEvaluation | None
) -> dict[str, CalibrationTest]:
    """Measured from the file, or as training wrote them into it."""
    if evaluation is not None:
        return evaluation.calibration
    return {
        one.finding: one.calibration_test for one in metadata.findings if one.calibration_test is not None
    }
