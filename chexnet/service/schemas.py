"""The JSON of the service, as schemas: `Prediction.to_dict()` plus id, links and facts of the image."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chexnet.classifier import Maps

Contour = list[tuple[float, float]]
"""A closed polygon: x and y in pixels of the file."""


class _Schema(BaseModel):
    model_config = ConfigDict(extra="forbid", protected_namespaces=())


class ModelSchema(_Schema):
    """Which file predicted."""

    name: str
    version: str
    sha256: str


class CodeSchema(_Schema):
    """A code of a finding, and how it was checked."""

    value: str
    scheme: str = Field(description="SCT is SNOMED CT, DCM is DICOM's own, RADLEX is RadLex.")
    meaning: str
    status: str


class FindingSchema(_Schema):
    """One finding of one image."""

    finding: str
    display: str = Field(description="For people.")
    codes: list[CodeSchema] = Field(description="None where no code could be checked.")
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


class MapSchema(_Schema):
    """One finding's layers on the network's grid, stretched over the whole image."""

    map: list[list[float]] = Field(
        description="Class activation map; its mean plus the bias is the score, if the model's maps are mean."
    )
    evidence: list[list[float]] = Field(
        description="Log odds for (above 0) and against (below 0), stretched over the whole image; 0 is the "
        "operating point. Finer than the map where uniform borders were left out. The map itself "
        "where the model's maps are log_sum_exp."
    )
    full_scale: float = Field(description="Evidence shown in full colour; the same for every image.")
    contours: list[Contour] = Field(
        description="Of a finding that is called: closed polygons around half of its positive evidence, the "
        "largest first, as x and y in pixels of the file."
    )


class MapsSchema(_Schema):
    """All findings' layers."""

    rows: int
    columns: int
    maps: dict[str, MapSchema]


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
    input_sha256: str = Field(description="Of the file as it was sent.")
    time: str = Field(description="When it was read, UTC (RFC 3339).")
    software: str
    maps: MapsSchema | None = Field(description="Null unless asked for with include=maps.")
    contours: dict[str, list[Contour]] | None = Field(
        description="Of each finding that is called; null unless asked for with include=contours."
    )


class PredictionsSchema(_Schema):
    """The results of a form with several images, in its order."""

    predictions: list[PredictionSchema]


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


class ReadySchema(_Schema):
    """Whether more images can be taken now."""

    status: Literal["ready"]
    waiting: int = Field(description="Images waiting or being read.")
    room: int = Field(description="More that may wait.")


class HealthSchema(_Schema):
    """That the service is there."""

    status: Literal["ok"]
    software: str
    keeps_films: bool = Field(description="Whether images and results are written to the server's disk.")
