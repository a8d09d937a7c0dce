"""The JSON of the service, as schemas: `Prediction.to_dict()` plus id, links and facts of the image."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import quote

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from chexnet.arrays import Bool
from chexnet.classifier import Classifier, FindingPrediction, contours_of, exposed_body
from chexnet.classifier.metadata import FindingMetadata, Maps
from chexnet.classifier.overlay import FULL_SCALE, LEAST_FULL_SCALE, NOTICE
from chexnet.findings import display_name
from chexnet.service.radiograph_reader import Unread
from chexnet.service.store import Result, StoredImage
from chexnet.service.worth import worth_of

NOT_VALIDATED = "Not validated"


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class ModelSchema(_Schema):
    """Which file predicted."""

    name: str
    version: str
    sha256: str


class FindingSchema(_Schema):
    """One finding of one image."""

    finding: str
    probability: float = Field(ge=0, le=1, description="Calibrated.")
    score: float = Field(description="The network's raw logit.")
    threshold: float | None = Field(description="Operating point on the probability; null without one.")
    policy: str | None = Field(description="How it was chosen on validation images; null without one.")
    present: bool | None = Field(description="Whether the probability reaches it; null without one.")
    validated: bool = Field(description="Whether the model's test showed it to be better than chance.")


class IdentifiersSchema(_Schema):
    """Who and where; only where the service was started to show them."""

    patient_id: str | None
    accession_number: str | None
    study_instance_uid: str | None
    series_instance_uid: str | None
    sop_instance_uid: str | None


class RadiographSchema(_Schema):
    """What the file says of the image. Null is what it does not say."""

    file_format: Literal["PNG", "JPEG", "DICOM"]
    width: int
    height: int
    bits: Literal[8, 16] = Field(description="Of a grey value in film.raw.")
    modality: str | None
    body_part: str | None
    view_position: str | None
    patient_sex: str | None
    patient_age_years: float | None
    pixel_spacing_mm: tuple[float, float] | None = Field(description="Between rows, between columns.")
    burned_in_annotation: bool | None
    identifiers: IdentifiersSchema | None


class LinksSchema(_Schema):
    """Where the rest is."""

    self: str
    film: str
    film_raw: str
    maps: str | None
    map: dict[str, str] = Field(description="Evidence of a finding as a transparent PNG, by finding.")
    overlay: dict[str, str] = Field(description="Image beside its map with a caption, by finding.")


class PredictionSchema(_Schema):
    """One image's result."""

    id: str | None = Field(description="Null where there was no image to keep.")
    image: str
    status: Literal["ok", "refused", "error"]
    reason: str | None
    findings: list[FindingSchema]
    model: ModelSchema
    notes: list[str]
    radiograph: RadiographSchema | None
    links: LinksSchema | None


class PredictionsSchema(_Schema):
    """The results of a form with several images, in its order."""

    predictions: list[PredictionSchema]


class MapSchema(_Schema):
    """One finding's layers on the network's grid, stretched over the whole image."""

    map: list[list[float]] = Field(
        description="Class activation map; its mean plus the bias is the score, if the model's maps are mean."
    )
    evidence: list[list[float]] = Field(
        description="Log odds for (above 0) and against (below 0); 0 is the operating point. The map itself "
        "where the model's maps are log_sum_exp."
    )
    full_scale: float = Field(description="Evidence shown in full colour; the same for every image.")
    contours: list[list[tuple[float, float]]] = Field(
        description="Of a finding that is called: closed polygons around half of its positive evidence, the "
        "largest first, as x and y in pixels of the file."
    )


class MapsSchema(_Schema):
    """All findings' layers."""

    rows: int
    columns: int
    maps: dict[str, MapSchema]


class AreaSchema(_Schema):
    """A measured number with its 95 % interval."""

    value: float
    low: float
    high: float


class WorthSchema(_Schema):
    """What calls at the operating point were worth in the model's test, to a few per cent."""

    called: int = Field(description="Test images called.")
    correct: int = Field(description="Those of them that have the finding.")
    ppv: AreaSchema = Field(description="Share of calls that are right, at the test's prevalence.")
    sensitivity: AreaSchema
    specificity: AreaSchema


class ReliabilitySchema(_Schema):
    """Probabilities against observed frequencies, on test images: scores, and the points of a diagram."""

    ece: float = Field(description="Expected calibration error, 15 bins of equal width.")
    brier: float
    mean_probability: tuple[float, ...] = Field(description="Of each point.")
    observed: tuple[float, ...] = Field(description="Share of the point's images that have the finding.")
    low: tuple[float, ...] = Field(description="Lower end of its 95 % interval.")
    high: tuple[float, ...]
    count: tuple[int, ...] = Field(description="Images of each point.")


class CalibrationTestSchema(_Schema):
    """Of the plain sigmoid of the score, and of the calibrated probability."""

    before: ReliabilitySchema
    after: ReliabilitySchema


class CardFindingSchema(_Schema):
    """What the model file says of one finding."""

    finding: str
    display: str
    auroc: AreaSchema | None
    positives: int
    negatives: int
    threshold: float | None
    thresholds: dict[str, float]
    validated: bool
    reason: str | None = Field(description="Why it is not validated.")
    worth: WorthSchema | None = Field(description="Null where it is never called or was not measured.")
    calibration_test: CalibrationTestSchema | None = Field(description="Null where it was not measured.")


class CardSchema(_Schema):
    """The model card."""

    name: str
    version: str
    sha256: str
    intended_use: str
    notice: str
    policy: str
    findings: list[CardFindingSchema]
    test_data: str
    training: dict[str, Any]
    preprocessing: dict[str, Any]
    software: str
    maps: Maps = Field(
        description="mean: a map's mean plus the bias is the score; log_sum_exp: maps show where and do not "
        "add up to it; none: the model has no maps."
    )


class ProblemSchema(BaseModel):
    """Problem details (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    prediction: PredictionSchema | None = None
    predictions: list[PredictionSchema] | None = None


class HealthSchema(_Schema):
    """That the service is there."""

    status: Literal["ok"]
    software: str
    keeps_films: bool = Field(description="Whether images and results are written to the server's disk.")


def prediction_json(outcome: Result | Unread, *, identifiers: bool, root_path: str = "") -> dict[str, Any]:
    """A result as `PredictionSchema`, its links below a proxy's prefix."""
    known = outcome.prediction.to_dict()
    if isinstance(outcome, Unread):
        return {"id": None, **known, "radiograph": None, "links": None}
    names = [finding.finding for finding in outcome.prediction.findings]
    return {
        "id": outcome.id,
        **known,
        "radiograph": _radiograph(outcome.image, identifiers),
        "links": _links(outcome.id, names if outcome.prediction.maps is not None else [], root_path),
    }


def _radiograph(image: StoredImage, identifiers: bool) -> dict[str, Any]:
    height, width = image.grey.shape
    shown = RadiographSchema.model_fields.keys() - {"width", "height", "bits", "identifiers"}
    identity = {name: image.described[name] for name in IdentifiersSchema.model_fields}
    return {
        **{name: image.described[name] for name in shown},
        "width": width,
        "height": height,
        "bits": image.bits,
        "identifiers": identity if identifiers else None,
    }


def _links(id: str, mapped: Sequence[str], root_path: str) -> dict[str, Any]:
    self = f"{root_path}/v1/predictions/{id}"
    return {
        "self": self,
        "film": f"{self}/film.png",
        "film_raw": f"{self}/film.raw",
        "maps": f"{self}/maps" if mapped else None,
        "map": {name: f"{self}/maps/{quote(name, safe='')}.png" for name in mapped},
        "overlay": {name: f"{self}/overlays/{quote(name, safe='')}.png" for name in mapped},
    }


def maps_json(result: Result) -> dict[str, Any]:
    """The layers of a result that has maps as `MapsSchema`."""
    prediction = result.prediction
    assert prediction.maps is not None
    _, rows, columns = prediction.maps.shape
    exposed = exposed_body(result.image.grey)
    layers = {
        finding.finding: {
            "map": prediction.map_of(finding.finding).tolist(),
            "evidence": prediction.evidence_of(finding.finding).tolist(),
            "full_scale": full_scale(result, finding.finding),
            "contours": _contours(result, finding, exposed),
        }
        for finding in prediction.findings
    }
    return {"rows": rows, "columns": columns, "maps": layers}


def _contours(
    result: Result, finding: FindingPrediction, exposed: Bool[np.ndarray, "128 128"]
) -> list[list[list[float]]]:
    """Where a called finding is seen; tenths of a pixel are enough."""
    if not finding.present:
        return []
    height, width = result.image.grey.shape
    evidence = result.prediction.evidence_of(finding.finding)
    return [np.round(polygon, 1).tolist() for polygon in contours_of(evidence, height, width, exposed)]


def full_scale(result: Result, finding: str) -> float:
    """Evidence in full colour: the same for every image where evidence is in log odds.

    Where a model's maps do not add up to the score they have no unit, and each has its own scale.
    """
    if result.prediction.maps_are == "mean":
        return FULL_SCALE
    return max(float(abs(result.prediction.evidence_of(finding)).max()), LEAST_FULL_SCALE)


def card_json(classifier: Classifier, software: str) -> dict[str, Any]:
    """The model file's metadata as `CardSchema`."""
    metadata = classifier.metadata
    return {
        **asdict(classifier.identity),
        "intended_use": metadata.intended_use,
        "notice": NOTICE,
        "policy": classifier.policy,
        "findings": [_card_finding(entry, classifier.policy) for entry in metadata.findings],
        "test_data": metadata.test_data,
        "training": metadata.training,
        "preprocessing": metadata.preprocessing.to_dict(),
        "software": software,
        "maps": metadata.maps,
    }


def _card_finding(entry: FindingMetadata, policy: str) -> dict[str, Any]:
    return {
        "finding": entry.finding,
        "display": display_name(entry.finding),
        "auroc": None if entry.auroc is None else entry.auroc.numbers(),
        "positives": entry.positives,
        "negatives": entry.negatives,
        "threshold": entry.threshold(policy),
        "thresholds": entry.thresholds if entry.validated else {},
        "validated": entry.validated,
        "reason": None if entry.validated else why_not_validated(entry),
        "worth": _worth(entry, policy),
        "calibration_test": None if entry.calibration_test is None else asdict(entry.calibration_test),
    }


def _worth(entry: FindingMetadata, policy: str) -> dict[str, Any] | None:
    worth = worth_of(entry, policy)
    if worth is None:
        return None
    shares = ("ppv", "sensitivity", "specificity")
    numbers = {name: getattr(worth, name).numbers() for name in shares}
    return {"called": worth.called, "correct": worth.correct, **numbers}


def why_not_validated(entry: FindingMetadata) -> str:
    """One sentence for the page, from the numbers of the model's own test."""
    counts = f"{entry.positives} of {entry.positives + entry.negatives} test images have it"
    if entry.auroc is None:
        return f"{NOT_VALIDATED}: its AUROC cannot be estimated, {counts}."
    area = entry.auroc
    auroc = f"AUROC {area.text(2)}"
    if area.above(0.5) and not entry.thresholds:
        return f"{NOT_VALIDATED}: too few validation images have it for a threshold; {auroc}, {counts}."
    if area.above(0.5):
        return f"{NOT_VALIDATED}: {auroc} rests on too few images; {counts}."
    return f"{NOT_VALIDATED}: {auroc} does not show it to be better than chance; {counts}."
