"""`chexnet plan`."""

import math
from collections.abc import Callable
from typing import Any

import click

from chexnet.cli.shared import errors, together
from chexnet.statistics import (
    Components,
    design_effect,
    images_for_proportion,
    plan_reader_study,
    positives_for_auroc,
    positives_for_comparison,
)

_negatives = click.option(
    "--negatives-per-positive", type=float, default=1.0, show_default=True, help="Images without the finding."
)
_half_width = click.option("--half-width", type=float, required=True, help="Half of the 95 % interval.")
_alike: Callable[[Any], Any] = together(
    click.option(
        "--images-per-patient", type=float, default=1.0, show_default=True, help="Mean number in the study."
    ),
    click.option(
        "--alike",
        type=click.FloatRange(0, 1),
        default=0.3,
        show_default=True,
        help="Correlation of a patient's images; counts where a patient has several.",
    ),
)


@click.group()
def command() -> None:
    """Say how many images, patients or readers a study needs.

    \b
    Examples:
      chexnet plan auroc 0.80 --half-width 0.03 --negatives-per-positive 20
      chexnet plan compare 0.80 0.85 --negatives-per-positive 10
      chexnet plan share 0.9 --half-width 0.05 --images-per-patient 3
    """


@command.command()
@click.argument("auroc", type=float)
@_half_width
@_negatives
@_alike
def auroc(
    auroc: float, half_width: float, negatives_per_positive: float, images_per_patient: float, alike: float
) -> None:
    """Images for the interval of an AUROC (Hanley and McNeil 1982)."""
    with errors():
        positives = positives_for_auroc(auroc, half_width, negatives_per_positive)
    _show_both_classes(positives, negatives_per_positive, images_per_patient, alike)


@command.command()
@click.argument("first", type=float)
@click.argument("second", type=float)
@click.option("--power", type=float, default=0.8, show_default=True, help="Chance to find the difference.")
@click.option(
    "--correlation",
    type=float,
    default=0.5,
    show_default=True,
    help="Of the two estimated AUROCs; 0 for different images.",
)
@_negatives
@_alike
def compare(
    first: float,
    second: float,
    power: float,
    correlation: float,
    negatives_per_positive: float,
    images_per_patient: float,
    alike: float,
) -> None:
    """Images for a paired comparison of two models' AUROCs at the 5 % level."""
    with errors():
        positives = positives_for_comparison(
            first,
            second,
            power=power,
            negatives_per_positive=negatives_per_positive,
            correlation=correlation,
        )
    _show_both_classes(positives, negatives_per_positive, images_per_patient, alike)


@command.command()
@click.argument("share", type=float)
@_half_width
@_alike
def share(share: float, half_width: float, images_per_patient: float, alike: float) -> None:
    """Images for the interval of a share: positive for a sensitivity, negative for a specificity."""
    with errors():
        images = images_for_proportion(share, half_width)
    click.echo(f"{_with_alike(images, images_per_patient, alike):,} images")


@command.command()
@click.argument("difference", type=float)
@click.option("--readers", type=int, required=True)
@click.option("--cases", type=int, required=True)
@click.option("--pilot-cases", type=int, required=True, help="Cases that the next five come from.")
@click.option("--interaction", type=float, required=True, help="Mean square MS(TR) of the pilot.")
@click.option("--variance", type=float, required=True, help="Of one reader's accuracy under one modality.")
@click.option("--cov1", type=float, required=True, help="Same reader, other modality.")
@click.option("--cov2", type=float, required=True, help="Other reader, same modality.")
@click.option("--cov3", type=float, required=True, help="Other reader, other modality.")
def readers(
    difference: float,
    readers: int,
    cases: int,
    pilot_cases: int,
    interaction: float,
    variance: float,
    cov1: float,
    cov2: float,
    cov3: float,
) -> None:
    """Power of a reader study with two modalities, such as reading without and with the model.

    The variances are those of an Obuchowski–Rockette analysis of a pilot study.
    """
    pilot = Components(0.0, 0.0, interaction, variance, cov1, cov2, cov3)
    with errors():
        plan = plan_reader_study(pilot, pilot_cases, difference, readers, cases)
    click.echo(
        f"power {plan.power:.3f}: {plan.readers} readers, {plan.cases} cases, standard error "
        f"{plan.standard_error:.4f}, {plan.degrees_of_freedom:.1f} degrees of freedom"
    )


def _show_both_classes(
    positives: int, negatives_per_positive: float, images_per_patient: float, alike: float
) -> None:
    negatives = max(1, round(positives * negatives_per_positive))
    for number, name in ((positives, "with the finding"), (negatives, "without it")):
        click.echo(f"{_with_alike(number, images_per_patient, alike):,} images {name}")


def _with_alike(images: int, images_per_patient: float, alike: float) -> int:
    """Images of the same patients tell less than independent ones."""
    if images_per_patient < 1:
        raise click.ClickException(f"images per patient is {images_per_patient}; expected 1 or more")
    return math.ceil(images * design_effect(images_per_patient, alike) - 1e-9)
