"""Synthetic chest radiographs that come with the package: no patient is behind them, and they say so.

``python -m chexnet.examples`` makes them anew from ``chexnet.examples.phantom``.
"""

from pathlib import Path

NORMAL_PNG = "synthetic_thorax.png"
OPACITY_PNG = "synthetic_thorax_opacity.png"
OPACITY_DICOM = "synthetic_thorax_opacity.dcm"

EXAMPLES = (NORMAL_PNG, OPACITY_PNG, OPACITY_DICOM)
"""A normal chest, the same chest with an opacity in its right lower zone, and that one as DICOM."""


def example_path(name: str) -> Path:
    """Where an example lies.

    Raises:
        ValueError: there is no example of that name.
    """
    if name not in EXAMPLES:
        raise ValueError(f"no example is called {name!r}; there are {', '.join(EXAMPLES)}")
    return Path(__file__).parent / name


__all__ = ["EXAMPLES", "NORMAL_PNG", "OPACITY_DICOM", "OPACITY_PNG", "example_path"]
