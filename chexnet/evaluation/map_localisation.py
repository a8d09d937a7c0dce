"""Localisation of findings by activation maps, per pathology, with a control and published rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from chexnet.arrays import Float
from chexnet.evaluation.measures import Measurements, Resampling
from chexnet.leakage import Contamination, TrainingImages, find_contamination, find_seen
from chexnet.statistics import (
    THRESHOLDS,
    Estimate,
    FilmLocalisation,
    WeightedMean,
    clusters_of,
    localise,
    random_maps,
)
from chexnet.tables import (
    IMAGE_SIDE,
    BadTable,
    Boxes,
    ColumnNames,
    Labels,
    match_images,
    read_boxes,
    read_table,
)

_CONTROLS = 5
"""Random maps a film at least, and two hundred in all; their mean is the control."""


@dataclass(frozen=True)
class FindingLocalisation:
    """One finding over all its boxed films; lists follow ``THRESHOLDS``.

    Attributes:
        control_*: the same for maps of noise, the mean of many draws.
    """

    finding: str
    films: int
    patients: int
    pointing: Estimate
    iobb: Sequence[Estimate]
    iou: Sequence[Estimate]
    iobb_false_positives: Sequence[Estimate]
    iou_false_positives: Sequence[Estimate]
    control_pointing: float
    control_iobb: Sequence[float]
    control_iou: Sequence[float]


def evaluate_localisation(
    boxes: Sequence[Boxes],
    maps: Mapping[tuple[str, str], Float[np.ndarray, "rows columns"]],
    patients: Mapping[str, str] | None = None,
    resampling: Resampling | None = None,
) -> list[FindingLocalisation]:
    """Score a model's maps against boxes, finding by finding.

    Args:
        maps: the model's map of each boxed film and finding, by (image, finding).
        patients: the patient of each image; without it films are resampled.

    Raises:
        ValueError: a boxed film has no map.
    """
    missing = [one for one in boxes if (one.image, one.finding) not in maps]
    if missing:
        raise ValueError(
            f"{len(missing)} of {len(boxes)} boxed films have no map, the first is {missing[0].image} for "
            f"{missing[0].finding}; leave their boxes out, and say how many"
        )
    findings = dict.fromkeys(one.finding for one in boxes)
    return [
        _finding(
            name, [one for one in boxes if one.finding == name], maps, patients, resampling or Resampling()
        )
        for name in findings
    ]


def _finding(
    finding: str,
    boxes: Sequence[Boxes],
    maps: Mapping[tuple[str, str], Float[np.ndarray, "rows columns"]],
    patients: Mapping[str, str] | None,
    resampling: Resampling,
) -> FindingLocalisation:
    owners = None if patients is None else np.array([patients[one.image] for one in boxes])
    clusters = clusters_of(owners, len(boxes))
    films = [localise(maps[one.image, one.finding], one.boxes) for one in boxes]
    measurements = Measurements(int(clusters.max()) + 1, resampling)
    for name, values in _per_film(films).items():
        measurements.add(name, WeightedMean(values, clusters, int(clusters.max()) + 1))
    measurements.resample()
    control = _control(boxes, resampling.seed)

    def at_each(name: str) -> list[Estimate]:
        return [measurements.measure(f"{name}/{threshold}") for threshold in THRESHOLDS]

    return FindingLocalisation(
        finding=finding,
        films=len(boxes),
        patients=int(clusters.max()) + 1,
        pointing=measurements.measure("pointing"),
        iobb=at_each("iobb_hit"),
        iou=at_each("iou_hit"),
        iobb_false_positives=at_each("iobb_false"),
        iou_false_positives=at_each("iou_false"),
        control_pointing=float(control["pointing"].mean()),
        control_iobb=[float(control[f"iobb_hit/{threshold}"].mean()) for threshold in THRESHOLDS],
        control_iou=[float(control[f"iou_hit/{threshold}"].mean()) for threshold in THRESHOLDS],
    )


def _per_film(films: Sequence[FilmLocalisation]) -> dict[str, Float[np.ndarray, " films"]]:
    values = {"pointing": np.array([float(film.pointing) for film in films])}
    for name in ("iobb_hit", "iou_hit", "iobb_false", "iou_false"):
        table = np.array([getattr(film, name) for film in films], dtype=np.float64)
        values |= {f"{name}/{one}": table[:, place] for place, one in enumerate(THRESHOLDS)}
    return values


def _control(boxes: Sequence[Boxes], seed: int) -> dict[str, Float[np.ndarray, " draws"]]:
    generator = np.random.default_rng(seed)
    draws = max(_CONTROLS, 200 // len(boxes))
    films = [localise(noise, one.boxes) for one in boxes for noise in random_maps(draws, generator)]
    return _per_film(films)


@dataclass(frozen=True)
class Localisation:
    """All of ``chexnet localise``.

    Attributes:
        without_film: boxed films that are not in the folder, or that the model refused.
        resampled: "patients" or "films".
        contamination: how many of the boxed images the model was trained on; None where nothing is known.
    """

    findings: Sequence[FindingLocalisation]
    films: int
    without_film: int
    resampled: str
    boxes: str
    model: str
    contamination: Contamination | None = None


def localise_films(
    boxes: Path,
    images: Path | Mapping[str, Path],
    model: Path | None = None,
    *,
    labels: Path | None = None,
    finding: str | None = None,
    image_side: float = IMAGE_SIDE,
    resampling: Resampling | None = None,
    only: Sequence[str] | None = None,
    names: ColumnNames | None = None,
    exclude_seen: bool = False,
) -> Localisation:
    """Run a model on boxed films and score its maps.

    Args:
        images: the folder of the films, or the file of each by its name.
        model: None is the model that comes with chexnet.
        labels: a table with the patient of each image; without it films are resampled.
        only: findings whose boxes count, for a model that does not know the others.
        names: how the tables name their columns.
        exclude_seen: leave out images that the model was trained on, and those of their patients.

    Raises:
        ValueError: no boxed film is there, or the model does not know a finding.
    """
    # Imported here: scoring plain arrays needs no network runtime.
    from chexnet.classifier import load
    from chexnet.evaluation.model_run import run_maps, training_of

    drawn = [
        one for one in read_boxes(boxes, finding, image_side, names) if only is None or one.finding in only
    ]
    maps = run_maps(model, images, [(one.image, one.finding) for one in drawn])
    found = [one for one in drawn if (one.image, one.finding) in maps]
    if not found:
        where = "the films given" if isinstance(images, Mapping) else images
        raise ValueError(f"{where}: holds none of the {len(drawn)} boxed films, such as {drawn[0].image}")
    patients = None if labels is None else _patients(labels, [one.image for one in found], names)
    found, contamination = _judge_training(found, patients, training_of(load(model, threads=1)), exclude_seen)
    return Localisation(
        evaluate_localisation(found, maps, patients, resampling),
        films=len({one.image for one in found}),
        without_film=len({one.image for one in drawn}) - len({one.image for one in found}),
        resampled="films" if patients is None else "patients",
        boxes=Path(boxes).name,
        model="the model that comes with chexnet" if model is None else Path(model).name,
        contamination=contamination,
    )


def _judge_training(
    boxes: list[Boxes],
    patients: Mapping[str, str] | None,
    training: TrainingImages | None,
    exclude_seen: bool,
) -> tuple[list[Boxes], Contamination | None]:
    """The boxes to score, and what is known of images that the model was trained on."""
    images = list(dict.fromkeys(one.image for one in boxes))
    known = Labels(
        images,
        (),
        np.empty((len(images), 0)),
        None if patients is None else [patients[one] for one in images],
    )
    contamination = None if training is None else find_contamination(known, training)
    if not exclude_seen:
        return boxes, contamination
    if training is None or contamination is None:
        raise ValueError("`exclude_seen`: the model file does not say which images it was trained on")
    seen = find_seen(known, training).either
    left = {image for image, one in zip(images, seen, strict=True) if not one}
    if not left:
        raise ValueError(f"`exclude_seen`: the model was trained on all {len(images):,} boxed images")
    kept = [one for one in boxes if one.image in left]
    return kept, replace(contamination, left_out=int(seen.sum()))


def _patients(labels: Path, images: Sequence[str], names: ColumnNames | None) -> dict[str, str]:
    table = read_table(labels, short_rows=True)
    patients = table.column("patient", names)
    if patients is None:
        raise BadTable(f"{labels}: no column names the patient; leave `labels` out to resample images")
    rows = match_images(tuple(dict.fromkeys(images)), table.images(names)).rows
    owners = dict(
        zip(dict.fromkeys(images), ("" if row is None else patients[row] for row in rows), strict=True)
    )
    missing = [image for image, patient in owners.items() if not patient]
    if missing:
        raise BadTable(
            f"{labels}: does not know the patient of {len(missing)} images, the first is {missing[0]}"
        )
    return owners
