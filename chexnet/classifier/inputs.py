"""Many files: find them, score them side by side, lose none."""

import glob
import os
import stat
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from chexnet.classifier.classifier import Classifier
from chexnet.classifier.prediction import Prediction
from chexnet.radiograph import NotAChestRadiograph, Radiograph, UnreadableImage, read_radiograph

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".dic")
"""Files of a folder that are taken for radiographs by their name; others are looked into for DICOM."""


@dataclass(frozen=True)
class InputFile:
    """A file to score.

    Attributes:
        path: the file, or the folder that cannot be listed.
        name: its path within the folder it was found in, or its file name where it was named itself.
        problem: why it cannot even be opened; None for a file that is there.
    """

    path: Path
    name: Path
    problem: str | None = None


@dataclass(frozen=True)
class Inputs:
    """What the arguments of `chexnet predict` stand for.

    Attributes:
        files: in the order of the arguments, folders sorted by name.
        passed_over: files of folders that are no radiographs by name or by content.
    """

    files: tuple[InputFile, ...]
    passed_over: tuple[Path, ...]


@dataclass(frozen=True)
class Scored:
    """One file's result, with the radiograph where there is one."""

    file: InputFile
    prediction: Prediction
    radiograph: Radiograph | None


def find_inputs(arguments: Iterable[str]) -> Inputs:
    """Files, folders (searched to the bottom) and glob patterns, as files. A file found twice counts once.

    Links to folders are not followed, so that no loop can arise.
    """
    files: dict[Path, InputFile] = {}
    passed_over: list[Path] = []
    for argument in arguments:
        for path in _matches(argument):
            for found in _walk(path, passed_over) if path.is_dir() else [InputFile(path, Path(path.name))]:
                files.setdefault(found.path, found)
    return Inputs(tuple(files.values()), tuple(passed_over))


def _matches(argument: str) -> list[Path]:
    if not os.path.lexists(argument) and glob.has_magic(argument):
        found = glob.glob(argument, recursive=True)  # noqa: PTH207 (the pattern may be absolute)
        return [Path(match) for match in sorted(found)] or [Path(argument)]
    return [Path(argument)]


def _walk(folder: Path, passed_over: list[Path]) -> Iterator[InputFile]:
    unlisted: list[OSError] = []
    for parent, folders, names in os.walk(folder, onerror=unlisted.append):
        folders.sort()
        for name in sorted(names):
            path = Path(parent, name)
            if path.suffix.lower() in SUFFIXES or _is_dicom(path):
                yield InputFile(path, path.relative_to(folder))
            else:
                passed_over.append(path)
    for error in unlisted:
        path = Path(error.filename)
        yield InputFile(path, path.relative_to(folder), f"the folder cannot be listed ({error.strerror})")


def _is_dicom(path: Path) -> bool:
    """Whether a file carries DICOM's prefix (PS3.10, 7.1); archives often store files without a suffix."""
    if path.name == "DICOMDIR":
        return False
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            return file.read(132)[128:] == b"DICM"
    except OSError:
        return False


def score_files(
    classifier: Classifier, files: Sequence[InputFile], *, workers: int | None = None, gate: bool = True
) -> Iterator[Scored]:
    """Score `files` in their order.

    A file that cannot be read yields a prediction of status "error", one that is no frontal chest
    radiograph of status "refused".

    Each worker decodes and infers on its own, one image at a time, so the numbers are those of
    `Classifier.predict` and only a few images are in memory at once.

    Args:
        classifier: shared by the workers; load it with ``threads=1`` for many files.
        files: as `find_inputs` found them.
        workers: threads; None is one a core.
        gate: refuse what is no frontal chest radiograph.
    """
    workers = min(workers or os.cpu_count() or 1, max(len(files), 1))
    if workers == 1:
        yield from (_score(classifier, file, gate) for file in files)
        return
    # One image needs no pool, and starts quicker without the import.
    from concurrent.futures import Future, ThreadPoolExecutor

    with ThreadPoolExecutor(workers) as pool:
        waiting = iter(files)
        running: deque[Future[Scored]] = deque(
            pool.submit(_score, classifier, file, gate) for file in islice(waiting, 2 * workers)
        )
        while running:
            scored = running.popleft().result()
            running.extend(pool.submit(_score, classifier, file, gate) for file in islice(waiting, 1))
            yield scored


def _score(classifier: Classifier, file: InputFile, gate: bool) -> Scored:
    if file.problem is not None:
        return Scored(
            file, _without_findings(classifier, file, "error", f"{file.path}: {file.problem}"), None
        )
    try:
        radiograph = read_radiograph(file.path)
        return Scored(file, classifier.predict(radiograph, gate=gate), radiograph)
    except UnreadableImage as error:
        return Scored(file, _without_findings(classifier, file, "error", str(error), error.notes), None)
    except NotAChestRadiograph as error:
        return Scored(file, _without_findings(classifier, file, "refused", str(error), error.notes), None)


def _without_findings(
    classifier: Classifier, file: InputFile, status: str, reason: str, notes: tuple[str, ...] = ()
) -> Prediction:
    return Prediction(
        image=str(file.path),
        status="refused" if status == "refused" else "error",
        reason=reason,
        findings=(),
        model=classifier.identity,
        notes=notes,
    )
