"""Published AUROCs to stand beside a measurement, each with the split it was measured on (Table 2)."""

from dataclasses import dataclass

from chexnet.evaluation.measures import Measure
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


def systems_below(finding: str, measured: Measure) -> list[str]:
    """Systems whose published AUROC lies below the whole interval of the measured one."""
    if measured.low is None or finding not in PATHOLOGIES:
        return []
    return [column.system for column in TABLE_2_COLUMNS if column.auroc[finding] < measured.low]
