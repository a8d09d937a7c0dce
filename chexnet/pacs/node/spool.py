"""Files that wait: written whole and on the disk before they are acknowledged."""

import os
import re
import shutil
import uuid
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from chexnet._files import UNFINISHED


class Spool:
    """A folder with `incoming/` for images and `results/` for what is made of them.

    Args:
        folder: made if missing, with all that is below it closed to others.
        owner: the node's name, in the names of its files: several nodes may share the folder.

    Raises:
        OSError: it cannot be made or written.
    """

    def __init__(self, folder: Path, owner: str) -> None:
        self.folder = folder
        self._owner = re.sub(r"[^A-Za-z0-9]", "_", owner)[:40]
        for name in ("incoming", "results"):
            (folder / name).mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)

    def begin(self) -> "Unfinished":
        """A new incoming file, to be written and kept."""
        return Unfinished(self.folder / "incoming", f"{self._owner}-{uuid.uuid4().hex}.dcm", self._owner)

    def write(self, name: str, content: bytes) -> str:
        """Write a result; its path in the spool. The same name gets the same bytes."""
        path = self.folder / "results" / name
        if not (path.exists() and path.read_bytes() == content):
            unfinished = Unfinished(path.parent, path.name, self._owner)
            unfinished.file.write(content)
            unfinished.keep()
        return f"results/{name}"

    def read(self, file: str) -> bytes:
        """The bytes of a file, by its path in the spool."""
        return (self.folder / file).read_bytes()

    def remove(self, file: str) -> None:
        """Remove a file, if it is there."""
        (self.folder / file).unlink(missing_ok=True)

    def free_mb(self) -> float:
        """Free disk space, in units of 10**6 bytes."""
        return shutil.disk_usage(self.folder).free / 1e6

    def sweep(self, queued: Collection[str]) -> int:
        """Remove what this node left unfinished or without a row; none of it was acknowledged.

        Args:
            queued: the files that have a row.

        Returns:
            How many files there were.
        """
        unfinished = self.folder.glob(f"*/{self._owner}-*{UNFINISHED}")
        unknown = [
            path
            for path in self.folder.glob(f"incoming/{self._owner}-*.dcm")
            if f"incoming/{path.name}" not in queued
        ]
        leftovers = [*unfinished, *unknown]
        for path in leftovers:
            path.unlink(missing_ok=True)
        return len(leftovers)


class Unfinished:
    """A file that is being written; it appears under its name by `keep`."""

    def __init__(self, folder: Path, name: str, owner: str) -> None:
        self._path = folder / name
        self._partial = folder / f"{owner}-{name}{UNFINISHED}"
        self.file: BinaryIO = self._partial.open("wb")

    def keep(self) -> str:
        """Bytes, then name, then folder onto the disk; the path in the spool."""
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self._partial.replace(self._path)
        descriptor = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        return f"{self._path.parent.name}/{self._path.name}"

    def discard(self) -> None:
        """Leave nothing behind."""
        self.file.close()
        self._partial.unlink(missing_ok=True)
