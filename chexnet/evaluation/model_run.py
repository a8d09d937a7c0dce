"""Measuring a model file on images, where there is no table of predictions yet."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chexnet._files import file_sha256
from chexnet.arrays import Float
from chexnet.classifier import (
    DEFAULT_MODEL,
    NO_MAPS,
    Classifier,
    InputFile,
    Scored,
    find_inputs,
    load,
    overlay,
    score_files,
)
from chexnet.evaluation.operating_points import Thresholds
from chexnet.leakage import TrainingImages
from chexnet.radiograph import over_image, read_radiograph
from chexnet.tables import BadTable, Predictions, read_table


@dataclass(frozen=True)
class Film:
    """A film beside its activation map, as pixels, with its caption (Figure 2)."""

    picture: np.ndarray
    caption: str


@dataclass(frozen=True)
class ModelRun:
    """A model's predictions, and what its file says of itself.

    Attributes:
        thresholds: the model's own, from its validation images; None where it has none.
        training: the hash of the images it was trained on; None where the file does not say.
    """

    predictions: Predictions
    thresholds: Thresholds | None
    training: TrainingImages | None


def run_model(model: Path, images: Path, progress: Callable[[int, int], None] | None = None) -> ModelRun:
    """Predict every radiograph of a folder (or one file).

    Raises:
        ValueError: the model file is none (InvalidModel), or no image could be scored.
    """
    classifier = load(model, threads=1)
    files = find_inputs([str(images)]).files
    good: list[Scored] = []
    reasons = Counter[str]()
    first_bad = ""
    for done, scored in enumerate(score_files(classifier, files), start=1):
        if scored.prediction.status == "ok":
            good.append(scored)
        else:
            reasons[scored.prediction.status] += 1
            first_bad = first_bad or f"{scored.file.name}: {scored.prediction.reason}"
        if progress:
            progress(done, len(files))
    if not good:
        hint = f"; the first is {first_bad}" if first_bad else "; expected radiographs"
        raise ValueError(f"{images}: none of {len(files)} files could be scored{hint}")
    return ModelRun(
        Predictions(
            name=classifier.identity.name,
            images=[one.file.name.as_posix() for one in good],
            findings=classifier.findings,
            probabilities=_probabilities(good),
            not_scored=dict(reasons),
            source=(Path(model).name, classifier.identity.sha256),
        ),
        thresholds_of(classifier),
        training_of(classifier),
    )


def run_maps(
    model: Path | None, images: Path | Mapping[str, Path], wanted: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], Float[np.ndarray, "rows columns"]]:
    """The model's activation map for each wanted (image name, finding) whose film is there.

    Args:
        model: None is the model that comes with chexnet.
        images: the folder of the films, or the file of each by its name.

    Raises:
        ValueError: the model does not know a finding, or has no maps.
    """
    classifier = load(model, threads=1)
    if classifier.metadata.maps == "none":
        raise ValueError(f"{classifier.path.name}: {NO_MAPS} to compare with boxes")
    unknown = sorted({finding for _, finding in wanted} - set(classifier.findings))
    if unknown:
        raise ValueError(f"{classifier.path.name} has no finding {', '.join(unknown)}")
    names = sorted({image for image, _ in wanted})
    places = images if isinstance(images, Mapping) else {name: images / name for name in names}
    files = [
        InputFile(places[name], Path(name)) for name in names if name in places and places[name].is_file()
    ]
    maps = {
        scored.file.name.as_posix(): _over_image(scored)
        for scored in score_files(classifier, files)
        if scored.prediction.maps is not None
    }
    return {
        (image, finding): maps[image][classifier.findings.index(finding)]
        for image, finding in wanted
        if image in maps
    }


def _over_image(scored: Scored) -> list[Float[np.ndarray, "rows columns"]]:
    """The maps where boxes are drawn: over the whole image, lowest on its borders."""
    maps, radiograph = scored.prediction.maps, scored.radiograph
    assert maps is not None and radiograph is not None
    return [over_image(layer, radiograph, outside=float(layer.min())) for layer in maps]


def draw_film(model: Path | None, image: Path, finding: str) -> Film:
    """A film beside its activation map, for the report's Figure 2.

    Raises:
        ValueError: the film cannot be read, or the model does not know the finding.
    """
    classifier = load(model)
    radiograph = read_radiograph(image)
    if finding not in classifier.findings:
        raise ValueError(f"{classifier.path.name} has no finding {finding!r}")
    prediction = classifier.predict(radiograph, gate=False)  # it was asked for by name
    picture = overlay(radiograph, prediction, finding).picture
    return Film(np.asarray(picture), f"{image.name}: {finding.replace('_', ' ')}")


def thresholds_of(classifier: Classifier) -> Thresholds | None:
    """The operating points in the model file, of its validated findings."""
    found = {one.finding: one.threshold(classifier.policy) for one in classifier.metadata.findings}
    values = {finding: threshold for finding, threshold in found.items() if threshold is not None}
    missing = dict.fromkeys(found.keys() - values.keys(), "the model file does not validate it")
    source = f"the model file ({classifier.policy} on its validation images)"
    return Thresholds(values, source, missing) if values else None


def training_of(classifier: Classifier) -> TrainingImages | None:
    """What the model file says of its training images: the hash of all names, perhaps that of each."""
    sha256 = classifier.metadata.training.get("train_ids_sha256")
    known = sha256 if isinstance(sha256, str) else None
    if known is None and classifier.training_set is None:
        return None
    return TrainingImages(classifier.path.name, None, known, {}, classifier.training_set)


def training_of_predictions(path: Path) -> TrainingImages | None:
    """What the embedded model says of its training images, if it made the table; else None.

    `chexnet predict` writes the SHA-256 of the model's file beside each row.
    """
    try:
        made_by = set(read_table(path).columns.get("model_sha256", ())) - {""}
    except BadTable:
        return None  # whoever reads it will say more
    return training_of(load(DEFAULT_MODEL, threads=1)) if made_by == {file_sha256(DEFAULT_MODEL)} else None


def _probabilities(scored: Sequence[Scored]) -> Float[np.ndarray, "images findings"]:
    return np.array(
        [[finding.probability for finding in one.prediction.findings] for one in scored], dtype=np.float64
    )
