"""A batch of files from start to end: scored side by side, written down as they come, drawn."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

from chexnet._options import option
from chexnet.classifier.classifier import Classifier, load
from chexnet.classifier.inputs import InputFile
from chexnet.classifier.prediction import NO_MAPS, Prediction
from chexnet.radiograph import NotAChestRadiograph, Radiograph, UnreadableImage, read_radiograph
from chexnet.statistics import POLICIES


@dataclass(frozen=True)
class PredictionJob:
    """What to do with the files, and with which model."""

    output: Path | None = option(
        None,
        "Write one row per image to this .csv, .jsonl, .json or .parquet file. Rows reach the disk "
        "as they come, in <file>.incomplete until all are there.",
    )
    resume: bool = option(
        False, "Go on with an interrupted `output`: images that have a row are not read again."
    )
    heatmaps: Path | None = option(
        None,
        "Write <image>-<Finding>.png into this folder: the radiograph beside its activation map.",
    )
    finding: tuple[str, ...] = option(
        (), "Finding to draw a heat map of; repeat for several. Default: those at their threshold."
    )
    model: Path | None = option(None, "Model file. Default: $CHEXNET_MODEL, or the embedded one.")
    policy: str | None = option(
        None, f"Operating points to apply: {', '.join(POLICIES)}. Default: the model's own."
    )
    gate: bool = option(True, "Reject anything that is not an upright frontal chest radiograph.")
    window: int = option(
        0,
        "Which of a DICOM file's grey-scale windows to apply, counted from 0: first its VOI LUTs, then its "
        "windows. PNG and JPEG have none.",
    )
    workers: int | None = option(None, "Images read at the same time. Default: one per core.")

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise ValueError(f"workers is {self.workers}; expected at least 1")
        if self.window < 0:
            raise ValueError(f"window is {self.window}; expected 0 for the first")
        if self.resume and self.output is None:
            raise ValueError("`resume` continues a table; name it with `output`")
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


@dataclass(frozen=True)
class Scored:
    """One file's result, with the radiograph where there is one."""

    file: InputFile
    prediction: Prediction
    radiograph: Radiograph | None


def run_job(job: PredictionJob, files: Sequence[InputFile]) -> Iterator[Outcome]:
    """Score `files` in order; the table is complete when the last outcome is taken.

    Files that have a row in a resumed table have no outcome.

    Raises:
        InvalidModel: the model file cannot be used, or has no such policy.
        ValueError: a finding that the model does not have, a table of unknown format, or a table to resume
            that another model wrote.
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

            writer = TableWriter(job.output, classifier.findings, classifier.identity, resume=job.resume)
            table = stack.enter_context(writer)
            files = [file for file in files if not table.has(str(file.path))]
        if job.heatmaps:
            if classifier.metadata.maps == "none":
                raise ValueError(f"{job.model}: {NO_MAPS}; leave `heatmaps` out")
            from chexnet.classifier.overlay import HeatmapWriter

            pictures = HeatmapWriter(job.heatmaps, job.finding)
        for scored in score_files(classifier, files, workers=job.workers, gate=job.gate, window=job.window):
            prediction, written = scored.prediction, tuple[Path, ...]()
            if pictures and scored.radiograph:
                try:
                    written = tuple(pictures.write(scored.file.name, scored.radiograph, prediction))
                except OSError:  # a full disk, which the next image would meet too
                    raise
                except Exception as error:
                    note = f"no heat map, {_fault(error)}"
                    prediction = replace(prediction, notes=(*prediction.notes, note))
            if table:
                table.add(prediction)
            yield Outcome(prediction, written, scored.file, scored.radiograph, classifier)


def score_files(
    classifier: Classifier,
    files: Sequence[InputFile],
    *,
    workers: int | None = None,
    gate: bool = True,
    window: int = 0,
) -> Iterator[Scored]:
    """Score `files` in their order; each gives one result, whatever is wrong with it.

    A file that cannot be read yields a prediction of status "error", one that is not a frontal chest
    radiograph of status "refused".

    Each worker decodes and infers on its own, one image at a time, so the numbers are those of
    `Classifier.predict` and only a few images are in memory at once.

    Args:
        classifier: shared by the workers; load it with ``threads=1`` for many files.
        files: as `find_inputs` found them.
        workers: threads; None is one per core.
        gate: refuse what is not a frontal chest radiograph.
        window: see `read_radiograph`.
    """
    workers = min(workers or os.cpu_count() or 1, max(len(files), 1))
    if workers == 1:
        yield from (_score(classifier, file, gate, window) for file in files)
        return
    # One image needs no pool, and starts quicker without the import.
    from concurrent.futures import Future, ThreadPoolExecutor

    pool = ThreadPoolExecutor(workers)
    try:
        waiting = iter(files)
        running: deque[Future[Scored]] = deque(
            pool.submit(_score, classifier, file, gate, window) for file in islice(waiting, 2 * workers)
        )
        while running:
            scored = running.popleft().result()
            running.extend(pool.submit(_score, classifier, file, gate, window) for file in islice(waiting, 1))
            yield scored
    finally:
        pool.shutdown(cancel_futures=True)  # an interrupted batch starts no further image


def _score(classifier: Classifier, file: InputFile, gate: bool, window: int) -> Scored:
    if file.problem is not None:
        return _unread(classifier, file, f"{file.path}: {file.problem}")
    try:
        radiograph = read_radiograph(file.path, window=window)
        prediction = classifier.judge(radiograph, gate=gate)
        if prediction.reason is not None:
            refusal = NotAChestRadiograph(radiograph.source, prediction.reason)
            return Scored(file, replace(prediction, reason=str(refusal)), None)
        return Scored(file, prediction, radiograph)
    except UnreadableImage as error:
        return _unread(classifier, file, str(error), error.notes)
    except Exception as error:  # a fault of ours, which must not cost the other images their rows
        return _unread(classifier, file, f"{file.path}: {_fault(error)}")


def _fault(error: Exception) -> str:
    said = " ".join(str(error).split())[:200]
    return f"an unexpected error of chexnet ({type(error).__name__}: {said}); please report it"


def _unread(classifier: Classifier, file: InputFile, reason: str, notes: tuple[str, ...] = ()) -> Scored:
    prediction = Prediction(str(file.path), "error", reason, (), classifier.identity, notes=notes)
    return Scored(file, prediction, None)
