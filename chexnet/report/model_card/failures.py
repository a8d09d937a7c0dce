"""The card's sections on errors and confounds: where the model fails, what it reads besides findings."""

from chexnet.classifier import ModelMetadata
from chexnet.findings import display_name
from chexnet.report.model_card.performance import area
from chexnet.report.model_card.schema import Covered, ErrorCount, MeanMap, ModelEvaluation
from chexnet.report.tables import Grid


def describe_failures(evaluation: ModelEvaluation, metadata: ModelMetadata) -> str:
    """Return whom the thresholds miss or call without need, and the answers to computed images."""
    rows = [
        (
            display_name(finding),
            f"{one.missed.images} of {one.present.images}",
            _share(one.missed.ap, one.missed),
            _share(one.present.ap, one.present),
            f"{one.false.images} of {one.absent.images}",
            _share(one.false.other_finding, one.false),
            _share(one.absent.other_finding, one.absent),
        )
        for finding, one in evaluation.errors.items()
    ]
    head = (
        *("finding", "missed", "AP among the missed", "AP among all with it"),
        *("called without it", "other finding among these", "among all without it"),
    )
    pictures = Grid(
        ("picture", "probability of pneumonia"),
        [(one.picture, f"{one.pneumonia:.3f}") for one in evaluation.synthetic],
    )
    return (
        f"At the thresholds of `{metadata.policy}`, on the test images:\n\n{Grid(head, rows).markdown()}\n\n"
        'Where "other finding among these" is above the last column, other findings cause false calls.\n\n'
        "No patient's image is shown here. These are the answers of the network alone, without its gate, to "
        "computed pictures, some of which are not upright chest radiographs at all:\n\n"
        f"{pictures.markdown()}\n\n"
        "A network always gives a number, also for a picture that is not a radiograph.\n"
    )


def _share(part: int, of: ErrorCount) -> str:
    return f"{part / of.images:.0%}" if of.images else "–"


def confounds(evaluation: ModelEvaluation, metadata: ModelMetadata) -> str:
    """Return what was looked for besides findings, as tables: view, period, borders, markers, mean maps."""
    found = evaluation.confounds
    told_apart = Grid(
        ("distinguished", "by the score of", "AUROC (95 % interval)", "images"),
        [(one.what, one.score, area(one), f"{one.present} / {one.absent}") for one in found.told_apart],
    )
    parts = [
        "**View and period.** AUROC of the model's score for something that is not a finding, among images "
        "without any finding; a model that does not see it has 0.5. Patient numbers rise with the year of "
        "the first image.",
        told_apart.markdown(),
        "**Border, corners, markers.** A region is covered with the image's own mean grey: the border of one "
        "sixteenth of the side; squares of one fifth of the side in the corners, where side markers are; "
        "and, as a control, a square in the centre as large as the border. Further rows: the image mirrored, "
        "and letterboxed as screen captures are. Change of AUROC, paired, and mean change of the probability "
        "of pneumonia.",
        _covered(found.covered),
    ]
    if found.mean_maps:
        parts += _mean_maps(found.mean_maps, metadata)
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _covered(rows: tuple[Covered, ...]) -> str:
    questions = ("pneumonia or no finding", "any finding or none", "mean of the findings")
    return Grid(
        ("covered", *questions, "probability of pneumonia"),
        [
            (
                one.what,
                *(change.text(3, signed=True) for change in (one.pneumonia, one.any_finding, one.mean)),
                f"{one.pneumonia_change:.3f}",
            )
            for one in rows
        ],
    ).markdown()


def _mean_maps(maps: dict[str, MeanMap], metadata: ModelMetadata) -> list[str]:
    rows = [
        (
            display_name(one.finding),
            f"{mean.logit_difference:+.2f}",
            f"{mean.border_share:.2f}",
            f"{mean.border_cells:.2f}",
        )
        for one in metadata.findings
        if one.validated and (mean := maps.get(one.finding)) is not None
    ]
    head = ("finding", "difference of the logits", "share in the outermost cells", "share of these cells")
    parts = [
        "**Mean maps.** Mean class activation map of the test images that have a finding less that of the "
        "images without; its mean is the difference of the mean logits. If the difference were the same "
        "everywhere, the share in the outermost cells would be the share of these cells; where it is "
        "larger, the border holds more of it than chance puts there.",
        Grid(head, rows).markdown(),
    ]
    if "Pneumonia" in maps:
        cells = maps["Pneumonia"].difference
        grid = "\n".join(" ".join(f"{value:+.2f}" for value in row) for row in cells)
        parts.append(f"Pneumonia, cell by cell, in the orientation of the image:\n\n```\n{grid}\n```\n")
    return parts
