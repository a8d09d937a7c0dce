"""Whether a picture is what the model was made for: an upright frontal chest radiograph, bone bright."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chexnet.arrays import Float32
from chexnet.radiograph import Preprocessing, Radiograph

GATE_CLASSES = {
    "frontal": "looks like a frontal chest radiograph",
    "lateral": "looks like a lateral chest radiograph",
    "inverted": "looks inverted, with bone dark",
    "upside_down": "looks like a chest radiograph that is upside down",
    "turned_left": "looks like a chest radiograph turned by 90° to the left",
    "turned_right": "looks like a chest radiograph turned by 90° to the right",
    "part": "looks like a part of a chest radiograph",
    "other": "does not look like a chest radiograph",
}
"""What the gate tells apart, in the order of its outputs, and how a refusal says it.

Right and left of the patient are not among them: a mirrored film looks like a rare body, not like an error.
"""

EXPECTED = "expected an upright frontal chest radiograph with bone bright"

LEAST_RANGE, LEAST_WHITE = 0.1, 0.25
"""Grey range, and its upper end, below which a film is refused as constant or too dark.

Of 6,267 films of adults and children the flattest has a range of 0.34, the darkest an upper end of 0.51.
"""

CHEST_PARTS = ("CHEST", "THORAX", "LUNG", "RIB", "STERNUM", "TORSO", "TRUNK")
"""Words of (0018,0015) Body Part Examined (PS3.16 annex L) that a frontal chest film may carry."""

FRONTAL_VIEWS = ("AP", "PA")
"""(0018,5101) View Position of a frontal film (PS3.3 C.8.1.1.1.2)."""


@dataclass(frozen=True)
class GateMeasure:
    """How often pictures of one kind were refused, none of them used in training.

    Attributes:
        kind: what was shown.
        pictures: how many.
        refused: how many of them were refused.
        low: of the 95 % interval of the refused share (Wilson), over pictures.
        high: likewise.
    """

    kind: str
    pictures: int
    refused: int
    low: float
    high: float


@dataclass(frozen=True)
class GateMetadata:
    """The gate of a model file.

    Attributes:
        classes: what its outputs mean, in their order; the first is "frontal".
        threshold: least probability of "frontal" at which a film passes, chosen on validation films.
        reference_logits: its outputs on `reference_input`.
        sha256: of the gate's own file, before it became a part of this one.
        training: what taught it.
        measured: on pictures it never saw.
    """

    classes: tuple[str, ...]
    threshold: float
    reference_logits: tuple[float, ...]
    sha256: str
    training: dict[str, Any] = field(default_factory=dict)
    measured: tuple[GateMeasure, ...] = ()

    def __post_init__(self) -> None:
        if self.classes[:1] != ("frontal",) or not set(self.classes) <= set(GATE_CLASSES):
            raise ValueError(
                f"the gate tells {self.classes} apart; expected frontal and some of {[*GATE_CLASSES]}"
            )
        if len(self.reference_logits) != len(self.classes):
            raise ValueError(f"{len(self.reference_logits)} reference logits for {len(self.classes)} classes")
        if not 0 < self.threshold < 1:
            raise ValueError(f"the gate's threshold is {self.threshold}; expected a probability")

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> "GateMetadata":
        """From JSON.

        Raises:
            ValueError: a value is impossible.
            KeyError: one is missing.
            TypeError: one is unknown.
        """
        measured = tuple(GateMeasure(**entry) for entry in stored["measured"])
        lists = {key: tuple(stored[key]) for key in ("classes", "reference_logits")}
        return cls(**stored | lists | {"measured": measured})

    def refusal(self, logits: Float32[np.ndarray, " classes"]) -> str | None:
        """Why a picture with these outputs does not pass; None if it does."""
        odds = np.exp(logits - logits.max())
        if odds[0] >= self.threshold * odds.sum():
            return None
        return GATE_CLASSES[self.classes[1 + int(odds[1:].argmax())]]


def unfit(
    radiograph: Radiograph, image: Float32[np.ndarray, "3 s s"], preprocessing: Preprocessing
) -> str | None:
    """Why no network needs to look: too small, constant, too dark. None if one does."""
    height, width = radiograph.pixels.shape
    least = preprocessing.size // 2
    if min(height, width) < least:
        return f"is too small, {width}×{height} pixels; expected at least {least}×{least}"
    grey = (image[0, ::2, ::2] * preprocessing.std[0] + preprocessing.mean[0]).ravel()
    # The 1st and the 99th percentile; np.percentile would import masked arrays, 7 ms of a cold start.
    hundredth = grey.size // 100
    ends = hundredth, grey.size - 1 - hundredth
    black, white = np.partition(grey, ends)[[*ends]]
    if white - black < LEAST_RANGE:
        return f"is constant, grey values {black:.2f} to {white:.2f} of 1; {EXPECTED}"
    if white < LEAST_WHITE:
        return f"is too dark, grey values {black:.2f} to {white:.2f} of 1; {EXPECTED}"
    return None


def of_another_part(radiograph: Radiograph) -> bool:
    """Whether the header names a part of the body that is not the chest."""
    part = (radiograph.body_part or "").upper()
    return bool(part) and not any(word in part for word in CHEST_PARTS)


def header_says(radiograph: Radiograph) -> tuple[list[str], list[str]]:
    """What the file's header says for, and against, a frontal chest radiograph."""
    supports: list[str] = []
    contradicts: list[str] = []
    if part := radiograph.body_part:
        (contradicts if of_another_part(radiograph) else supports).append(
            f'(0018,0015) Body Part Examined is "{part}"'
        )
    if view := radiograph.view_position:
        (supports if view.upper() in FRONTAL_VIEWS else contradicts).append(
            f'(0018,5101) View Position is "{view}"'
        )
    return supports, contradicts


def explained(looks: str, radiograph: Radiograph) -> str:
    """The reason of a refusal by what the picture looks like, with what the header says.

    Pixels have decided; of what another part of the body looks like most, the header knows better.
    """
    supports, contradicts = header_says(radiograph)
    if of_another_part(radiograph):
        looks, supports = GATE_CLASSES["other"], []
    said = [f", and {' and '.join(contradicts)}"] if contradicts else []
    said += [f", though {' and '.join(supports)}"] if supports else []
    return f"{looks}{''.join(said)}; {EXPECTED}"
