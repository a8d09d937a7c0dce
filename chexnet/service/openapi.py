"""What the OpenAPI document says beyond the types: bodies, other answers, examples."""

from typing import Any

from chexnet.service.problems import MEDIA_TYPE
from chexnet.service.schemas import PredictionSchema, PredictionsSchema, ProblemSchema
from chexnet.service.uploads import RAW_TYPES

Answers = dict[int | str, dict[str, Any]]

_MEANINGS = {
    400: "The form is not valid, or the upload broke off.",
    401: "No valid API key.",
    403: "By an identity that this service does not show.",
    404: "Unknown or forgotten.",
    408: "The body took too long to arrive.",
    413: "More than one request may carry.",
    415: "Neither a form nor an image.",
    422: "Not valid, not readable, or refused.",
    503: "Too much is waiting; `Retry-After` says when to come back.",
}

PNG: Answers = {200: {"description": "A picture.", "content": {"image/png": {"schema": {}}}}}

PROMETHEUS: Answers = {
    200: {"description": "Prometheus text format.", "content": {"text/plain": {"schema": {}}}}
}

_SIZES = {
    name: {"schema": {"type": "integer"}, "required": True}
    for name in ("Film-Width", "Film-Height", "Film-Bits")
}
RAW: Answers = {
    200: {
        "description": "Grey values.",
        "content": {"application/octet-stream": {"schema": {}}},
        "headers": _SIZES,
    }
}

_ID = "4kHnRUVBbDu4nDZgkQ0w7A"
_MODEL = {"name": "chexnet", "version": "1", "sha256": "641021ec57d1" + "0" * 52}
_EXAMPLE: dict[str, Any] = {
    "id": _ID,
    "image": "chest.png",
    "status": "ok",
    "reason": None,
    "findings": [
        {
            "finding": "Pneumonia",
            "display": "Pneumonia",
            "codes": [
                {
                    "value": "233604007",
                    "scheme": "SCT",
                    "meaning": "Pneumonia",
                    "status": "independent sources agree",
                }
            ],
            "probability": 0.31,
            "score": -0.8,
            "threshold": 0.22,
            "policy": "max_f1",
            "present": True,
            "validated": True,
        }
    ],
    "model": _MODEL,
    "notes": [],
    "radiograph": {
        "file_format": "DICOM",
        "width": 2048,
        "height": 2500,
        "bits": 16,
        "modality": "DX",
        "body_part": "CHEST",
        "view_position": "PA",
        "patient_sex": "F",
        "patient_age_years": 61.0,
        "pixel_spacing_mm": [0.143, 0.143],
        "burned_in_annotation": False,
        "identifiers": None,
    },
    "links": {
        "self": f"/v1/predictions/{_ID}",
        "film": f"/v1/predictions/{_ID}/film.png",
        "film_raw": f"/v1/predictions/{_ID}/film.raw",
        "maps": f"/v1/predictions/{_ID}/maps",
        "map": {"Pneumonia": f"/v1/predictions/{_ID}/maps/Pneumonia.png"},
        "overlay": {"Pneumonia": f"/v1/predictions/{_ID}/overlays/Pneumonia.png"},
    },
}

_READ = {
    "input_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "time": "2026-11-25T12:00:00.000+00:00",
    "software": "chexnet 0.1.0",
    "maps": None,
    "contours": None,
}
_EXAMPLE.update(_READ)

_REASON = "a PDF; expected a PNG, JPEG or DICOM file"
_NOTHING: dict[str, Any] = {
    "findings": [],
    "model": _MODEL,
    "notes": [],
    "radiograph": None,
    "links": None,
    **_READ,
}
_PROBLEMS = {
    422: {
        "type": "urn:chexnet:problem:unreadable",
        "title": "Not a readable image",
        "status": 422,
        "detail": f"letter.pdf: {_REASON}",
        "prediction": {"id": None, "image": "letter.pdf", "status": "error", "reason": _REASON, **_NOTHING},
    },
    503: {
        "type": "urn:chexnet:problem:overloaded",
        "title": "The service is busy",
        "status": 503,
        "detail": "256 images are waiting and 1 came; at most 256 may wait.",
    },
}


def upload_request(most_images: int) -> dict[str, Any]:
    """The body of an upload: one image, or a form with so many."""
    image = {"type": "string", "format": "binary"}
    form = {
        "type": "object",
        "required": ["film"],
        "additionalProperties": False,
        "properties": {"film": {"type": "array", "minItems": 1, "maxItems": most_images, "items": image}},
    }
    return {
        "requestBody": {
            "required": True,
            "description": "One image, named by `Content-Disposition: attachment; filename=...`; or a form.",
            "content": {
                **{kind: {"schema": image} for kind in RAW_TYPES},
                "multipart/form-data": {"schema": form},
            },
        }
    }


_SCHEMA_OF_UPLOADS = {
    "anyOf": [
        {"$ref": "#/components/schemas/PredictionSchema"},
        {"$ref": "#/components/schemas/PredictionsSchema"},
    ]
}
_EXAMPLES = {"one image": {"value": _EXAMPLE}, "a form": {"value": {"predictions": [_EXAMPLE]}}}

UPLOADS: Answers = {
    201: {
        "description": "Read. One image's prediction, or a form's list of them.",
        "headers": {"Location": {"schema": {"type": "string"}, "description": "Of a single image."}},
        "content": {"application/json": {"schema": _SCHEMA_OF_UPLOADS, "examples": _EXAMPLES}},
    }
}

SCHEMAS = (PredictionSchema, PredictionsSchema, ProblemSchema)
"""Named by references above; the document must define them."""


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """Put back the nulls, which FastAPI leaves out of examples."""
    responses = document["paths"]["/v1/predictions"]["post"]["responses"]
    responses["201"]["content"] = UPLOADS[201]["content"]
    again = document["paths"]["/v1/predictions/{id}"]["get"]["responses"]["200"]
    again["content"]["application/json"]["example"] = _EXAMPLE
    responses["422"]["content"][MEDIA_TYPE]["example"] = _PROBLEMS[422]
    return document


def answers(specific: Answers, *problems: int) -> Answers:
    """Responses of a route: its own and the problems it may answer with."""
    return {**specific, **{status: _problem(status) for status in problems}}


def _problem(status: int) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/ProblemSchema"}}
    if status in _PROBLEMS:
        content["example"] = _PROBLEMS[status]
    answer: dict[str, Any] = {"description": _MEANINGS[status], "content": {MEDIA_TYPE: content}}
    if status == 503:
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
    return answer
