"""Names of images: a path relative to an image root, and how two lists of them are compared."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_DEPTH = 12
"""Parts at the end of a path that are compared at most."""


@dataclass(frozen=True)
class MatchedImages:
    """Which image of one list is which of another.

    Attributes:
        rows: for each wanted image its row among the known ones; None where it is not there.
        by: "name"; "file name" or "last 3 parts of the path" where one side has other folders before it.
    """

    rows: Sequence[int | None]
    by: str


def image_name(text: str, root: Path | None = None) -> str:
    r"""A name as all tables of one image should give it: ``films\a.png`` and ``./films/a.png`` are one.

    Args:
        root: a full path below it becomes relative to it.
    """
    path = PurePosixPath(text if "/" in text else text.replace("\\", "/"))
    above = None if root is None else PurePosixPath(root.absolute().as_posix())
    return str(path.relative_to(above) if above is not None and path.is_relative_to(above) else path)


def match_images(wanted: Sequence[str], known: Sequence[str]) -> MatchedImages:
    """Find images by their name; where none is common, by the end of their paths.

    As many parts of the path count as are needed for the names to be unambiguous on both sides, so that
    ``train/p1/view1.jpg`` is found as ``p1/view1.jpg`` although every patient has a ``view1.jpg``.
    """
    for parts in range(_DEPTH + 1):
        by_key = {_end(name, parts): row for row, name in enumerate(known)}
        keys = [_end(name, parts) for name in wanted]
        rows = [by_key.get(key) for key in keys]
        unambiguous = len(by_key) == len(known) and len(set(keys)) == len(keys)
        if any(row is not None for row in rows) and (not parts or unambiguous):
            by = {0: "name", 1: "file name"}.get(parts, f"last {parts} parts of the path")
            return MatchedImages(rows, by)
    return MatchedImages([None] * len(wanted), "name")


def _end(name: str, parts: int) -> str:
    """The last parts of a path; 0 is all of it as it stands."""
    return "/".join(PurePosixPath(image_name(name)).parts[-parts:]) if parts else name
