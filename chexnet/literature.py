"""Published numbers to stand beside a measurement, each with what it was measured on."""

from dataclasses import dataclass

from chexnet.paper import PATHOLOGIES, TABLE_2


@dataclass(frozen=True)
class Published:
    """One column of Table 2."""

    system: str
    split: str
    auroc: dict[str, float]

    @property
    def mean(self) -> float:
        """Mean over the 14 pathologies."""
        return sum(self.auroc.values()) / len(self.auroc)


TABLE_2_COLUMNS = tuple(
    Published(system, "random split of its own", values) for system, values in TABLE_2.items()
)
"""Numbers from different splits do not compare strictly: the official test list is another population."""


def systems_below(finding: str, low: float | None) -> list[str]:
    """Systems whose published AUROC lies below `low`, the lower bound of a measured one."""
    if low is None or finding not in PATHOLOGIES:
        return []
    return [column.system for column in TABLE_2_COLUMNS if column.auroc[finding] < low]


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
