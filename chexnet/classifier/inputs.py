"""The files that the arguments of `chexnet predict` stand for."""

import glob
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from chexnet._files import walk_folder

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
        passed_over: files of folders that are not radiographs by name or by content.
    """

    files: tuple[InputFile, ...]
    passed_over: tuple[Path, ...]


def find_inputs(arguments: Iterable[str]) -> Inputs:
    """Files, folders (searched to the bottom) and glob patterns, as files. A file found twice counts once.

    Links to folders are followed; a folder that is reached twice is searched once, so that no loop can arise.
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
    for parent, names in walk_folder(folder, unlisted.append):
        for name in names:
            path = parent / name
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
