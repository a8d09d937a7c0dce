"""From the best checkpoint to the one-file model: calibrate on validation, measure on test, export, prove."""

import copy
import csv
import importlib.metadata
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from chexnet.arrays import Float
from chexnet.classifier import (
    KEY,
    TRAINING_SET_KEY,
    CalibrationTest,
    FindingMetadata,
    Maps,
    ModelMetadata,
    TrainingSet,
    reference_input,
)
from chexnet.datasets import Manifest, known_labels
from chexnet.models import Network, Wang2017, Yao2017, export_onnx, round_to_float16
from chexnet.statistics import (
    POLICIES,
    Estimate,
    PlattScaling,
    auroc,
    auroc_interval,
    fit_platt,
    measure_reliability,
    sigmoid,
)
from chexnet.training.attach_gate import add_gate
from chexnet.training.config import TrainConfig
from chexnet.training.dataset import loader

FEWEST_POSITIVES = 10
"""Positive images that calibration, a threshold or a claim of validity needs; below, there is none."""

_PROOF_IMAGES = 8
MAPS: dict[type[Network], Maps] = {Wang2017: "log_sum_exp", Yao2017: "none"}
"""What the maps of a network are to its logits; "mean" for all others."""


def release(
    network: Network,
    validation: Manifest,
    test: Manifest,
    folder: Path,
    config: TrainConfig,
    provenance: dict[str, Any],
    learned_from: TrainingSet,
    *,
    device: torch.device,
    workers: int,
) -> Path:
    """Write `<name>.onnx`, and its probabilities for the validation and test images beside it.

    The weights are rounded to float16 first; everything after sees the rounded network, so the numbers
    in the file are the file's own. What the rounding costs on the test images goes into the file too.

    Args:
        network: the best of the run.
        validation: decides calibration and thresholds.
        test: is measured on, and decides nothing but whether a finding counts as validated.
        folder: receives the files.
        config: the recipe.
        provenance: goes into the file.
        learned_from: likewise, so that predictions on these images can be marked.
        device: where the predictions are computed.
        workers: processes that read the images.
    """
    released = round_to_float16(network)
    logits = {
        part: predict_logits(released, images, config, part, device=device, workers=workers)
        for part, images in (("validation", validation), ("test", test))
    }
    unrounded = predict_logits(network, test, config, "unrounded, test", device=device, workers=workers)
    images = _proof_images(validation, config)
    with torch.inference_mode():
        tensor = torch.from_numpy(images)
        before, after = network.eval()(tensor).logits, released(tensor).logits
        rounding = float((before - after).abs().max())
    with torch.inference_mode():
        reference = released(torch.from_numpy(reference_input(config.image_size))).logits[0].tolist()
    bias = released.biases().tolist()
    findings = tuple(
        measure_finding(
            finding,
            bias[index],
            (validation, logits["validation"][:, index]),
            (test, logits["test"][:, index]),
        )
        for index, finding in enumerate(config.findings)
    )
    metadata = ModelMetadata(
        name=config.name,
        version="1",
        findings=findings,
        preprocessing=config.preprocessing,
        policy="max_f1",
        test_data=f"{test.name}, {len(test)} test images of {len(set(test.patients))} patients",
        training=provenance
        | {
            "float16_logit_difference": rounding,
            "float16_auroc_difference": auroc_differences(test, config.findings, logits["test"], unrounded),
            "software": software_versions(),
        },
        reference_logits=tuple(reference),
        maps=MAPS.get(type(network), "mean"),
    )
    path = folder / f"{config.name}.onnx"
    properties = {KEY: metadata.to_json(), TRAINING_SET_KEY: learned_from.to_json()}
    export_onnx(released, path, metadata=properties, images=images)
    add_gate(path)
    for part, part_images in (("validation", validation), ("test", test)):
        _write_predictions(folder / f"{part}_predictions.csv", part_images, findings, logits[part])
    return path


def predict_logits(
    network: Network,
    images: Manifest,
    config: TrainConfig,
    name: str,
    *,
    device: torch.device,
    workers: int,
) -> Float[np.ndarray, "images findings"]:
    """Logits of `images` in their order."""
    if not len(images):
        return np.empty((0, len(config.findings)), dtype=np.float32)
    network = copy.deepcopy(network).to(device).eval()
    batches = loader(images, config, train=False, workers=workers)
    with torch.inference_mode():
        parts = [
            network(batch.to(device)).logits.cpu()
            for batch, _ in tqdm(batches, desc=f"{name} images", unit="batch")
        ]
    return torch.cat(parts).numpy()


def auroc_differences(
    test: Manifest,
    findings: Sequence[str],
    logits: Float[np.ndarray, "images findings"],
    unrounded: Float[np.ndarray, "images findings"],
) -> dict[str, float | None]:
    """AUROC on the test images minus that of the unrounded weights; None where it is not estimable."""
    differences: dict[str, float | None] = {}
    for index, finding in enumerate(findings):
        present, after, _ = _known_only(finding, test, logits[:, index])
        _, before, _ = _known_only(finding, test, unrounded[:, index])
        both = present.any() and not present.all()
        differences[finding] = auroc(present, after) - auroc(present, before) if both else None
    return differences


def measure_finding(
    finding: str,
    bias: float,
    validation: tuple[Manifest, Float[np.ndarray, " v"]],
    test: tuple[Manifest, Float[np.ndarray, " t"]],
) -> FindingMetadata:
    """Calibration and thresholds from validation images; AUROC and reliability from test images.

    A finding is validated where the 95 % interval of its AUROC lies above one half, on enough positives.
    """
    present, scores, _ = _known_only(finding, *validation)
    calibration = PlattScaling()
    thresholds: dict[str, float] = {}
    if _enough(present):
        calibration = fit_platt(present, scores)
        probabilities = calibration.apply(scores)
        thresholds = {policy: choose(present, probabilities) for policy, choose in POLICIES.items()}
    present, scores, patients = _known_only(finding, *test)
    area: Estimate | None = None
    reliability: CalibrationTest | None = None
    if present.size:
        reliability = CalibrationTest(
            measure_reliability(present, sigmoid(scores)),
            measure_reliability(present, calibration.apply(scores)),
        )
    if present.any() and not present.all():
        area = auroc_interval(present, scores, patients=patients)
    return FindingMetadata(
        finding=finding,
        bias=bias,
        calibration=calibration,
        thresholds=thresholds,
        auroc=area,
        positives=int(present.sum()),
        negatives=int((~present).sum()),
        validated=area is not None and area.above(0.5) and _enough(present) and bool(thresholds),
        calibration_test=reliability,
    )


def _known_only(
    finding: str, images: Manifest, logits: Float[np.ndarray, " images"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(present, scores, patients) of the images whose label is known."""
    known, present = known_labels(images.labels[:, images.findings.index(finding)])
    return present, logits[known].astype(np.float64), np.asarray(images.patients)[known]


def _enough(present: np.ndarray) -> bool:
    return min(int(present.sum()), int((~present).sum())) >= FEWEST_POSITIVES


def _proof_images(images: Manifest, config: TrainConfig) -> Float[np.ndarray, "n 3 s s"]:
    rows = np.linspace(0, len(images) - 1, min(len(images), _PROOF_IMAGES)).astype(int)
    batches = loader(images.select(rows), config, train=False, workers=0)
    return torch.cat([batch for batch, _ in batches]).numpy()


def _write_predictions(
    path: Path,
    images: Manifest,
    findings: tuple[FindingMetadata, ...],
    logits: Float[np.ndarray, "images findings"],
) -> None:
    """Calibrated probabilities, as `chexnet predict` gives them."""
    columns = [finding.calibration.apply(logits[:, index]) for index, finding in enumerate(findings)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "patient", *images.findings])
        for image, patient, *row in zip(images.image_ids, images.patients, *columns, strict=True):
            writer.writerow([image, patient, *(f"{probability:.6g}" for probability in row)])


def software_versions() -> dict[str, str]:
    """Versions that the numbers may depend on."""
    packages = ("chexnet", "torch", "lightning", "onnxruntime", "numpy", "pillow")
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in packages
    }
