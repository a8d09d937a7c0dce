"""File or bytes -> Radiograph (a grey image and what its file says of it) -> network input."""

from chexnet.radiograph.borders import Field
from chexnet.radiograph.dimensions import DeclaredSize, declared_size
from chexnet.radiograph.errors import NotAChestRadiograph, UnreadableImage
from chexnet.radiograph.preprocessing import (
    Preprocessing,
    network_input,
    packed_grey,
    packed_input,
    resized,
)
from chexnet.radiograph.radiograph import Radiograph, over_image
from chexnet.radiograph.reading import read_radiograph

__all__ = [
    "DeclaredSize",
    "Field",
    "NotAChestRadiograph",
    "Preprocessing",
    "Radiograph",
    "UnreadableImage",
    "declared_size",
    "network_input",
    "over_image",
    "packed_grey",
    "packed_input",
    "read_radiograph",
    "resized",
]
