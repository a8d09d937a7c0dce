"""A model file is calibrated on images of the place where it is used."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from chexnet._files import file_sha256, write_whole
from chexnet._options import Progress
from chexnet.classifier import KEY, Classifier, FindingMetadata, find_inputs, load, score_files
from chexnet.statistics import POLICIES, auroc_interval, fit_platt, sigmoid
from chexnet.tables import Cohort, ColumnNames, Predictions, join_file
from chexnet.training.release import FEWEST_POSITIVES


@dataclass(frozen=True)
class CalibratedFinding:
    """What became of one finding.

    Attributes:
        metadata: in the new file.
        positives: images that have the finding, of those whose label is known.
        negatives: likewise.
        refusal: why it was not calibrated; None if it was.
    """

    metadata: FindingMetadata
    positives: int
    negatives: int
    refusal: str | None


@dataclass(frozen=True)
class SiteCalibration:
    """What was written.

    Attributes:
        path: the model file.
        images: that decided it.
        findings: in the model's order.
    """

    path: Path
    images: int
    findings: tuple[CalibratedFinding, ...]


def calibrate(
    model: Path,
    images: Path,
    labels: Path,
    output: Path,
    *,
    names: ColumnNames | None = None,
    gate: bool = True,
    progress: Progress | None = None,
) -> SiteCalibration:
    """Fit calibration and operating points on images with labels, and write them into a new model file.

    A finding needs 10 positive and 10 negative images; others stay as they are and are named. The AUROC is
    measured on the same images, which the network has not learned from: calibration keeps their order, so it
    does not flatter it. A finding counts as validated where the 95 % interval of its AUROC is above one half.

    Args:
        model: a model file.
        images: a folder of images, or one image.
        labels: a table with an image column, one column per finding (0, 1, blank), and perhaps patients.
        output: the new model file.
        names: how the table names its columns.
        gate: leave out what is not a frontal chest radiograph.
        progress: called after each image.

    Raises:
        ValueError: no finding has enough images, or the model was trained on some. Nothing is written.
    """
    classifier = load(model, threads=1)
    cohort = join_file(_scores(classifier, images, gate, progress), labels, names)
    _refuse_training_images(classifier, cohort)
    findings = tuple(_calibrated(entry, cohort) for entry in classifier.metadata.findings)
    if all(one.refusal is not None for one in findings):
        raise ValueError(f"{labels}: nothing can be calibrated. " + "; ".join(_refusals(findings)))
    count = len(cohort.labels.images)
    whose = "" if cohort.patients is None else f" of {cohort.patients:,} patients"
    metadata = replace(
        classifier.metadata,
        findings=tuple(one.metadata for one in findings),
        test_data=f"{labels.stem}, {count:,} images{whose}, which also chose calibration and thresholds",
        training=dict(classifier.metadata.training)
        | {
            "site_calibration": {
                "model_sha256": classifier.identity.sha256,
                "labels": {"file": labels.name, "sha256": file_sha256(labels)},
                "images": count,
            }
        },
    )
    graph = onnx.load(model)
    stored = {entry.key: entry.value for entry in graph.metadata_props}
    onnx.helper.set_model_props(graph, {**stored, KEY: metadata.to_json()})
    write_whole(output, graph.SerializeToString())
    return SiteCalibration(output, count, findings)


def _scores(classifier: Classifier, images: Path, gate: bool, progress: Progress | None) -> Predictions:
    files = find_inputs([str(images)]).files
    names: list[str] = []
    scores: list[list[float]] = []
    reasons = Counter[str]()
    for done, scored in enumerate(score_files(classifier, files, gate=gate), start=1):
        if scored.prediction.status == "ok":
            names.append(scored.file.name.as_posix())
            scores.append([finding.score for finding in scored.prediction.findings])
        else:
            reasons[scored.prediction.status] += 1
        if progress:
            progress(done, len(files))
    if not names:
        raise ValueError(f"{images}: none of {len(files)} files could be scored ({dict(reasons)})")
    probabilities = sigmoid(np.array(scores, dtype=np.float64))
    return Predictions(classifier.identity.name, names, classifier.findings, probabilities, dict(reasons))


def _refuse_training_images(classifier: Classifier, cohort: Cohort) -> None:
    trained_on = classifier.training_set
    seen = [] if trained_on is None else [one for one in cohort.labels.images if trained_on.has_image(one)]
    if seen:
        raise ValueError(
            f"the model was trained on {len(seen):,} of these {len(cohort.labels.images):,} images, such as "
            f"{seen[0]}; calibrate on images that it has not seen"
        )


def _calibrated(entry: FindingMetadata, cohort: Cohort) -> CalibratedFinding:
    if entry.finding not in cohort.findings:
        return CalibratedFinding(entry, 0, 0, f"{entry.finding}: no column in the labels")
    known = cohort.known(entry.finding)
    present = cohort.present(entry.finding)[known]
    positives, negatives = int(present.sum()), int((~present).sum())
    if min(positives, negatives) < FEWEST_POSITIVES:
        reason = (
            f"{entry.finding}: {positives} positive and {negatives} negative images; at least "
            f"{FEWEST_POSITIVES} of each are needed"
        )
        return CalibratedFinding(entry, positives, negatives, reason)
    plain = cohort.probabilities(entry.finding)[known]
    logits = np.log(plain) - np.log1p(-plain)
    calibration = fit_platt(present, logits)
    probabilities = calibration.apply(logits)
    area = auroc_interval(present, logits, patients=cohort.clusters[known])
    metadata = replace(
        entry,
        calibration=calibration,
        thresholds={policy: float(choose(present, probabilities)) for policy, choose in POLICIES.items()},
        auroc=area,
        positives=positives,
        negatives=negatives,
        validated=area.above(0.5),
        calibration_test=None,
    )
    return CalibratedFinding(metadata, positives, negatives, None)


def _refusals(findings: tuple[CalibratedFinding, ...]) -> list[str]:
    return [one.refusal for one in findings if one.refusal is not None]
