"""Names of images: a path relative to an image root, and how two lists of them are compared."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_CASE_MATTERS = sys.platform not in ("win32", "darwin")
"""Whether the file systems of this machine distinguish capitals, as a rule."""

_Parts = tuple[str, ...]


@dataclass(frozen=True)
class MatchedImages:
    """Which image of one list is which of another.

    Attributes:
        rows: for each wanted image its row among the known ones; None where it is not there.
        by: "name"; "file name" or "end of the path" where one side has other folders before it.
    """

    rows: Sequence[int | None]
    by: str


def image_name(text: str, root: Path | None = None) -> str:
    r"""A name as all tables of one image should give it: ``scans\a.png`` and ``./scans/a.png`` are one.

    Args:
        root: a full path below it becomes relative to it.
    """
    path = PurePosixPath(text if "/" in text else text.replace("\\", "/"))
    above = None if root is None else PurePosixPath(root.absolute().as_posix())
    return str(path.relative_to(above) if above is not None and path.is_relative_to(above) else path)


def match_images(
    wanted: Sequence[str], known: Sequence[str], *, without_extension: bool = False
) -> MatchedImages:
    """Find images by their name; where no name is common, by the end of their paths.

    For the latter, the folder that all images of a side lie in counts for nothing, and one name has to be
    the end of the other: ``train/p1/view1.jpg`` is ``p1/view1.jpg``, and ``p2/view1.jpg`` is not. If the
    end of one name fits two images, nothing matches.

    Args:
        without_extension: also take ``a.png`` and ``a.dcm`` for one image.
    """
    row_of = {name: row for row, name in enumerate(known)}
    rows = [row_of.get(name) for name in wanted]
    if any(row is not None for row in rows):
        return MatchedImages(rows, "name")
    ends = _Ends([_parts(name, without_extension) for name in known])
    sought = _below_common_folder([_parts(name, without_extension) for name in wanted])
    found = [ends.find(parts) for parts in sought]
    rows = [None if one is None else one[0] for one in found]
    taken = [row for row in rows if row is not None]
    if ends.ambiguous or len(set(taken)) < len(taken):
        return MatchedImages([None] * len(wanted), "name")
    deep = any(one is not None and one[1] > 1 for one in found)
    return MatchedImages(rows, "end of the path" if deep else "file name")


class _Ends:
    """Known images by every end of their paths."""

    def __init__(self, known: Sequence[_Parts]) -> None:
        self.ambiguous = False
        self._whole: dict[_Parts, int] = {}
        self._by_end: dict[_Parts, list[int]] = {}
        for row, parts in enumerate(_below_common_folder(known)):
            self._whole[parts] = row
            for end in _ends(parts):
                self._by_end.setdefault(end, []).append(row)

    def find(self, parts: _Parts) -> tuple[int, int] | None:
        """The row of the image that one path is the end of the other's, and how many parts agree."""
        rows = self._by_end.get(parts, [])
        self.ambiguous |= len(rows) > 1 and parts not in self._whole
        if parts in self._whole:
            return self._whole[parts], len(parts)
        if rows:
            return rows[0], len(parts)
        return next(((self._whole[end], len(end)) for end in _ends(parts) if end in self._whole), None)


def _parts(name: str, without_extension: bool) -> _Parts:
    path = PurePosixPath(image_name(name))
    parts = (path.with_suffix("") if without_extension else path).parts
    return parts if _CASE_MATTERS else tuple(part.casefold() for part in parts)


def _below_common_folder(names: Sequence[_Parts]) -> list[_Parts]:
    # Of all paths in order, the first and the last differ the earliest.
    first, last = (min(names)[:-1], max(names)[:-1]) if names else ((), ())
    same = [one == other for one, other in zip(first, last, strict=False)]
    common = same.index(False) if False in same else len(same)
    return [parts[common:] for parts in names]


def _ends(parts: _Parts) -> Iterator[_Parts]:
    """Every end of a path, the longest first."""
    return (parts[start:] for start in range(len(parts)))
