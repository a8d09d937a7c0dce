"""Well-known trained networks by name: what is known of them, and what is not."""

from dataclasses import dataclass, field

from chexnet.models.importing.layouts import IMAGENET, XRV
from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import Preprocessing

UNKNOWN = "unknown"
TEN_CROPS = "it averages ten 224 px crops of a 256 px image; here the whole image is seen once at 224 px"

XRV_PATHOLOGIES = (
    *("Atelectasis", "Consolidation", "Infiltration", "Pneumothorax", "Edema", "Emphysema", "Fibrosis"),
    *("Effusion", "Pneumonia", "Pleural_Thickening", "Cardiomegaly", "Nodule", "Mass", "Hernia"),
    *("Lung Lesion", "Fracture", "Lung Opacity", "Enlarged Cardiomediastinum"),
)
"""torchxrayvision's default_pathologies, in their order."""


@dataclass(frozen=True)
class Preset:
    """One published network.

    Attributes:
        name: as `--preset` takes it.
        source: where its file is published.
        file: its name there.
        findings: what its outputs mean, in order.
        preprocessing: what its code feeds it.
        licence: as stated by its authors.
        split: which images it was trained on.
        contamination: how far it has seen the official test list of ChestX-ray14.
        auroc: what its authors report, and on what.
        differs: how its own preprocessing differs from this project's.
    """

    name: str
    source: str
    file: str
    findings: tuple[str, ...]
    preprocessing: Preprocessing = field(default=IMAGENET)
    licence: str = UNKNOWN
    split: str = UNKNOWN
    contamination: str = UNKNOWN
    auroc: str = UNKNOWN
    differs: str = ""

    def facts(self) -> dict[str, str]:
        """For the model file's provenance."""
        names = ("source", "file", "licence", "split", "contamination", "auroc", "differs")
        return {"preset": self.name} | {name: getattr(self, name) for name in names}


PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            "arnoweng",
            "https://github.com/arnoweng/CheXNet",
            "model.pth.tar",
            PATHOLOGIES,
            split="its own lists train_list.txt, val_list.txt and test_list.txt, drawn by patient",
            contamination="17,920 of the 25,596 official test images (70.0 %) are in its training list",
            auroc="mean of 14: 0.843 on its own test list, as its authors report",
            differs=TEN_CROPS,
        ),
        Preset(
            "zoogzog",
            "https://github.com/zoogzog/chexnet",
            "m-25012018-123527.pth.tar",
            PATHOLOGIES,
            split="its own lists",
            auroc="mean of 14: 0.851 on its own test list, as its authors report",
            differs=TEN_CROPS,
        ),
        Preset(
            "reproduce-chexnet",
            "https://github.com/jrzech/reproduce-chexnet",
            "checkpoint",
            PATHOLOGIES,
            split="its own, 70 / 10 / 20 by patient",
            auroc="mean of 14: 0.838 on its own test list, as its authors report",
        ),
        Preset(
            "brucechou1983",
            "https://github.com/brucechou1983/CheXNet-Keras",
            "brucechou1983_CheXNet_Keras_0.3.0_weights.h5",
            PATHOLOGIES,
        ),
        Preset(
            "torchxrayvision",
            "https://github.com/mlmed/torchxrayvision",
            "densenet121-res224-all",
            XRV_PATHOLOGIES,
            XRV,
            licence="Apache-2.0 (the package)",
            split="several data sets, its own splits",
            differs="it crops the centre square of the image before it resizes; here the image is squeezed",
        ),
    )
}
"""By name. No file is downloaded or pinned: none of these projects publishes a SHA-256."""
