"""Localisation of findings by activation maps, per pathology, with a control and published rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chexnet.arrays import Float
from chexnet.datasets.boxes import FILM_SIDE, Boxes, read_boxes
from chexnet.datasets.tables import PATIENT_COLUMNS, BadTable, read_table
from chexnet.evaluation.grids import Grid
from chexnet.evaluation.measures import Measure, Measurements, Resampling
from chexnet.statistics import WeightedMean, clusters_of
from chexnet.statistics.localisation import THRESHOLDS, FilmLocalisation, localise, random_maps

_CONTROLS = 5
"""Random maps a film at least, and two hundred in all; their mean is the control."""

WANG_2017 = {
    "Atelectasis": {0.1: 0.7277, 0.5: 0.2833, 0.9: 0.1333},
    "Cardiomegaly": {0.1: 0.9931, 0.5: 0.8767, 0.9: 0.6849},
    "Effusion": {0.1: 0.7124, 0.5: 0.3333, 0.9: 0.2091},
    "Infiltration": {0.1: 0.7886, 0.5: 0.4227, 0.9: 0.2520},
    "Mass": {0.1: 0.4352, 0.5: 0.1411, 0.9: 0.0588},
    "Nodule": {0.1: 0.1645, 0.5: 0.0126, 0.9: 0.0126},
    "Pneumonia": {0.1: 0.7500, 0.5: 0.3833, 0.9: 0.2416},
    "Pneumothorax": {0.1: 0.4591, 0.5: 0.1836, 0.9: 0.0816},
}
"""Accuracy at T(IoBB), Wang et al. 2017, Table 4 (ChestX-ray8)."""

WANG_2017_IOU = {
    "Atelectasis": (0.6888, 0.4722, 0.2444, 0.0944, 0.0500, 0.0222, 0.0055),
    "Cardiomegaly": (0.9383, 0.6849, 0.4589, 0.2808, 0.1780, 0.0753, 0.0273),
    "Effusion": (0.6601, 0.4509, 0.3006, 0.2026, 0.1111, 0.0457, 0.0196),
    "Infiltration": (0.7073, 0.4796, 0.2764, 0.1219, 0.0650, 0.0243, 0.0000),
    "Mass": (0.4000, 0.2588, 0.1529, 0.0705, 0.0117, 0.0000, 0.0000),
    "Nodule": (0.1392, 0.0506, 0.0379, 0.0126, 0.0126, 0.0126, 0.0000),
    "Pneumonia": (0.6333, 0.3500, 0.1666, 0.0750, 0.0333, 0.0166, 0.0083),
    "Pneumothorax": (0.3775, 0.2346, 0.1326, 0.0714, 0.0306, 0.0306, 0.0204),
}
"""Accuracy at T(IoU) = 0.1 … 0.7, Wang et al. 2017, supplement, Table 7 (ChestX-ray8)."""


@dataclass(frozen=True)
class FindingLocalisation:
    """One finding over all its boxed films; lists follow ``THRESHOLDS``.

    Attributes:
        control_*: the same for maps of noise, the mean of many draws.
    """

    finding: str
    films: int
    patients: int
    pointing: Measure
    iobb: Sequence[Measure]
    iou: Sequence[Measure]
    iobb_false_positives: Sequence[Measure]
    iou_false_positives: Sequence[Measure]
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

    def at_each(name: str) -> list[Measure]:
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
    """

    findings: Sequence[FindingLocalisation]
    films: int
    without_film: int
    resampled: str
    boxes: str
    model: str


def localise_films(
    boxes: Path,
    images: Path | Mapping[str, Path],
    model: Path | None = None,
    *,
    labels: Path | None = None,
    finding: str | None = None,
    film_side: float = FILM_SIDE,
    resampling: Resampling | None = None,
    only: Sequence[str] | None = None,
) -> Localisation:
    """Run a model on boxed films and score its maps.

    Args:
        images: the folder of the films, or the file of each by its name.
        model: None is the model that comes with chexnet.
        labels: a table with the patient of each image; without it films are resampled.
        only: findings whose boxes count, for a model that does not know the others.

    Raises:
        ValueError: no boxed film is there, or the model does not know a finding.
    """
    # Imported here: scoring plain arrays needs no network runtime.
    from chexnet.evaluation.model_files import run_maps

    drawn = [one for one in read_boxes(boxes, finding, film_side) if only is None or one.finding in only]
    maps = run_maps(model, images, [(one.image, one.finding) for one in drawn])
    found = [one for one in drawn if (one.image, one.finding) in maps]
    if not found:
        where = "the films given" if isinstance(images, Mapping) else images
        raise ValueError(f"{where}: holds none of the {len(drawn)} boxed films, such as {drawn[0].image}")
    patients = None if labels is None else _patients(labels, [one.image for one in found])
    return Localisation(
        evaluate_localisation(found, maps, patients, resampling),
        films=len({one.image for one in found}),
        without_film=len({one.image for one in drawn}) - len({one.image for one in found}),
        resampled="films" if patients is None else "patients",
        boxes=Path(boxes).name,
        model="the model that comes with chexnet" if model is None else Path(model).name,
    )


def localisation_json(result: Localisation) -> dict[str, Any]:
    """All numbers, lists by T = 0.1 … 0.9."""
    return {
        "boxes": result.boxes,
        "model": result.model,
        "films": result.films,
        "without_film": result.without_film,
        "resampled": result.resampled,
        "thresholds": list(THRESHOLDS),
        "findings": {
            one.finding: {
                "films": one.films,
                "patients": one.patients,
                "pointing": one.pointing.value,
                "pointing_ci": one.pointing.interval,
                **{
                    key: {"value": [m.value for m in measures], "ci": [m.interval for m in measures]}
                    for key, measures in _named(one).items()
                },
                "control": {
                    "pointing": one.control_pointing,
                    "iobb": list(one.control_iobb),
                    "iou": list(one.control_iou),
                },
                "wang_2017_iobb": {str(t): value for t, value in WANG_2017.get(one.finding, {}).items()},
                "wang_2017_iou": list(WANG_2017_IOU.get(one.finding, ())),
            }
            for one in result.findings
        },
    }


def show_localisation(result: Localisation) -> str:
    """As text: one table a finding."""
    left = f"; {result.without_film} boxed films are not there" if result.without_film else ""
    parts = [
        f"{result.films} boxed films of {result.boxes}{left}; {result.model}; {result.resampled} resampled. "
        "IoBB: intersection over the detected box; a film is localised where any detected box exceeds T. "
        "AFP: detected boxes that do not, per film. Control: maps of noise. "
        "Wang 2017: published on ChestX-ray8, other films than these unless all 984 boxes are here."
    ]
    for one in result.findings:
        parts.append(f"{finding_line(one, result.resampled)}\n\n{localisation_grid(one).markdown()}")
    return "\n\n".join(parts)


def finding_line(one: FindingLocalisation, resampled: str) -> str:
    """Films, and the pointing game beside its control."""
    return (
        f"{one.finding}: {one.films} films of {one.patients} {resampled}; pointing game "
        f"{one.pointing.show(3)}, control {one.control_pointing:.3f}"
    )


def localisation_grid(one: FindingLocalisation) -> Grid:
    """Accuracy and false positives at each T."""
    wang_iou = dict(zip(THRESHOLDS, WANG_2017_IOU.get(one.finding, ()), strict=False))
    rows = [
        [
            f"T = {threshold}",
            one.iobb[place].show(3),
            f"{one.control_iobb[place]:.3f}",
            _published(WANG_2017.get(one.finding, {}).get(threshold)),
            one.iobb_false_positives[place].show(2),
            one.iou[place].show(3),
            f"{one.control_iou[place]:.3f}",
            _published(wang_iou.get(threshold)),
        ]
        for place, threshold in enumerate(THRESHOLDS)
    ]
    head = ["at", "T(IoBB)", "control", "Wang 2017", "AFP", "T(IoU)", "control", "Wang 2017"]
    return Grid(head, rows)


def _named(one: FindingLocalisation) -> dict[str, Sequence[Measure]]:
    return {
        "iobb": one.iobb,
        "iou": one.iou,
        "iobb_false_positives": one.iobb_false_positives,
        "iou_false_positives": one.iou_false_positives,
    }


def _published(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _patients(labels: Path, images: Sequence[str]) -> dict[str, str]:
    table = read_table(labels)
    column = table.known_column(PATIENT_COLUMNS)
    if column is None:
        raise BadTable(f"{labels}: no column names the patient; leave --labels out to resample films")
    known = dict(zip(table.images(), column, strict=True))
    missing = [image for image in images if not known.get(image)]
    if missing:
        raise BadTable(
            f"{labels}: does not know the patient of {len(missing)} films, the first is {missing[0]}"
        )
    return {image: known[image] for image in images}
