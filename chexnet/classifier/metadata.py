"""What a model file says of itself: all that prediction needs, and all that its user should know."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from chexnet.arrays import Float32
from chexnet.classifier.gate import GateMetadata
from chexnet.radiograph import Preprocessing
from chexnet.statistics import Estimate, PlattScaling, Reliability

KEY = "chexnet"
"""The ONNX metadata property that holds the metadata, as JSON."""

FORMAT = 1
"""Version of the layout below; a file of another version is refused."""

_COLUMNS = ("mean_probability", "observed", "low", "high", "count")
"""Of a reliability diagram; JSON has no tuples."""

INTENDED_USE = (
    "Research on frontal chest radiographs. Not a medical device; not for diagnosis or for any decision "
    "about a patient."
)


Maps = Literal["mean", "log_sum_exp", "none"]
"""What a model's activation maps are to its logits.

``mean``: the mean of a map plus the bias is the logit. ``log_sum_exp``: weighted feature maps as well, but
each feature is pooled by log-sum-exp before it is weighted, so a map shows where and does not add up to the
logit. ``none``: the model has no maps.
"""


class InvalidModel(ValueError):
    """A file that is not a complete and consistent CheXNet model; the message says what is wrong with it."""


@dataclass(frozen=True)
class CalibrationTest:
    """Probabilities against the test images' labels, before and after calibration.

    Attributes:
        before: of the plain sigmoid of the logits.
        after: of the calibrated probabilities.
    """

    before: Reliability
    after: Reliability


@dataclass(frozen=True)
class FindingMetadata:
    """One output of the network.

    Attributes:
        finding: its name; the paper's spelling for the 14 pathologies.
        bias: b_c of the head, so that ``logit = mean(map) + bias`` where maps add up to logits; see `Maps`.
        calibration: from logit to probability, fitted on validation images.
        thresholds: operating points on the calibrated probability by the name of their policy, chosen on
            validation images.
        auroc: with its 95 % interval, on test images; None where it cannot be estimated.
        positives: test images that have the finding.
        negatives: test images that have not.
        validated: whether the test shows that the output is better than chance; where not, no threshold
            is applied and the finding is shown as too few to tell.
        calibration_test: how well the calibration does on test images; None where it was not measured.
    """

    finding: str
    bias: float
    calibration: PlattScaling = PlattScaling()
    thresholds: dict[str, float] = field(default_factory=dict)
    auroc: Estimate | None = None
    positives: int = 0
    negatives: int = 0
    validated: bool = False
    calibration_test: CalibrationTest | None = None

    def threshold(self, policy: str) -> float | None:
        """The operating point that applies; None where the finding is not validated or has none."""
        return self.thresholds.get(policy) if self.validated else None

    def __post_init__(self) -> None:
        if not np.isfinite(self.bias):
            raise InvalidModel(f"{self.finding}: bias is {self.bias}; expected a number")
        for policy, threshold in self.thresholds.items():
            if not 0 <= threshold <= 1:
                raise InvalidModel(
                    f"{self.finding}: threshold {policy} is {threshold}; expected a probability"
                )


@dataclass(frozen=True)
class ModelMetadata:
    """The card inside the file.

    Attributes:
        name: the model's name.
        version: of the model, not of the software.
        findings: in the order of the network's outputs.
        preprocessing: from radiograph to input.
        policy: the policy whose thresholds apply unless another is asked for.
        test_data: what the AUROCs were measured on.
        training: provenance: data, hash of the training image names, split, recipe, software.
        reference_logits: torch's logits of `reference_input`, one for each finding; what a file gives
            there tells whether its weights and this machine compute what was trained.
        intended_use: and what it is not for.
        maps: what its activation maps are to its logits.
        gate: the output that rejects what the model was not made for; None where the file has none.
    """

    name: str
    version: str
    findings: tuple[FindingMetadata, ...]
    preprocessing: Preprocessing
    policy: str
    test_data: str
    training: dict[str, Any]
    reference_logits: tuple[float, ...]
    intended_use: str = INTENDED_USE
    maps: Maps = "mean"
    gate: GateMetadata | None = None

    def __post_init__(self) -> None:
        if self.maps not in get_args(Maps):
            raise InvalidModel(f"maps are {self.maps!r}; expected {', '.join(get_args(Maps))}")
        names = [finding.finding for finding in self.findings]
        if not names or len(set(names)) != len(names):
            raise InvalidModel(f"findings are {names}; expected at least one, none twice")
        if len(self.reference_logits) != len(names):
            raise InvalidModel(f"{len(self.reference_logits)} reference logits for {len(names)} findings")

    @property
    def standing(self) -> str | None:
        """What every result says of a model that is not calibrated or not tested; None where it is both."""
        lacks = [] if any(one.calibration != PlattScaling() for one in self.findings) else ["not calibrated"]
        lacks += [] if any(one.auroc is not None for one in self.findings) else ["not tested"]
        if not lacks:
            return None
        return f"the model {self.name} is {', '.join(lacks)}; its probabilities are not to be relied on"

    def to_json(self) -> str:
        """As it is stored."""
        content = {"format": FORMAT, **asdict(self), "preprocessing": self.preprocessing.to_dict()}
        for entry, finding in zip(content["findings"], self.findings, strict=True):
            entry["auroc"] = None if finding.auroc is None else finding.auroc.numbers()
        return json.dumps(content, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> "ModelMetadata":
        """Read what `to_json` wrote.

        Raises:
            InvalidModel: a field is missing, unknown or impossible. Nothing is guessed.
        """
        try:
            content = json.loads(text)
            version = content.pop("format")
            if version != FORMAT:
                raise InvalidModel(f"metadata format {version}; this software reads format {FORMAT}")
            findings = tuple(_finding(entry) for entry in content.pop("findings"))
            preprocessing = Preprocessing.from_dict(content.pop("preprocessing"))
            logits = tuple(content.pop("reference_logits"))
            gate = content.pop("gate", None)  # files of before there was one have no such key
            content["gate"] = None if gate is None else GateMetadata.from_dict(gate)
            return cls(findings=findings, preprocessing=preprocessing, reference_logits=logits, **content)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            if isinstance(error, InvalidModel):
                raise
            raise InvalidModel(f"its metadata are damaged ({type(error).__name__}: {error})") from error


def reference_input(size: int) -> Float32[np.ndarray, "1 3 size size"]:
    """An input that any machine makes alike, with structure at several scales, in the range of real films."""
    row, column = np.mgrid[0:size, 0:size].astype(np.float64) / size
    waves = sum(np.sin(2 * np.pi * k * (row + k * column)) / k for k in (1, 2, 3, 5, 8))
    grey = 0.5 + 0.2 * waves
    return np.broadcast_to((grey.astype(np.float32) - 0.45) / 0.225, (1, 3, size, size)).copy()


def _finding(entry: dict[str, Any]) -> FindingMetadata:
    auroc = entry.pop("auroc")
    calibration = PlattScaling(**entry.pop("calibration"))
    # Files from before it was measured have no such entry.
    test = entry.pop("calibration_test", None)
    return FindingMetadata(
        calibration=calibration,
        auroc=None if auroc is None else Estimate.from_numbers(auroc),
        calibration_test=None
        if test is None
        else CalibrationTest(_reliability(test["before"]), _reliability(test["after"])),
        **entry,
    )


def _reliability(entry: dict[str, Any]) -> Reliability:
    columns: dict[str, Any] = {name: tuple(entry.pop(name)) for name in _COLUMNS}
    return Reliability(**entry, **columns)
