"""A batch of files from start to end: scored, tabled, drawn."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from chexnet._options import option
from chexnet.classifier.classifier import Classifier, load
from chexnet.classifier.inputs import InputFile, score_files
from chexnet.classifier.prediction import NO_MAPS, Prediction
from chexnet.radiograph import Radiograph
from chexnet.statistics import POLICIES


@dataclass(frozen=True)
class PredictionJob:
    """What to do with the files, and with which model."""

    output: Path | None = option(None, "Write one row per image to this .csv, .json or .parquet file.")
    heatmaps: Path | None = option(
        None, "Write <image>-<Finding>.png into this folder: the radiograph beside its activation map."
    )
    finding: tuple[str, ...] = option(
        (), "Finding to draw a heat map of; repeat for several. Default: those at their threshold."
    )
    model: Path | None = option(None, "Model file. Default: the embedded one.")
    policy: str | None = option(
        None, f"Operating points to apply: {', '.join(POLICIES)}. Default: the model's own."
    )
    gate: bool = option(True, "Reject anything that is not an upright frontal chest radiograph.")
    workers: int | None = option(None, "Images read at the same time. Default: one per core.")

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers is {self.workers}; expected at least 1")
        if self.heatmaps is not None and self.heatmaps.exists() and not self.heatmaps.is_dir():
            raise ValueError(f"heatmaps is {self.heatmaps}, a file; expected a folder to write pictures into")


@dataclass(frozen=True)
class Outcome:
    """One file's prediction, and the heat maps that were written of it.

    Attributes:
        prediction: of the file.
        pictures: the heat maps.
        file: what was read.
        radiograph: as it was read; None where it was refused or unreadable.
        classifier: which predicted.
    """

    prediction: Prediction
    pictures: tuple[Path, ...]
    file: InputFile
    radiograph: Radiograph | None
    classifier: Classifier


def run_job(job: PredictionJob, files: Sequence[InputFile]) -> Iterator[Outcome]:
    """Score `files` in order; the table is complete when the last outcome is taken.

    Raises:
        InvalidModel: the model file cannot be used, or has no such policy.
        ValueError: a finding that the model does not have, or a table of unknown format.
        OSError: a result cannot be written.
    """
    # One image takes all cores; of many, each takes one.
    many = len(files) > 1
    classifier = load(job.model, policy=job.policy, threads=1 if many else None, one_image=not many)
    unknown = [finding for finding in job.finding if finding not in classifier.findings]
    if unknown:
        raise ValueError(f"no finding {', '.join(unknown)}; the model has {', '.join(classifier.findings)}")
    with ExitStack() as stack:
        table = pictures = None
        # Both are loaded only where they are asked for, to keep the cold start short.
        if job.output:
            from chexnet.classifier.table import TableWriter

            table = stack.enter_context(TableWriter(job.output, classifier.findings, classifier.identity))
        if job.heatmaps:
            if classifier.metadata.maps == "none":
                raise ValueError(f"{job.model}: {NO_MAPS}; leave --heatmaps out")
            from chexnet.classifier.overlay import HeatmapWriter

            pictures = HeatmapWriter(job.heatmaps, job.finding)
        for scored in score_files(classifier, files, workers=job.workers, gate=job.gate):
            if table:
                table.add(scored.prediction)
            written: list[Path] = []
            if pictures and scored.radiograph:
                written = pictures.write(scored.file.name, scored.radiograph, scored.prediction)
            yield Outcome(scored.prediction, tuple(written), scored.file, scored.radiograph, classifier)
