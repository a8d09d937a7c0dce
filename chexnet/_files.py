"""Files that are written whole or not at all, the SHA-256 of a file, and all files of a folder."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

UNFINISHED = ".new"
"""Ends the name of a file that is still being written; what a crash leaves behind has it."""


@contextmanager
def whole_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A path to write to, beside `path`; it becomes `path` if the block ends without an exception.

    After an exception nothing is left of it, and an older file at `path` is as it was.

    Args:
        path: in a folder that exists.
        durable: wait until the bytes are on the disk, so that a power failure cannot empty the file.
    """
    partial = path.with_name(path.name + UNFINISHED)
    try:
        yield partial
        if durable:
            with partial.open("rb") as file:
                os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_whole(path: Path, content: bytes | str, *, durable: bool = False) -> None:
    """Write a file that is there with all its bytes or not at all; text becomes UTF-8."""
    with whole_file(path, durable=durable) as partial:
        partial.write_bytes(content.encode() if isinstance(content, str) else content)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    return file_digest(path, "sha256")


def file_digest(path: Path, algorithm: str) -> str:
    """Digest of a file's bytes by an algorithm of `hashlib`, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def walk_folder(
    folder: Path, unlisted: Callable[[OSError], None] | None = None
) -> Iterator[tuple[Path, list[str]]]:
    """Each folder below `folder` and the names of its files, both in order of their names.

    Links to folders are followed. A folder that can be reached in several ways is visited once, so that
    links in a loop end and no file is found twice.

    Args:
        folder: where to begin; it comes first.
        unlisted: called with the error of each folder that cannot be listed, which has its `filename`.
    """
    visited: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, onerror=unlisted, followlinks=True):
        status = Path(parent).stat()
        if (status.st_dev, status.st_ino) in visited:
            folders.clear()
            continue
        visited.add((status.st_dev, status.st_ino))
        # Links come last, so that a folder beside them is found under its own name.
        folders.sort(key=lambda name: (Path(parent, name).is_symlink(), name))
        yield Path(parent), sorted(names)
