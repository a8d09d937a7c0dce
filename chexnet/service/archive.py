"""`--keep`: images and results on disk, for those who ask for it."""

import json
from pathlib import Path
from typing import Any

from chexnet._files import UNFINISHED, whole_file

_SUFFIXES = {"PNG": ".png", "JPEG": ".jpg", "DICOM": ".dcm"}


class Archive:
    """A folder with `<id>.json` and `<id>.png`, `.jpg` or `.dcm`, the image as it was uploaded.

    Names come from the result's id, never from the upload. A file appears whole or not at all; what a
    crash left half written goes at the next start.

    Args:
        folder: made if missing.

    Raises:
        OSError: the folder cannot be made or written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for path in folder.glob(f"*{UNFINISHED}"):
            path.unlink()

    def keep(self, id: str, content: bytes, result: dict[str, Any]) -> None:
        """Write the image, then its result."""
        suffix = _SUFFIXES[result["radiograph"]["file_format"]]
        self._write(f"{id}{suffix}", content)
        self._write(f"{id}.json", json.dumps(result, ensure_ascii=False, indent=1).encode())

    def _write(self, name: str, content: bytes) -> None:
        with whole_file(self._folder / name, durable=True) as partial:
            partial.write_bytes(content)
            partial.chmod(0o600)
