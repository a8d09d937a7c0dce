"""A trained network from elsewhere becomes a model file: uncalibrated, untested, and saying so."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from chexnet.arrays import Float32
from chexnet.classifier import KEY, FindingMetadata, ModelMetadata, reference_input
from chexnet.models import (
    NETWORKS,
    Network,
    build_network,
    export_onnx,
    load_state,
    read_state,
    round_to_float16,
)
from chexnet.models.importing import PRESETS, FileContents, Preset, read_contents, recognise
from chexnet.paper import PATHOLOGIES
from chexnet.radiograph import Preprocessing
from chexnet.training.attach_gate import add_gate
from chexnet.training.callbacks import PROVENANCE
from chexnet.training.release import MAPS, software_versions

SOURCE_POLICY = "source"
"""Operating points that came with the weights; they count once the findings are validated."""


@dataclass(frozen=True)
class ImportOptions:
    """What the weights do not say of themselves; whatever is given goes before what they say.

    Attributes:
        preset: a published network, see `PRESETS`.
        findings: what the outputs mean, in their order, separated by commas.
        image_size: side of the network's input, in pixels.
        mean: subtracted from grey in [0, 1]: one number, or three with commas between them.
        std: divided by, likewise.
        input_range: what black and white become, such as -1024,1024, instead of mean and std.
        name: the model's name in its file; the checkpoint's file name by default.
    """

    preset: str | None = None
    findings: str | None = None
    image_size: int | None = None
    mean: str | None = None
    std: str | None = None
    input_range: str | None = None
    name: str | None = None

    def __post_init__(self) -> None:
        if self.preset is not None and self.preset not in PRESETS:
            raise ValueError(f"preset is {self.preset!r}; expected one of {', '.join(PRESETS)}")
        if self.input_range is not None and (self.mean or self.std):
            raise ValueError("give `input_range`, or `mean` and `std`, but not both")


@dataclass(frozen=True)
class ImportedModel:
    """What was read and written.

    Attributes:
        path: the model file.
        layout: that was recognised.
        findings: of its outputs.
        preprocessing: in the file.
        difference: largest difference in logits between torch and the file's own graph.
        ignored: tensors of the checkpoint that do not belong to the network.
    """

    path: Path
    layout: str
    findings: tuple[str, ...]
    preprocessing: Preprocessing
    difference: float
    ignored: tuple[str, ...]


@dataclass(frozen=True)
class _Source:
    """A network as it was read, before anything that the user says about it."""

    network: Network
    layout: str
    findings: tuple[str, ...] | None
    preprocessing: Preprocessing | None
    thresholds: tuple[float | None, ...] | None = None
    ignored: tuple[str, ...] = ()
    provenance: Mapping[str, Any] | None = None


def import_model(checkpoint: Path, output: Path, options: ImportOptions = ImportOptions()) -> ImportedModel:
    """Write a model file from a checkpoint of another project, or of a run of `chexnet train`.

    Nothing in the checkpoint is executed. The file has no calibration, no operating points and no measured
    performance: every finding is shown as not validated, and every result carries a note that says so.

    Raises:
        ValueError: the checkpoint cannot be read, is not one of the known layouts, or does not say what its
            outputs mean or what input it expects, and `options` does not either.
        OSError: a file cannot be read or written.
    """
    contents = read_contents(checkpoint)
    source = _own(checkpoint, contents) or _foreign(checkpoint, contents)
    preset = None if options.preset is None else PRESETS[options.preset]
    findings = _findings(options, preset, source)
    preprocessing = _preprocessing(options, preset, source)
    released = round_to_float16(source.network)
    reference = torch.from_numpy(reference_input(preprocessing.size))
    with torch.inference_mode():
        logits = released(reference).logits[0]
        rounding = float((source.network.eval()(reference).logits[0] - logits).abs().max())
    thresholds = source.thresholds or (None,) * len(findings)
    metadata = ModelMetadata(
        name=options.name or checkpoint.name.partition(".")[0],
        version="1",
        findings=tuple(
            FindingMetadata(name, bias, thresholds={} if known is None else {SOURCE_POLICY: known})
            for name, bias, known in zip(findings, released.biases().tolist(), thresholds, strict=True)
        ),
        preprocessing=preprocessing,
        policy="max_f1",
        test_data="not tested",
        training=dict(source.provenance or {})
        | {
            "imported": {"file": checkpoint.name, "sha256": contents.sha256, "layout": source.layout}
            | ({} if preset is None else preset.facts()),
            "float16_logit_difference": rounding,
            "software": software_versions(),
        },
        reference_logits=tuple(logits.tolist()),
        maps=MAPS.get(type(source.network), "mean"),
    )
    difference = export_onnx(
        released, output, metadata={KEY: metadata.to_json()}, images=_proof_images(preprocessing)
    )
    add_gate(output)
    return ImportedModel(output, source.layout, findings, preprocessing, difference, source.ignored)


def _foreign(path: Path, contents: FileContents) -> _Source:
    found = recognise(contents, str(path))
    return _Source(
        found.network, found.layout, found.findings, found.preprocessing, found.thresholds, found.ignored
    )


def _own(path: Path, contents: FileContents) -> _Source | None:
    """A checkpoint of `chexnet train`, which says all of itself; None for any other."""
    if PROVENANCE not in contents.beside:
        return None
    try:
        provenance = json.loads(contents.beside[PROVENANCE])
        recipe = provenance["recipe"]
        name, size = recipe["network"], recipe["image_size"]
        findings = ("Pneumonia",) if recipe["task"] == "pneumonia" else PATHOLOGIES
        network = build_network(name, len(findings), None)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path}: its record of how it was trained cannot be read ({error}); known networks are "
            f"{', '.join(NETWORKS)}"
        ) from error
    load_state(network, read_state(path))
    preprocessing = Preprocessing(size=size, eight_bit=recipe.get("eight_bit", False))
    return _Source(network.eval(), "chexnet", findings, preprocessing, provenance=provenance)


def _findings(options: ImportOptions, preset: Preset | None, source: _Source) -> tuple[str, ...]:
    outputs = int(source.network.biases().shape[0])
    given = options.findings and tuple(name.strip() for name in options.findings.split(","))
    findings = given or (preset.findings if preset else None) or source.findings
    if findings is None:
        raise ValueError(
            f"the layout {source.layout} does not say what its {outputs} outputs mean; name them, in their "
            "order, by `findings` or a `preset`"
        )
    if len(findings) != outputs or len(set(findings)) != outputs or not all(findings):
        raise ValueError(
            f"{len(findings)} findings for a network with {outputs} outputs; expected one different name for "
            f"each: {', '.join(findings)}"
        )
    return findings


def _preprocessing(options: ImportOptions, preset: Preset | None, source: _Source) -> Preprocessing:
    known = (preset.preprocessing if preset else None) or source.preprocessing
    size = options.image_size or (known.size if known else None)
    mean: tuple[float, float, float] | None
    std: tuple[float, float, float] | None
    if options.input_range is not None:
        low, high = _numbers("input_range", options.input_range, 2)
        if not low < high:
            raise ValueError(f"input_range is {options.input_range}; expected black before white: -1024,1024")
        # (grey - mean) / std is low for 0 and high for 1.
        black, scale = -low / (high - low), 1 / (high - low)
        mean, std = (black, black, black), (scale, scale, scale)
    else:
        mean = _three("mean", options.mean) or (known.mean if known else None)
        std = _three("std", options.std) or (known.std if known else None)
    if size is None or mean is None or std is None:
        raise ValueError(
            f"the layout {source.layout} does not say what its network was fed; say it by `image_size`, and "
            "by `mean` and `std` or by `input_range`. ImageNet's are --mean 0.485,0.456,0.406 and --std "
            "0.229,0.224,0.225"
        )
    return Preprocessing(size, mean, std, bool(known and known.eight_bit))


def _three(name: str, text: str | None) -> tuple[float, float, float] | None:
    if text is None:
        return None
    values = _numbers(name, text, 1 if "," not in text else 3)
    one, two, three = values * 3 if len(values) == 1 else values
    return one, two, three


def _numbers(name: str, text: str, count: int) -> tuple[float, ...]:
    try:
        values = tuple(float(part) for part in text.split(","))
    except ValueError:
        values = ()
    if len(values) != count:
        raise ValueError(f"{name} is {text!r}; expected {count} numbers with commas between them")
    return values


def _proof_images(preprocessing: Preprocessing) -> Float32[np.ndarray, "n 3 size size"]:
    """Inputs within the range that the network was made for, one of them in the proportions of a chest."""
    waves = reference_input(preprocessing.size)
    grey = waves * 0.225 + 0.45
    ours = (grey - np.reshape(preprocessing.mean, (1, 3, 1, 1))) / np.reshape(preprocessing.std, (1, 3, 1, 1))
    return np.concatenate([ours, ours[..., ::-1], ours[:, :, ::-1]]).astype(np.float32)
