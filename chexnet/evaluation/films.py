"""Films to show."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Film:
    """A film beside its activation map, as pixels, with its caption (Figure 2)."""

    picture: np.ndarray
    caption: str
