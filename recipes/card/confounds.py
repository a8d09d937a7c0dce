"""Does the model read what is no finding: the view, the "L" marker, the border, the period of acquisition?

Called by ``recipes/card/measure.py``, on the adult test films. A model that reads the view tells AP from PA
films among those without any finding; one that reads the period tells early patients from late ones; one
that reads the border or a marker changes its mind when they are covered.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chexnet.evaluation.measures import Measurements, Resampling
from chexnet.radiograph import Preprocessing
from chexnet.report.model_card.schema import CommonMean, Confound, Covered, MeanAuroc, MeanChange, MeanMap
from chexnet.statistics import Estimate, NotEstimable, Ranking, auroc, auroc_interval, clusters_of
from recipes.letterbox import between_bars

SAMPLES = 2_000
BORDER, CORNER = 1 / 16, 1 / 5
"""Width of the border, and side of a corner's square, as shares of the film's side."""


@dataclass(frozen=True)
class Films:
    """The adult test films, row by row, and what the model says of them.

    Attributes:
        findings: names of the columns of `labels` and `probabilities`.
        labels: films by findings.
        ap: whether the view is AP.
        patients: patient numbers, which rise with the year in which a patient first came.
        probabilities: calibrated, films by findings.
        maps: films by findings by rows by columns; None for a network without maps that add up.
    """

    findings: tuple[str, ...]
    labels: np.ndarray
    ap: np.ndarray
    patients: np.ndarray
    probabilities: np.ndarray
    maps: np.ndarray | None

    @property
    def none(self) -> np.ndarray:
        """Films without any finding."""
        return ~self.labels.any(axis=1)

    def task(self, name: str, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(rows, present, scores) of "pneumonia or no finding" or "any finding or none"."""
        if name == "any finding or none":
            return np.ones(len(self.none), bool), ~self.none, any_finding(probabilities)
        pneumonia = self.findings.index("Pneumonia")
        rows = self.labels[:, pneumonia] | self.none
        return rows, self.labels[rows, pneumonia], probabilities[rows, pneumonia]


TASKS = ("pneumonia or no finding", "any finding or none")


def any_finding(probabilities: np.ndarray) -> np.ndarray:
    """Probability of at least one finding, as if they were independent; only its ranking is used."""
    return 1 - np.prod(1 - probabilities, axis=1)


BARS = {"between black bars, 16:9": 0, "between white bars, 16:9": 1}
REGIONS = ("border", "corners", "upper corners", "centre (control)", "mirrored", *BARS)


def covered(inputs: np.ndarray, what: str) -> np.ndarray:
    """The inputs (films, 3, size, size) with a region in each film's own mean grey; or mirrored, or barred.

    The centre is the control: as large as the border, but where the lungs and the heart are.
    """
    if what == "mirrored":
        return np.ascontiguousarray(inputs[..., ::-1])
    if what in BARS:
        usual = Preprocessing()
        bar = (BARS[what] - np.array(usual.mean)) / np.array(usual.std)
        return between_bars(inputs, bar[:, None, None])
    size = inputs.shape[-1]
    # In pixels from the nearest edge, as fractions of the side are not exact.
    place = np.arange(size)
    from_edge = np.minimum(place, size - 1 - place)
    row, column = np.meshgrid(from_edge, from_edge, indexing="ij")
    border = np.minimum(row, column) < BORDER * size
    corners = np.maximum(row, column) < CORNER * size
    half = round(np.sqrt(border.sum()) / 2)
    regions = {
        "border": border,
        "corners": corners,
        "upper corners": corners & (place < size / 2)[:, None],
        "centre (control)": np.minimum(row, column) >= size // 2 - half,
    }
    grey = inputs.mean(axis=(2, 3), keepdims=True)
    return np.where(regions[what], grey, inputs).astype(np.float32)


def told_apart(films: Films) -> tuple[Confound, ...]:
    """AUROCs of the model's scores for something that is not a finding, among images without any."""
    rows = films.none
    number = films.patients[rows].astype(float)
    scores = {
        "pneumonia": films.probabilities[rows, films.findings.index("Pneumonia")],
        "any finding": any_finding(films.probabilities[rows]),
    }
    asked = {
        "AP rather than PA": films.ap[rows],
        "later half of the patients": number > np.median(number),
    }
    return tuple(
        Confound(**area(truth, score, films.patients[rows]), what=what, score=name)
        for what, truth in asked.items()
        for name, score in scores.items()
    )


def area(present: np.ndarray, score: np.ndarray, patients: np.ndarray) -> dict[str, Any]:
    """AUROC with its interval by patient, and the counts."""
    counts = {"present": int(present.sum()), "absent": int((~present).sum())}
    try:
        found = auroc_interval(present, score.astype(float), patients=patients)
    except NotEstimable as error:
        found = Estimate(None, reason=str(error))
    return vars(rounded(found)) | counts


def mean_auroc(films: Films) -> MeanAuroc:
    """Mean AUROC of all findings; its interval only over those that nearly every resample has films of."""
    measurements, clusters = _measurements(films)
    told = [finding for finding in films.findings if add_rankings(films, finding, {}, measurements, clusters)]
    measurements.resample()
    columns = zip(films.labels.T, films.probabilities.T, strict=True)
    all_areas = [auroc(present, score) for present, score in columns if present.any()]
    common = measurements.mean(f"{finding}/as it is" for finding in told)
    return MeanAuroc(
        round(float(np.mean(all_areas)), 4),
        len(all_areas),
        CommonMean(**vars(rounded(common)), findings=len(told)),
    )


def changes(films: Films, variants: Mapping[str, np.ndarray]) -> tuple[Covered, ...]:
    """What covering does: changes of AUROC, paired over patients, and of the pneumonia probability."""
    measurements, clusters = _measurements(films)
    told = [
        finding
        for finding in films.findings
        if add_rankings(films, finding, variants, measurements, clusters)
    ]
    for task in TASKS:
        for name, probabilities in {"as it is": films.probabilities, **variants}.items():
            rows, present, scores = films.task(task, probabilities)
            measurements.add(f"{task}/{name}", Ranking(present, scores, clusters[rows]).auroc)
    measurements.resample()
    pneumonia = films.findings.index("Pneumonia")

    def change(name: str, *rankings: str) -> Estimate:
        share = 1 / len(rankings)
        pairs = {f"{one}/{name}": share for one in rankings}
        return rounded(measurements.combine(pairs | {f"{one}/as it is": -share for one in rankings}))

    return tuple(
        Covered(
            what=name,
            pneumonia=change(name, TASKS[0]),
            any_finding=change(name, TASKS[1]),
            mean=MeanChange(**vars(change(name, *told)), findings=len(told)),
            pneumonia_change=round(
                float(np.abs(probabilities - films.probabilities)[:, pneumonia].mean()), 4
            ),
        )
        for name, probabilities in variants.items()
    )


def add_rankings(
    films: Films,
    finding: str,
    variants: Mapping[str, np.ndarray],
    measurements: Measurements,
    clusters: np.ndarray,
) -> bool:
    """Prepare one finding's AUROC, with and without covering; False where it is too rare for resampling."""
    column = films.findings.index(finding)
    present = films.labels[:, column]
    # Hernia with two films would leave many resamples without one, and the mean without an interval.
    if min(present.sum(), (~present).sum()) < 5:
        return False
    for name, probabilities in {"as it is": films.probabilities, **variants}.items():
        measurements.add(f"{finding}/{name}", Ranking(present, probabilities[:, column], clusters).auroc)
    return True


def _measurements(films: Films) -> tuple[Measurements, np.ndarray]:
    clusters = clusters_of(films.patients, len(films.patients))
    return Measurements(int(clusters.max()) + 1, Resampling(samples=SAMPLES)), clusters


def rounded(found: Estimate) -> Estimate:
    """The same to four digits."""
    numbers = (None if one is None else round(float(one), 4) for one in (found.value, found.low, found.high))
    return Estimate(*numbers, found.reason)


def mean_maps(films: Films) -> dict[str, MeanMap]:
    """Mean map of the films that have a finding, less that of the others, in logits; numbers, no film.

    The mean of the cells is the difference of the mean logits, so the cells share it out. `border_share`
    is the part of the outermost cells; of a difference that is the same everywhere it is their number.
    """
    if films.maps is None:
        return {}
    found = {}
    for column, finding in enumerate(films.findings):
        present = films.labels[:, column]
        if not present.any() or present.all():
            continue
        difference = films.maps[present, column].mean(axis=0) - films.maps[~present, column].mean(axis=0)
        border = np.ones(difference.shape, bool)
        border[1:-1, 1:-1] = False
        found[finding] = MeanMap(
            difference=tuple(tuple(round(float(value), 3) for value in row) for row in difference),
            logit_difference=round(float(difference.mean()), 3),
            border_share=round(float(difference[border].sum() / difference.sum()), 3),
            border_cells=round(float(border.mean()), 3),
        )
    return found
