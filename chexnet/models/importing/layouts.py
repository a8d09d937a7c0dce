"""The ways in which others name the weights of a DenseNet-121, as one table."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from chexnet.models.densenet import FEATURE_MAPS, DenseNet121
from chexnet.models.importing.contents import FileContents
from chexnet.models.weights import WeightsMismatch, load_state
from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import Preprocessing

IMAGENET = Preprocessing()
"""224 px, mean and standard deviation of ImageNet: what the copies of CheXNet of 2017 to 2020 use."""

XRV = Preprocessing(mean=(0.5, 0.5, 0.5), std=(1 / 2048, 1 / 2048, 1 / 2048))
"""torchxrayvision's range, -1024 for black to 1024 for white: (grey - 0.5) · 2048."""

_STEM = "conv0.weight"
_OLD_NAMES = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")
_MONAI_NAMES = re.compile(r"(denselayer\d+)\.layers\.")


@dataclass(frozen=True)
class Layout:
    """How a project stores its network.

    Attributes:
        name: of the project.
        applies: whether tensors of these names, in a file with these contents, are of this layout.
        preprocessing: what its published code feeds the network; None where it does not say.
        findings: what its outputs mean, in order; None where it does not say.
    """

    name: str
    applies: Callable[[FileContents], bool]
    preprocessing: Preprocessing | None = None
    findings: tuple[str, ...] | None = None


def _any(pattern: str) -> Callable[[FileContents], bool]:
    compiled = re.compile(pattern)
    return lambda contents: any(compiled.search(name) for name in contents.tensors)


def _is_torchxrayvision(contents: FileContents) -> bool:
    has_thresholds = any(name.endswith("op_threshs") for name in contents.tensors)
    return has_thresholds or "op_threshs" in contents.beside or "pathologies" in contents.beside


LAYOUTS = (
    Layout("chexnet", lambda contents: "chexnet_provenance" in contents.beside),
    Layout("Keras applications", lambda contents: contents.kind == "keras", IMAGENET),
    Layout("torchxrayvision", _is_torchxrayvision, XRV),
    Layout("MONAI", _any(r"denselayer1\.layers\.norm1\.|class_layers\.out\.")),
    Layout("arnoweng, zoogzog", _any(r"denselayer1\.norm\.1\.|classifier\.0\.weight$"), IMAGENET),
    Layout(
        "reproduce-chexnet",
        lambda contents: contents.wrappers == ("model", "pickled network"),
        IMAGENET,
        PATHOLOGIES,
    ),
    Layout("Lightning", lambda contents: "pytorch-lightning_version" in contents.beside),
    Layout("torchvision, timm", _any(r"features\.conv0\.weight$|^conv0\.weight$|\.conv0\.weight$")),
)
"""The first that applies names the file; the renaming is the same for all, so a wrong name costs nothing."""


@dataclass(frozen=True)
class ForeignNetwork:
    """A network from elsewhere, as this project runs it.

    Attributes:
        network: with the file's weights, for three equal channels.
        layout: that was recognised.
        findings: what the layout or the file says its outputs mean; None where neither does.
        preprocessing: what the layout says; None where it does not.
        thresholds: probability at which the source calls each finding present, where the file has it.
        ignored: tensors of the file that are no part of the network, such as a loss's weights.
        prefix: what stood before the names.
    """

    network: DenseNet121
    layout: str
    findings: tuple[str, ...] | None
    preprocessing: Preprocessing | None
    thresholds: tuple[float | None, ...] | None
    ignored: tuple[str, ...]
    prefix: str

    @property
    def outputs(self) -> int:
        """How many findings the network has."""
        return int(self.network.biases().shape[0])


def recognise(contents: FileContents, name: str) -> ForeignNetwork:
    """Build the network of a file.

    Args:
        contents: of the file.
        name: of the file, for errors.

    Raises:
        WeightsMismatch: not a DenseNet-121 with one linear layer behind it; the message names the layout
            that was expected and the keys that do not fit.
    """
    tensors = {key.replace("_orig_mod.", ""): value for key, value in contents.tensors.items()}
    prefix = _prefix(tensors, name)
    trunk, rest = _divided(tensors, prefix)
    weight, bias, ignored = _head(rest, name)
    layout = next((layout for layout in LAYOUTS if layout.applies(contents)), LAYOUTS[-1])
    state = {**trunk, "classifier.weight": weight, "classifier.bias": bias}
    stem = state[f"features.{_STEM}"]
    if stem.ndim == 4 and stem.shape[1] == 1:
        # One grey channel: the first of three equal ones.
        state[f"features.{_STEM}"] = torch.cat([stem, torch.zeros_like(stem), torch.zeros_like(stem)], dim=1)
    network = DenseNet121(weight.shape[0])
    try:
        load_state(network, {key: value.float() for key, value in state.items()})
    except WeightsMismatch as error:
        raise WeightsMismatch(f"{name}, taken for the layout {layout.name}: {error}") from error
    return ForeignNetwork(
        network=network.eval(),
        layout=layout.name,
        findings=_findings(contents.beside) or layout.findings,
        preprocessing=layout.preprocessing,
        thresholds=_thresholds(contents, weight.shape[0]),
        ignored=ignored,
        prefix=prefix,
    )


def _prefix(tensors: Mapping[str, Tensor], name: str) -> str:
    stems = [key for key in tensors if key == _STEM or key.endswith(f".{_STEM}")]
    if len(stems) != 1:
        shown = ", ".join([*tensors][:6])
        raise WeightsMismatch(
            f"{name}: expected one DenseNet-121, with a tensor …{_STEM}; found {len(stems)} of them among "
            f"{len(tensors)} tensors ({shown} …). Known layouts: "
            f"{', '.join(layout.name for layout in LAYOUTS)}"
        )
    return stems[0].removesuffix(_STEM)


def _divided(tensors: Mapping[str, Tensor], prefix: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The trunk under torchvision's names, and everything that stands outside of it."""
    trunk, rest = {}, {}
    for key, value in tensors.items():
        short = key.removeprefix(prefix)
        if key.startswith(prefix) and re.match(r"(conv0|norm0|denseblock\d|transition\d|norm5)\.", short):
            short = _MONAI_NAMES.sub(r"\1.", _OLD_NAMES.sub(r"\1\2.", short))
            trunk[f"features.{short}"] = value
        else:
            rest[key] = value
    return trunk, rest


def _head(rest: Mapping[str, Tensor], name: str) -> tuple[Tensor, Tensor, tuple[str, ...]]:
    """Weight and bias of the linear layer behind the trunk, and what else is there."""
    layers = [key for key, value in rest.items() if value.ndim in (2, 4) and value.numel() > value.shape[0]]
    if len(layers) != 1 or rest[layers[0]].shape[1] != FEATURE_MAPS:
        found = ", ".join(f"{key} {tuple(rest[key].shape)}" for key in layers) or "none"
        raise WeightsMismatch(
            f"{name}: expected one linear layer (findings, {FEATURE_MAPS}) behind the DenseNet-121, since "
            f"only then a map's mean is the logit; found {found}"
        )
    weight = rest[layers[0]]
    bias_name = layers[0].removesuffix("weight") + "bias"
    bias = rest.get(bias_name, torch.zeros(weight.shape[0]))
    ignored = tuple(sorted(set(rest) - {layers[0], bias_name}))
    return weight.reshape(weight.shape[0], -1), bias, ignored


def _findings(beside: Mapping[str, Any]) -> tuple[str, ...] | None:
    names = next((beside[key] for key in ("pathologies", "targets", "class_names") if beside.get(key)), None)
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        return None
    # torchxrayvision leaves outputs without a name that were not trained; they need one of their own.
    return tuple(name or f"untrained_{number}" for number, name in enumerate(names))


def _thresholds(contents: FileContents, outputs: int) -> tuple[float | None, ...] | None:
    stored = [value for key, value in contents.tensors.items() if key.endswith("op_threshs")]
    values = stored[0] if stored else contents.beside.get("op_threshs")
    if values is None or len(values) != outputs:
        return None
    return tuple(None if math.isnan(value) else float(value) for value in values)
