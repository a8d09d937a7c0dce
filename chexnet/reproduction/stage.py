"""A stage of a reproduction: what it needs, what it leaves, and whether that still holds.

A stage works in `<name>.partial` and ends by renaming it to `<name>`, so a folder under its final name is
whole. Its `stage.json` holds what the stage was made from and the SHA-256 of all that it left; from these two
the next run knows whether to do it again.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chexnet._files import file_sha256, write_whole
from chexnet._options import Progress

RECORD = "stage.json"
EARLIER = "earlier"
"""Folder for what hours have gone into and is no longer asked for; nothing of it is deleted."""


@dataclass(frozen=True)
class Stage:
    """One step from the data set to the report.

    Attributes:
        name: of the stage, and of the folder that it leaves.
        about: what it does, in a few words.
        run: does it: gets the folder to write to and a progress to tell of, returns what is worth recording.
        settings: all that decides the outcome beside files, as JSON would store it.
        sources: files from elsewhere that it reads, by what they are.
        needs: stages whose folders it reads, and without which it cannot run.
        uses: stages whose folders it reads where they are there.
        after: stages that must be done before it, of which it reads nothing.
        resumes: whether `run` goes on with what an interrupted one has left, which is then never deleted.
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


@dataclass(frozen=True)
class Finished:
    """What a finished stage recorded.

    Attributes:
        inputs: settings, and hashes of sources and of stages before it.
        outputs: SHA-256, size and time of change of each file that it left.
        attempts: when each run of it started and how long it took; no `seconds` where it was killed.
        details: what `run` returned.
        software: versions.
    """

    inputs: Mapping[str, Any]
    outputs: Mapping[str, Mapping[str, Any]]
    attempts: tuple[Mapping[str, Any], ...]
    details: Mapping[str, Any]
    software: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of all that the stage left."""
        lines = [f"{entry['sha256']}  {name}\n" for name, entry in sorted(self.outputs.items())]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def read_record(folder: Path) -> dict[str, Any] | None:
    """What `stage.json` in the folder says; None where there is none that can be read."""
    path = folder / RECORD
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        whole = [_are(dict, content["inputs"], *content["attempts"])]
        if "outputs" in content:
            left = content["outputs"].values()
            whole += [_are(dict, content["details"], *left), _are(str, *content["software"].values())]
            whole += [_are(str, one["sha256"]) and _are(int, one["bytes"], one["changed_ns"]) for one in left]
    except (ValueError, KeyError, TypeError, AttributeError):
        # As after a loss of power: the stage is then done again.
        return None
    return content if all(whole) else None


def _are(kind: type, *values: Any) -> bool:
    return all(isinstance(value, kind) for value in values)


def write_record(folder: Path, content: Mapping[str, Any]) -> None:
    """Write `stage.json`, whole or not at all."""
    write_whole(folder / RECORD, json.dumps(content, indent=1, ensure_ascii=False))


def read_finished(folder: Path) -> tuple[Finished | None, str]:
    """The record of a finished stage whose files are all as it left them, or None and why.

    A file of the recorded size and time of change is taken for unchanged, as git does; otherwise its bytes
    decide.
    """
    content = read_record(folder)
    if content is None or "outputs" not in content:
        return None, "not done yet"
    for name, entry in content["outputs"].items():
        path = folder / name
        if not path.is_file():
            return None, f"{name} is no longer there"
        status = path.stat()
        if status.st_size != entry["bytes"]:
            return None, f"{name} has another size than when it was written"
        if status.st_mtime_ns != entry["changed_ns"] and file_sha256(path) != entry["sha256"]:
            return None, f"{name} has other bytes than when it was written"
    found = Finished(
        content["inputs"],
        content["outputs"],
        tuple(content["attempts"]),
        content["details"],
        content["software"],
    )
    return found, ""


def describe_outputs(folder: Path) -> dict[str, dict[str, Any]]:
    """SHA-256, size and time of change of each file in the folder but the record."""
    described = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / RECORD:
            status = path.stat()
            described[path.relative_to(folder).as_posix()] = {
                "sha256": file_sha256(path),
                "bytes": status.st_size,
                "changed_ns": status.st_mtime_ns,
            }
    return described


def differences(held: Mapping[str, Any], wanted: Mapping[str, Any], prefix: str = "") -> list[str]:
    """How the inputs of a stage have changed, in words."""
    found = []
    for key in sorted({*held, *wanted}):
        one, other = held.get(key), wanted.get(key)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            found += differences(one, other, f"{prefix}{key} ")
        elif one != other:
            short = [f"{value}"[:12] for value in (one, other)]
            found.append(f"{prefix}{key} was {short[0]} and is {short[1]}")
    return found


def keep_aside(folder: Path) -> Path:
    """Move a folder to `earlier/<name>-<number>` beside it; returns where it went."""
    number = 1
    while (target := folder.parent / EARLIER / f"{folder.name}-{number}").exists():
        number += 1
    target.parent.mkdir(exist_ok=True)
    folder.rename(target)
    return target


def publish(partial: Path, folder: Path, *, keep_old: bool) -> None:
    """Give a complete folder its final name; what bore it goes to `earlier`, or away."""
    if folder.exists():
        if keep_old:
            keep_aside(folder)
        else:
            old = folder.with_name(f"{folder.name}.old")
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
            partial.rename(folder)
            shutil.rmtree(old)
            return
    partial.rename(folder)
