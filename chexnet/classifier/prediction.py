"""What every door shows: the findings of one image, or why there are none."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from chexnet.arrays import Float32
from chexnet.classifier.metadata import Maps

NO_MAPS = "this model has no activation maps"
"""Said at every door."""

INCOMPLETE = ".incomplete"
"""Ends the name of a table while its rows still come."""

Status = Literal["ok", "refused", "error"]


@dataclass(frozen=True)
class ModelIdentity:
    """Which file said so."""

    name: str
    version: str
    sha256: str


@dataclass(frozen=True)
class FindingPrediction:
    """One finding of one image.

    Attributes:
        finding: its name in the model.
        probability: calibrated, of the finding being present.
        score: the network's raw logit.
        threshold: operating point on the probability, or None where none is validated.
        policy: how the threshold was chosen on validation images; None without one.
        present: whether the probability reaches the threshold; None without one.
        validated: whether the model's test showed this output to be better than chance.
    """

    finding: str
    probability: float
    score: float
    threshold: float | None
    policy: str | None
    present: bool | None
    validated: bool


@dataclass(frozen=True)
class Prediction:
    """The result for one image.

    Attributes:
        image: the file, as it was asked for.
        status: "ok"; "refused" where it is no frontal chest radiograph; "error" where it is unreadable.
        reason: why not "ok", on one line.
        findings: in the model's order; none unless "ok".
        model: the file that predicted.
        maps: class activation maps M_c (section 6), rows and columns of the network's grid, stretched over
            the radiograph's field, which is the whole image where it has no border; None unless "ok", and
            where the model has none.
        evidence: the maps as they are shown, stretched over the whole image, see `evidence_of`. Of an image
            with a border, the grid is finer than that of the maps, and 0 on the border. None where there
            are no maps.
        notes: what reading the file had to assume.
        maps_are: what the maps are to the scores.
    """

    image: str
    status: Status
    reason: str | None
    findings: tuple[FindingPrediction, ...]
    model: ModelIdentity
    maps: Float32[np.ndarray, "findings rows columns"] | None = None
    evidence: Float32[np.ndarray, "findings down across"] | None = None
    notes: tuple[str, ...] = ()
    maps_are: Maps = "mean"

    def __getitem__(self, finding: str) -> FindingPrediction:
        """The finding of that name; KeyError names those there are."""
        return self.findings[self._index(finding)]

    def map_of(self, finding: str) -> Float32[np.ndarray, "rows columns"]:
        """The class activation map M_c; where `maps_are` "mean", its mean plus the bias is the score."""
        return self._layer(self.maps, finding)

    def evidence_of(self, finding: str) -> Float32[np.ndarray, "rows columns"]:
        """Evidence for (above 0) and against (below 0) the finding, in log odds.

        The calibrated map, less the log odds of the threshold: its mean over the radiograph's field is
        positive exactly when the finding is present. Without a threshold, zero is a probability of one half.
        Where maps do not add up to the score there is no such zero, and this is the map itself.
        """
        return self._layer(self.evidence, finding)

    def _layer(
        self, layers: Float32[np.ndarray, "findings rows columns"] | None, finding: str
    ) -> Float32[np.ndarray, "rows columns"]:
        if layers is None and self.status == "ok":
            raise ValueError(f"{self.image}: {NO_MAPS}")
        if layers is None:
            raise ValueError(f"{self.image}: no maps, status is {self.status!r}: {self.reason}")
        layer: np.ndarray = layers[self._index(finding)]
        return layer

    def _index(self, finding: str) -> int:
        names = [entry.finding for entry in self.findings]
        if finding not in names:
            raise KeyError(f"{finding!r}; this prediction has {', '.join(names) or 'no findings'}")
        return names.index(finding)

    def to_dict(self) -> dict[str, Any]:
        """The JSON object of `chexnet predict --json`; maps are left out."""
        return {
            "image": self.image,
            "status": self.status,
            "reason": self.reason,
            "findings": [asdict(finding) for finding in self.findings],
            "model": asdict(self.model),
            "notes": list(self.notes),
        }


def encodable(text: str) -> str:
    """The text, with escapes for the bytes of a file's name that are not UTF-8; JSON stays JSON."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
