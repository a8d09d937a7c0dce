"""What a stage is, and what it leaves on disk: a folder that is whole, and `stage.json` about it.

A stage works in `<name>.partial` and ends by renaming it to `<name>`, so a folder under its final name is
whole. Its `stage.json` holds what the stage was made from and the SHA-256 of all that it left.
"""

import hashlib
import importlib.metadata
import json
import platform
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chexnet._files import file_sha256, write_whole
from chexnet._options import Progress
from chexnet._typed_json import from_json, to_json

RECORD = "stage.json"
_EARLIER = "earlier"
"""Folder for hours of work that nothing asks for any more; nothing of it is deleted."""
_PACKAGES = ("chexnet", "numpy", "onnxruntime", "pillow", "torch", "lightning", "matplotlib")


@dataclass(frozen=True)
class Stage:
    """One step from the data set to the report.

    Attributes:
        name: of the stage, and of the folder that it leaves.
        about: what it does, in a few words.
        run: does it: gets the folder to write to and a progress to report to, returns details to record.
        settings: all that decides the outcome beside files, as JSON would store it.
        sources: files from elsewhere that it reads, by what they are.
        needs: stages whose folders it reads, and without which it cannot run.
        uses: stages whose folders it reads where they are there.
        after: stages that must be done before it, of which it reads nothing.
        resumes: whether `run` continues what an interrupted one has left, which is then never deleted.
        products: the files that others read; the loss of any other file is no reason to run again. Empty:
            all files are.
    """

    name: str
    about: str
    run: Callable[[Path, Progress], Mapping[str, Any] | None]
    settings: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Path] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    uses: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    resumes: bool = False
    products: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """A file that a stage left: its hash, its size, and when it was changed."""

    sha256: str
    bytes: int
    changed_ns: int


@dataclass(frozen=True)
class Attempt:
    """When one run of a stage started, and how long it took; None where it was killed."""

    started: str
    seconds: float | None = None


@dataclass(frozen=True)
class Record:
    """What `stage.json` says.

    Attributes:
        inputs: settings, and hashes of sources and of stages before it.
        outputs: each file that it left; None until it has ended.
        details: what `run` returned.
        software: versions.
    """

    stage: str
    inputs: dict[str, Any]
    attempts: tuple[Attempt, ...]
    outputs: dict[str, Output] | None = None
    details: dict[str, Any] = field(default_factory=dict)
    software: dict[str, str] = field(default_factory=dict)

    def products(self, stage: Stage) -> dict[str, Output]:
        """The files that others read, by their names in the order of the alphabet."""
        left = sorted((self.outputs or {}).items())
        return {name: one for name, one in left if not stage.products or name in stage.products}

    def digest(self, stage: Stage) -> str:
        """SHA-256 of all that others read."""
        lines = [f"{one.sha256}  {name}\n" for name, one in self.products(stage).items()]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_record(folder: Path) -> Record | None:
    """What `stage.json` in the folder says; None where there is none that can be read."""
    try:
        return from_json(Record, json.loads((folder / RECORD).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        # As after a power failure: the stage is then done again.
        return None


def read_whole(stage: Stage, folder: Path) -> tuple[Record | None, str]:
    """The record of a finished stage whose products are all as it left them, or None and why.

    A file with the recorded size and time of change counts as unchanged, as in git; otherwise its bytes
    decide.
    """
    record = read_record(folder)
    if record is None or record.outputs is None:
        return None, "not done yet"
    for name, one in record.products(stage).items():
        path = folder / name
        if not path.is_file():
            return None, f"{name} is no longer there"
        status = path.stat()
        if status.st_size != one.bytes:
            return None, f"{name} has another size than when it was written"
        if status.st_mtime_ns != one.changed_ns and file_sha256(path) != one.sha256:
            return None, f"{name} has other bytes than when it was written"
    return record, ""


def write_record(folder: Path, record: Record) -> None:
    """Write `stage.json`, whole or not at all."""
    write_whole(folder / RECORD, json.dumps(to_json(record), indent=1, ensure_ascii=False))


def describe_outputs(folder: Path) -> dict[str, Output]:
    """Each file in the folder but the record."""
    described = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / RECORD:
            status = path.stat()
            name = path.relative_to(folder).as_posix()
            described[name] = Output(file_sha256(path), status.st_size, status.st_mtime_ns)
    return described


def publish(partial: Path, folder: Path, *, keep_old: bool) -> None:
    """Give a complete folder its final name; the folder that had it goes to `earlier`, or is deleted."""
    if folder.exists():
        if keep_old:
            keep_aside(folder)
        else:
            shutil.rmtree(folder)
    partial.rename(folder)


def keep_aside(folder: Path) -> None:
    """Move a folder to `earlier/<name>-<number>` beside it."""
    number = 1
    while (target := folder.parent / _EARLIER / f"{folder.name}-{number}").exists():
        number += 1
    target.parent.mkdir(exist_ok=True)
    folder.rename(target)


def software_versions() -> dict[str, str]:
    """Versions that the numbers may depend on."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[package] = importlib.metadata.version(package)
    return versions
