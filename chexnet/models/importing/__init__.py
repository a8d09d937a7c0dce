"""Trained networks from elsewhere: read without executing anything, recognised, renamed, or refused."""

from chexnet.models.importing.contents import FileContents, read_contents
from chexnet.models.importing.layouts import LAYOUTS, ForeignNetwork, Layout, recognise
from chexnet.models.importing.presets import PRESETS, Preset

__all__ = [
    "LAYOUTS",
    "PRESETS",
    "FileContents",
    "ForeignNetwork",
    "Layout",
    "Preset",
    "read_contents",
    "recognise",
]
