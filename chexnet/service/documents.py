"""Results and the model card as the JSON that `chexnet.service.schemas` describes."""

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any, Literal
from urllib.parse import quote

import numpy as np

from chexnet._version import __version__
from chexnet.arrays import Bool
from chexnet.classifier import (
    FULL_SCALE,
    LEAST_FULL_SCALE,
    NOTICE,
    Classifier,
    FindingMetadata,
    FindingPrediction,
    contours_of,
    exposed_body,
)
from chexnet.findings import FINDINGS, display_name
from chexnet.service.radiograph_reader import Unread
from chexnet.service.schemas import IdentifiersSchema, RadiographSchema
from chexnet.service.store import Result, StoredImage
from chexnet.service.worth import worth_of

SOFTWARE = f"chexnet {__version__}"

NOT_VALIDATED = "Too few to tell"

Include = Collection[Literal["maps", "contours"]]


def prediction_json(
    outcome: Result | Unread, *, identifiers: bool, root_path: str = "", include: Include = ()
) -> dict[str, Any]:
    """A result as `PredictionSchema`.

    Args:
        outcome: of one image.
        identifiers: whether to show who and where.
        root_path: a proxy's prefix, which links get.
        include: what the answer holds beyond links to it.
    """
    known = outcome.prediction.to_dict()
    findings = [{**finding, **_terms(finding["finding"])} for finding in known.pop("findings")]
    answer = {
        "id": None,
        **known,
        "findings": findings,
        "radiograph": None,
        "links": None,
        "input_sha256": outcome.sha256,
        "time": outcome.read_at.isoformat(timespec="milliseconds"),
        "software": SOFTWARE,
        "maps": None,
        "contours": None,
    }
    if isinstance(outcome, Unread):
        return answer
    names = [finding["finding"] for finding in findings] if outcome.prediction.maps is not None else []
    layers = maps_json(outcome) if names and include else None
    return answer | {
        "id": outcome.id,
        "radiograph": _radiograph(outcome.image, identifiers),
        "links": _links(outcome.id, names, root_path),
        "maps": layers if "maps" in include else None,
        "contours": _called_contours(layers) if layers and "contours" in include else None,
    }


def _terms(finding: str) -> dict[str, Any]:
    """A finding's name for people and its codes."""
    known = FINDINGS.get(finding)
    codes = [] if known is None else [code for code in (known.code, known.radlex) if code is not None]
    return {
        "display": display_name(finding),
        "codes": [{**asdict(code), "status": code.status.value} for code in codes],
    }


def _called_contours(layers: dict[str, Any]) -> dict[str, Any]:
    return {name: layer["contours"] for name, layer in layers["maps"].items() if layer["contours"]}


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


def card_json(classifier: Classifier) -> dict[str, Any]:
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
        "software": SOFTWARE,
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
